"""Make every table and figure of docs/ that comes from stored results.

Each function reads docs/ and writes into a folder of the same form, so that a test can compare new
files with the committed ones.
"""

import contextlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import records, verdicts
from benchmarks.reproduction import claims, figure2, manifest, redraws, runs, table1, table2
from benchmarks.speed import goals, peers, roofline
from ganinv_cli.cli import main

# Results file, folder in docs/, and the parts of the report that are shown there.
REPORTS = {
    "recover.h5": ("recover", "table1", ("convergence", "figure1-stochastic")),
    "noise-sweep.h5": ("noise-sweep", "noise-sweep", ("figure2a", "figure2b-variance=0.1")),
    "consistency.h5": ("consistency", "table2", ("image=0000",)),
    "invert.h5": ("invert", "invert", ("reconstructions",)),
    "gan-face-normal-preconditioned.h5": ("gan-faces/normal", "table1", ("figure1-stochastic",)),
    "gan-face-uniform-preconditioned.h5": ("gan-faces/uniform", "table1", ("figure1-stochastic",)),
}
TABLES = ("table1", "table2", "figure2", "redraws", "claims", "runs")  # in docs/reproduction
FIGURES = ("predicted", "table2", "figure2")
MEASUREMENTS: Mapping[str, Callable[[records.Record], str]] = {  # JSON in docs/ -> its page
    "invert/verdicts": verdicts.format_page,
    "scaling/gpu": records.format_page,
    "scaling/million": records.format_page,
    "scaling/workers": records.format_page,
    "solvers/peers": peers.format_page,
    "solvers/roofline": roofline.format_page,
}
DIGITS = 10  # in JSON and CSV: the last digits differ between processors
LONG_NUMBER = re.compile(rf"\d+\.\d{{{DIGITS},}}(e[+-]?\d+)?")


def list_generated() -> list[Path]:
    """Return the files of docs/ that `write_all` writes, relative to it."""
    reports = [
        Path(folder, name)
        for folder, table, figures in REPORTS.values()
        for name in (*_name_tables(table), *(f"{figure}.png" for figure in figures))
    ]
    made = [f"reproduction/{name}.{ending}" for name in TABLES for ending in ("json", "md")]
    made += [f"reproduction/{name}.png" for name in FIGURES]
    made += [*(f"{name}.md" for name in MEASUREMENTS), "solvers/goals.md", "results/SHA256SUMS"]
    return sorted([*reports, *map(Path, made)])


def write_all(docs: Path, out: Path) -> None:
    """Write every generated file."""
    for path in list_generated():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
    write_reports(docs, out)
    write_tables(docs / "results", docs / "reproduction", out / "reproduction")
    for name, format_page in MEASUREMENTS.items():
        page = format_page(json.loads((docs / f"{name}.json").read_text("utf-8")))
        (out / f"{name}.md").write_text(page, "utf-8")
    page = goals.make_page(docs / "results", docs / "solvers")
    (out / "solvers" / "goals.md").write_text(page, "utf-8")
    (out / "results" / "SHA256SUMS").write_text(manifest.list_hashes(docs / "results"), "utf-8")


def write_reports(docs: Path, out: Path) -> None:
    """Write the output of `ganinv report` for results files, as far as docs/ shows it."""
    for name, (folder, table, figures) in REPORTS.items():
        with tempfile.TemporaryDirectory() as whole:
            with contextlib.chdir(docs / "results"), contextlib.redirect_stdout(io.StringIO()):
                main(["report", name, "--out", whole], standalone_mode=False)
            for file in _name_tables(table):
                text = Path(whole, file).read_text("utf-8")
                if file.endswith((".csv", ".json")):
                    text = LONG_NUMBER.sub(round_number, text)
                (out / folder / file).write_text(text, "utf-8")
            for figure in figures:
                shutil.copy(Path(whole, f"{figure}.png"), out / folder)


def write_tables(results: Path, stored: Path, out: Path) -> None:
    """Write the tables and figures of docs/reproduction; `stored` has ends.json."""
    recoveries = list(runs.read_runs(results))
    ends = json.loads((stored / "ends.json").read_text("utf-8"))
    cells, sweeps = table2.measure_cells(results), figure2.read_sweeps(results)
    cell_tables, sweep_tables = table2.make_sections(cells), figure2.make_sections(sweeps)
    _write_sections(table1.make_sections(recoveries), out / "table1.json")
    _write_sections(cell_tables, out / "table2.json")
    _write_sections(sweep_tables, out / "figure2.json")
    _write_sections(redraws.make_sections(recoveries, ends), out / "redraws.json")
    claimed = claims.make_sections(recoveries, cell_tables, sweep_tables)
    _write_sections(claimed, out / "claims.json")
    _write_sections({"Kept results": manifest.make_rows(results)}, out / "runs.json")
    _save(table1.draw_prediction(recoveries), out / "predicted.png")
    _save(table2.draw_cells(cells), out / "table2.png")
    _save(figure2.draw_sweeps(sweeps), out / "figure2.png")


def round_number(number: re.Match[str]) -> str:
    """Return a long number with fewer digits."""
    return f"{float(number[0]):.{DIGITS}g}"


def _name_tables(table: str) -> list[str]:
    return [f"{table}.{ending}" for ending in ("csv", "json", "md", "txt")]


def _write_sections(sections: Mapping[str, Sequence[Mapping[str, str]]], path: Path) -> None:
    """Write titled tables as JSON, and as Markdown beside it."""
    path.write_text(json.dumps(sections, indent=1) + "\n", "utf-8")
    page = "\n".join(records.format_section(title, rows) for title, rows in sections.items())
    path.with_suffix(".md").write_text(page, "utf-8")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, metadata={"Software": None})
