"""Results -> tables, figures and pages. Needs neither TensorFlow nor the generator."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganinv_cli.report.commands import find_report_module
from ganinv_cli.report.output.render import render
from ganinv_cli.report.report import DrawnFigure, Report, Section

if TYPE_CHECKING:
    from ganinv_cli.store import Results

__all__ = ["DrawnFigure", "Report", "Section", "render", "summarise", "write", "write_together"]


def summarise(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is no trial to count, or no command of ours wrote them.
    """
    return find_report_module(results, name).summarise(results, name)


def write(report: Report, results: "Results", folder: Path) -> str:
    """Write tables, figures and a page into a folder; give one line that says so.

    A file is replaced as a whole or not at all. Raises GaninvError when the folder cannot be
    written.
    """
    from ganinv_cli.report.output import folder as folder_  # slow to import

    return folder_.write(report, results, folder)


def write_together(
    reports: Sequence[Report],
    results: Sequence["Results"],
    folder: Path,
    folder_names: Sequence[str],
) -> list[str]:
    """Fill a folder for each in `folder`, named by `inside`, and write one page of them all."""
    from ganinv_cli.report.output import folder as folder_  # slow to import

    return folder_.write_together(reports, results, folder, folder_names)
