"""What a report holds, and how the report of a command is found by the command's name."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from ganinv_cli.analysis.groups import Pixels
    from ganinv_cli.store import Results


class Answer(NamedTuple):
    """The end of a command on a terminal: the answer to its question, and a short table."""

    sentence: str  # with its full stop
    table: Table | None  # cells have one line each; None if there is nothing to count
    warnings: list[str]  # a short sentence each
    counted: str = ""  # key of the rows by whose values those that the table leaves out are counted


@dataclass(frozen=True)
class Report:
    """The content of one results file's report, each number computed once for all formats."""

    name: str  # of the results, for the reader
    answer: Answer
    tables: dict[str, list[Row]]  # "tables" of the JSON; the command's main table comes first
    sections: list[Table]  # for text, Markdown, LaTeX and HTML
    notes: list[str]  # on missing trials, on the run, and on what was found
    run: Row  # provenance and totals, as `run.describe_run` returns them
    csv: list[Row]  # flat rows, one line each


class DrawnFigure(NamedTuple):
    """A figure, its alternative text and its caption."""

    figure: "Figure"
    alt: str  # describes the figure, the finding first
    caption: str


@dataclass(frozen=True)
class ReportModule:
    """All that the report of one command consists of.

    The package `report/noise_sweep/` reports the results of `ganinv noise-sweep`. It holds one
    value of this class, named `REPORT`, and no other place names the package. If it has a module
    `figures`, the function `draw` in it makes the figures.
    """

    package: str  # its dotted name
    table: str  # stem of the files that hold its tables
    # Return the report of results under a name for the reader. Raises ResultsError, with the name
    # in its message, if there is nothing to count.
    summarize: "Callable[[Results, str], Report]"
    # Yield the name in the folder and the pixels of each picture that becomes a PNG.
    iterate_pictures: "Callable[[Results], Iterator[tuple[str, Pixels]]]" = lambda _: iter(())
    figures: str = ""  # regular expression of the stems of all figures that `draw` may return

    def draw(self, results: "Results") -> dict[str, DrawnFigure]:
        """Return the figures by the stem of their files."""
        name = f"{self.package}.figures"
        if find_spec(name) is None:
            return {}
        figures = import_module(name)  # slow to import
        with np.errstate(all="ignore"):  # an edited file can hold any number
            drawn: dict[str, DrawnFigure] = figures.draw(results)
        return drawn


def find_report_module(results: "Results", name: str) -> ReportModule:
    """Return the report module of the command that wrote these results.

    Raises ResultsError, with `name` in its message, if this version has no such module.
    """
    command = str(results.attributes.get("command", ""))
    word = command.replace("-", "_")
    package = f"{__package__}.{word}"
    # A file may name any command, also a module of this package without a REPORT.
    found = import_module(package) if word.isidentifier() and find_spec(package) else None
    module = getattr(found, "REPORT", None)
    if not isinstance(module, ReportModule):
        raise ResultsError(
            f"{name}: results of the command {command!r}, which this ganinv does not report; "
            "use the ganinv that wrote them, or a newer one"
        )
    return module
