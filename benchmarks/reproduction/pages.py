"""Every table and figure of docs/ that is made from stored results.

`PAGES` has a function for each part; each reads docs/ and writes into a folder like it, so that a
test can compare what is made with what is committed.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from ganinv_cli.report import summarize
from ganinv_cli.report.output.folder import write_report
from ganinv_cli.report.output.number_format import format_duration
from ganinv_cli.store import read_results

from . import figure2, redraws, table1, table2
from .manifest import HASHES, Run, read_facts, read_manifest

# Results file, folder in docs/, and what of the report is shown there.
REPORTS = {
    "recover.h5": ("recover", ("table1.*", "convergence.png", "figure1-stochastic.png")),
    "noise-sweep.h5": ("noise-sweep", ("noise-sweep.*", "figure2a.png", "figure2b-*0.1.png")),
    "consistency.h5": ("consistency", ("table2.*", "image=0000.png")),
    "invert.h5": ("invert", ("invert.*", "reconstructions.png")),
    "gan-face-normal-preconditioned.h5": ("gan-faces/normal", ("table1.*", "figure1-*.png")),
    "gan-face-uniform-preconditioned.h5": ("gan-faces/uniform", ("table1.*", "figure1-*.png")),
}
LEFT_OUT = (".tex", ".pdf", ".svg")  # formats that docs/ does not show

Part = Callable[[Path, Path], None]  # of docs/, and of the folder to write into


def write_reports(docs: Path, out: Path) -> None:
    """Write what `ganinv report` makes of results files, as far as docs/ shows it."""
    for name, (folder, patterns) in REPORTS.items():
        results = read_results(docs / "results" / name)
        with tempfile.TemporaryDirectory() as whole:
            write_report(summarize(results, name), results, Path(whole))
            (out / folder).mkdir(parents=True, exist_ok=True)
            for pattern in patterns:
                for path in Path(whole).glob(pattern):
                    if path.suffix not in LEFT_OUT:
                        shutil.copy(path, out / folder)


def write_tables(docs: Path, out: Path) -> None:
    """Write the tables and figures of docs/reproduction."""
    for module in (table1, redraws, table2, figure2):
        module.write_tables(docs / "results", out / "reproduction")


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
            "took": format_duration(facts[run.file].seconds),
            "revision": facts[run.file].revision,
            "kB": f"{facts[run.file].size / 1000:,.0f}",
        }
        for run in runs
    ]
    (out / "results").mkdir(parents=True, exist_ok=True)
    page = f"### Kept results\n\n{tabulate(rows, 'keys', 'pipe', disable_numparse=True)}\n"
    (out / "results" / "runs.md").write_text(page, "utf-8")
    sums = "".join(f"{facts[run.file].sha256}  {run.file}\n" for run in runs)
    (out / "results" / HASHES).write_text(sums, "utf-8")


PAGES: dict[str, Part] = {
    "reports": write_reports,
    "tables": write_tables,
    "results": write_results_page,
}


def list_generated(docs: Path, runs: list[Run]) -> list[Path]:
    """Return the files of docs/ that the functions of PAGES write."""
    raise NotImplementedError
