"""Make every table and figure of docs/ that comes from stored results.

Each function reads docs/ and writes into a folder of the same form, so that a test can compare new
files with the committed ones.
"""

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import records, verdicts
from benchmarks.reproduction import figure2, manifest, runs, table1, table2
from ganinv_cli.cli import main

# Results file, folder in docs/, and the tables and figures of the report that are shown there.
REPORTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "recover.h5": ("recover", "table1", ("convergence", "figure1-stochastic")),
    "noise-sweep.h5": ("noise-sweep", "noise-sweep", ("figure2a", "figure2b-variance=0.1")),
    "consistency.h5": ("consistency", "table2", ("image=0000",)),
    "invert.h5": ("invert", "invert", ("reconstructions",)),
    "gan-face-normal-preconditioned.h5": ("gan-faces/normal", "table1", ()),
    "gan-face-uniform-preconditioned.h5": ("gan-faces/uniform", "table1", ()),
}
TABLES = ("table1", "table2", "figure2", "runs")  # in docs/reproduction
FIGURES = ("predicted", "table2", "figure2")
_RECORDS = (
    *("reliability/torture", "reproduction/ends", "scaling/gpu", "scaling/million"),
    *("scaling/workers", "solvers/peers", "solvers/roofline"),
)
MEASUREMENTS: Mapping[str, Callable[[records.Record], str]] = {  # JSON in docs/ -> its page
    **dict.fromkeys(_RECORDS, records.format_page),
    "invert/verdicts": verdicts.format_page,
}


def list_generated() -> list[Path]:
    """Return the files of docs/ that `write_all` writes, relative to it."""
    reports = [
        Path(folder, name)
        for folder, table, figures in REPORTS.values()
        for name in (*_name_tables(table), *(f"{figure}.png" for figure in figures))
    ]
    made = [f"reproduction/{name}.md" for name in TABLES]
    made += [f"reproduction/{name}.png" for name in FIGURES]
    made += [*(f"{name}.md" for name in MEASUREMENTS), "results/SHA256SUMS"]
    return sorted([*reports, *map(Path, made)])


def write_all(docs: Path, out: Path) -> None:
    """Write every generated file."""
    for path in list_generated():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
    write_reports(docs, out)
    write_tables(docs / "results", out / "reproduction")
    for name, format_page in MEASUREMENTS.items():
        page = format_page(json.loads((docs / f"{name}.json").read_text("utf-8")))
        (out / f"{name}.md").write_text(page, "utf-8")
    (out / "results" / "SHA256SUMS").write_text(manifest.list_hashes(docs / "results"), "utf-8")


def write_reports(docs: Path, out: Path) -> None:
    """Write the output of `ganinv report` for results files, as far as docs/ shows it."""
    for name, (folder, table, figures) in REPORTS.items():
        with tempfile.TemporaryDirectory() as whole:
            with contextlib.chdir(docs / "results"), contextlib.redirect_stdout(io.StringIO()):
                main(["report", name, "--out", whole], standalone_mode=False)
            for file in _name_tables(table):
                shutil.copy(Path(whole, file), out / folder)
            for figure in figures:
                shutil.copy(Path(whole, f"{figure}.png"), out / folder)


def write_tables(results: Path, out: Path) -> None:
    """Write the tables and figures of docs/reproduction."""
    recoveries = list(runs.read_runs(results))
    cells, sweeps = table2.measure_cells(results), figure2.read_sweeps(results)
    _write_sections(table1.make_sections(recoveries), out / "table1.md")
    _write_sections(table2.make_sections(cells), out / "table2.md")
    _write_sections(figure2.make_sections(sweeps), out / "figure2.md")
    _write_sections({"Kept results": manifest.make_rows(results)}, out / "runs.md")
    _save(table1.draw_prediction(recoveries), out / "predicted.png")
    _save(table2.draw_cells(cells), out / "table2.png")
    _save(figure2.draw_sweeps(sweeps), out / "figure2.png")


def _name_tables(table: str) -> list[str]:
    return [f"{table}.md", f"{table}.txt"] if table == "invert" else [f"{table}.md"]


def _write_sections(sections: Mapping[str, Sequence[Mapping[str, str]]], path: Path) -> None:
    """Write titled tables as Markdown."""
    page = "\n".join(records.format_section(title, rows) for title, rows in sections.items())
    path.write_text(page, "utf-8")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, metadata={"Software": None})
