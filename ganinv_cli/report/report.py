"""What one results file says: numbers ready for JSON, and the same numbers in words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]  # plain JSON; None where there is no number


class Section(NamedTuple):
    """One table in words; the first column is words, the others are numbers.

    A cell, or a heading, may have several lines, which a format stacks or joins.
    """

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    short_rows: list[tuple[str, ...]] | None = None  # the same for a terminal, long names shortened


@dataclass(frozen=True)
class Report:
    """Every number once, for every format."""

    name: str  # what the reader calls these results
    tables: dict[str, list[Row]]  # JSON's "tables"; the first is the command's main one
    sections: list[Section]  # for text, Markdown, LaTeX and HTML
    notes: list[str]  # a sentence or more each: what is missing, what was run, how to read it
    run: Row  # what was run, by what, on what, how long; see runs.described
    csv: list[Row]  # flat rows, one line each


class DrawnFigure(NamedTuple):
    """A figure and what stands for it where it cannot be seen."""

    figure: "Figure"
    alt: str  # what it shows, the finding first
    caption: str
