"""Make every table and figure of docs/ that comes from stored results.

Each function reads docs/ and writes into a folder of the same form, so that a test can compare new
files with the committed ones.
"""

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import records
from benchmarks.reproduction import figure2, manifest, runs, table1, table2, why
from ganinv_cli.cli import main

FIGURE2B = "figure2b-variance-0.1.png"
REPORTS: Mapping[str, tuple[str, tuple[str, ...]]] = {  # results -> folder in docs/, and its files
    "descent.h5": ("descent", ("table1.md", "convergence.png", "figure1-stochastic.png")),
    "recover.h5": ("recover", ("table1.md",)),
    "noise-sweep.h5": ("noise-sweep", ("noise-sweep.md", "figure2a.png", FIGURE2B)),
    "consistency.h5": ("consistency", ("table2.md", "image-0000.png")),
    "invert.h5": ("invert", ("invert.md", "invert.txt", "reconstructions.png")),
    "gan-face-normal-preconditioned.h5": ("gan-faces/normal", ("table1.md",)),
    "gan-face-uniform-preconditioned.h5": ("gan-faces/uniform", ("table1.md",)),
}
FIRST_ORDER = "solvers/first-order.md"
TABLES = "table1.md", "why.md", "table2.md", "figure2.md", "runs.md"  # of reproduction
SOLVERS = "solvers-"  # in names of results that compare first-order methods
FIGURES = "table2.png", "figure2.png"
MEASUREMENTS = (  # JSON in docs/, with its page beside it
    "invert/speed",
    "reproduction/ends",
    "reproduction/metric",
    "scaling/bookkeeping",
    "scaling/million",
    "scaling/rows",
    "scaling/workers",
    "solvers/peers",
    "solvers/roofline",
)


def list_generated() -> list[Path]:
    """Return the files of docs/ that `write_all` writes, relative to it."""
    reports = [Path(folder, name) for folder, names in REPORTS.values() for name in names]
    made = [f"reproduction/{name}" for name in (*TABLES, *FIGURES)]
    made += [*(f"{name}.md" for name in MEASUREMENTS), "results/SHA256SUMS"]
    made.append(FIRST_ORDER)
    return sorted([*reports, *map(Path, made)])


def write_all(docs: Path, out: Path) -> None:
    """Write every generated file."""
    for path in list_generated():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
    write_reports(docs, out)
    write_tables(docs / "results", out / "reproduction")
    _write_sections({"First-order methods": list_methods(docs / "results")}, out / FIRST_ORDER)
    for name in MEASUREMENTS:
        page = records.format_page(json.loads((docs / f"{name}.json").read_text("utf-8")))
        (out / f"{name}.md").write_text(page, "utf-8")
    (out / "results" / "SHA256SUMS").write_text(manifest.list_hashes(docs / "results"), "utf-8")


def list_methods(results: Path) -> table1.Rows:
    """Return success of the first-order methods at equal gradients."""
    methods = [run for run in runs.read_runs(results) if run.name.startswith(SOLVERS)]
    return [
        {"solver": run.config["solver"], **row}
        for run in methods
        for row in table1.list_shares([run])
    ]


def write_reports(docs: Path, out: Path) -> None:
    """Write the output of `ganinv report` for results files, as far as docs/ shows it."""
    for results, (folder, names) in REPORTS.items():
        with tempfile.TemporaryDirectory() as whole:
            with contextlib.chdir(docs / "results"), contextlib.redirect_stdout(io.StringIO()):
                given = ["report", results, "--format", "markdown", "--out", whole]
                main(given, standalone_mode=False)
            for name in names:
                shutil.copy(Path(whole, name), out / folder)


def write_tables(results: Path, out: Path) -> None:
    """Write the tables and figures of docs/reproduction."""
    recoveries = [run for run in runs.read_runs(results) if not run.name.startswith(SOLVERS)]
    cells, sweeps = table2.measure_cells(results), figure2.read_sweeps(results)
    without_study = [run for run in recoveries if run.name not in why.OTHERS]
    _write_sections(table1.make_sections(without_study), out / "table1.md")
    _write_sections(why.make_sections(recoveries, results), out / "why.md")
    _write_sections(table2.make_sections(cells), out / "table2.md")
    _write_sections(figure2.make_sections(sweeps), out / "figure2.md")
    _write_sections({"Kept results": list(manifest.list_rows(results))}, out / "runs.md")
    _save(table2.draw_cells(cells), out / "table2.png")
    _save(figure2.draw_sweeps(sweeps), out / "figure2.png")


def _write_sections(sections: Mapping[str, Sequence[Mapping[str, str]]], path: Path) -> None:
    """Write titled tables as Markdown."""
    page = "\n".join(records.format_section(title, rows) for title, rows in sections.items())
    path.write_text(page, "utf-8")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, metadata={"Software": None})
