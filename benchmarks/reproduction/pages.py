"""Make every table and figure of docs/ that comes from stored results.

`PARTS` has a function for each part. Each reads docs/ and writes into a folder of the same form, so
that a test can compare new files with the committed ones.
"""

import importlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from ganinv_cli.number_format import format_duration
from ganinv_cli.report import summarize
from ganinv_cli.report.folder import write_report
from ganinv_cli.store import read_results

from . import claims, figure2, redraws, table1, table2
from .manifest import HASHES, read_facts, read_manifest
from .write import write_sections

# Results file, folder in docs/, and the parts of the report that are shown there.
REPORTS = {
    "recover.h5": ("recover", ("table1.*", "convergence.png", "figure1-stochastic.png")),
    "noise-sweep.h5": ("noise-sweep", ("noise-sweep.*", "figure2a.png", "figure2b-*0.1.png")),
    "consistency.h5": ("consistency", ("table2.*", "image=0000.png")),
    "invert.h5": ("invert", ("invert.*", "reconstructions.png")),
    "gan-face-normal-preconditioned.h5": ("gan-faces/normal", ("table1.*", "figure1-*.png")),
    "gan-face-uniform-preconditioned.h5": ("gan-faces/uniform", ("table1.*", "figure1-*.png")),
}
LEFT_OUT = (".tex", ".pdf", ".svg")  # formats that docs/ does not show

# Files whose numbers are rounded: their last digits differ between processors.
ROUNDED, DIGITS = (".json", ".csv"), 10
_LONG_NUMBER = re.compile(rf"\d+\.\d{{{DIGITS},}}(e[+-]?\d+)?")

# JSON file in docs/, and the module in benchmarks/ that makes its page.
MEASUREMENTS = {
    "invert/verdicts.json": "verdicts",
    "scaling/gpu.json": "gpu",
    "scaling/million.json": "million",
    "scaling/workers.json": "scaling",
    "solvers/peers.json": "peers",
    "solvers/roofline.json": "roofline",
    "solvers/theory.json": "theory",
}

Part = Callable[[Path, Path], None]  # of docs/, and of the folder to write into


def write_reports(docs: Path, out: Path) -> None:
    """Write the output of `ganinv report` for results files, as far as docs/ shows it."""
    for name, (folder, patterns) in REPORTS.items():
        results = read_results(docs / "results" / name)
        with tempfile.TemporaryDirectory() as whole:
            write_report(summarize(results, name), results, Path(whole))
            (out / folder).mkdir(parents=True, exist_ok=True)
            for path in (path for pattern in patterns for path in Path(whole).glob(pattern)):
                if path.suffix in ROUNDED:
                    rounded = _LONG_NUMBER.sub(_round_number, path.read_text("utf-8"))
                    (out / folder / path.name).write_text(rounded, "utf-8")
                elif path.suffix not in LEFT_OUT:
                    shutil.copy(path, out / folder)


def _round_number(number: re.Match[str]) -> str:
    return f"{float(number[0]):.{DIGITS}g}"


def write_tables(docs: Path, out: Path) -> None:
    """Write the tables and figures of docs/reproduction."""
    results, folder = docs / "results", out / "reproduction"
    for module in (table1, table2, figure2, claims):
        module.write_tables(results, folder)
    redraws.write_tables(results, folder, docs / "reproduction" / "ends.json")


def write_results_page(docs: Path, out: Path) -> None:
    """Write the table of the kept results, and their hashes."""
    results = docs / "results"
    runs = read_manifest(results)
    facts = {run.file: read_facts(results / run.file) for run in runs}
    rows = [
        {
            "file": f"`{run.file}`",
            "answers": run.answers,
            "command": f"`{run.command}`",
            "seed": f"{facts[run.file].seed}",
            "took": str(format_duration(facts[run.file].seconds)),
            "revision": facts[run.file].revision,
            "kB": f"{facts[run.file].size / 1000:,.0f}",
        }
        for run in runs
    ]
    write_sections({"Kept results": rows}, out / "reproduction" / "runs.md")
    sums = "".join(f"{facts[run.file].sha256}  {run.file}\n" for run in runs)
    (out / "results").mkdir(parents=True, exist_ok=True)
    (out / "results" / HASHES).write_text(sums, "utf-8")


def write_measurements(docs: Path, out: Path) -> None:
    """Write the pages of the other benchmarks' JSON files, each by its own module."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # where the modules import one another
    for name, module in MEASUREMENTS.items():
        write_page = importlib.import_module(module).write_page
        write_page(_copy_source(docs, out, name))
    importlib.import_module("goals").write_page(docs / "results", out / "solvers")


def _copy_source(docs: Path, out: Path, name: str) -> Path:
    """Return a JSON file of docs/ in the folder to write into, copied if that is another."""
    copied = out / name
    if copied.resolve() != (docs / name).resolve():
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(docs / name, copied)
    return copied


PARTS: dict[str, Part] = {
    "reports": write_reports,
    "tables": write_tables,
    "measurements": write_measurements,
    "results": write_results_page,
}


def write_all(docs: Path, out: Path) -> None:
    """Write every part, and print how long each took."""
    for name, write in PARTS.items():
        begin = time.monotonic()
        write(docs, out)
        click.echo(f"{name}: {time.monotonic() - begin:.0f} s", err=True)


def list_generated(docs: Path) -> list[Path]:
    """Return the files of docs/ that `write_all` writes, relative to it."""
    with tempfile.TemporaryDirectory() as folder:
        write_all(docs, Path(folder))
        made = (path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file())
        return sorted(path for path in made if str(path) not in MEASUREMENTS)
