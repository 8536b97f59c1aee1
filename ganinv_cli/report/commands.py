"""What each command's results say; a command's module is found by its name."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, cast

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.report import DrawnFigure, Report

if TYPE_CHECKING:
    from ganinv_cli.store import Results


class ReportModule(Protocol):
    """report/noise_sweep.py for `ganinv noise-sweep`."""

    TABLE: str  # stem of the files that hold its tables

    def summarise(self, results: "Results", name: str) -> Report:
        """Raises ResultsError, which says `name`, where there is nothing to count."""

    def draw(self, results: "Results") -> dict[str, DrawnFigure]:
        """A figure for each stem of its files."""


def find_report_module(results: "Results", name: str) -> ReportModule:
    """The module for these results; ResultsError where no command of ours wrote them."""
    command = str(results.attributes.get("command", ""))
    word = command.replace("-", "_")
    module = f"{__package__}.{word}"
    # A file may name anything, also one of our modules that reports no command.
    found = import_module(module) if word.isidentifier() and find_spec(module) else None
    if not hasattr(found, "TABLE"):
        raise ResultsError(
            f"{name}: results of the command {command!r}, which this ganinv does not report; "
            "use the ganinv that wrote them, or a newer one"
        )
    return cast("ReportModule", found)
