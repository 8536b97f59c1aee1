"""report.html: one self-contained page, without scripts and network."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from ganinv_cli.report.run import make_run_notes
from ganinv_cli.report.table import Table, holds_words, list_help

if TYPE_CHECKING:
    from ganinv_cli.report.plots import EncodedFigure
    from ganinv_cli.report.report import Report, ReportModule

_MIME_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


class PageContent(NamedTuple):
    """The contents of the page for one results file."""

    report: "Report"
    module: "ReportModule"  # of the command that wrote the results
    figures: "Mapping[str, EncodedFigure]"  # by stem, all that were drawn
    attributes: Mapping[str, Any]  # of the results file


def render_page(parts: Sequence[PageContent], comparison: "Report | None" = None) -> str:
    """Return the page as HTML; several results files are shown side by side if they fit.

    `comparison` is a report on all of them, shown before them. All text from files and paths is
    escaped.
    """
    environment = Environment(
        loader=PackageLoader("ganinv_cli", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _format_time
    environment.globals["data_uri"] = _make_data_uri
    template = environment.get_template("page.html")
    return template.render(
        title=_make_title(parts),
        results=[_make_template_values(part) for part in parts],
        comparison=comparison,
        compared=_make_tables(comparison) if comparison else [],
    )


def _make_title(parts: Sequence[PageContent]) -> str:
    if len(parts) > 1:
        return f"ganinv: {len(parts)} results"
    return f"ganinv {parts[0].attributes['command']}"


def _make_template_values(content: PageContent) -> dict[str, Any]:
    about = make_run_notes(content.report.run)
    return {
        **content._asdict(),
        "name": Path(content.report.name).name,
        "about": about,
        "sections": _make_tables(content.report),
        "notes": [note for note in content.report.notes if note not in about],
    }


def _format_time(text: str) -> str:
    """Return an ISO date and time as text to the minute, in the file's time zone, UTC."""
    return datetime.fromisoformat(text).strftime("%-d %B %Y, %H:%M")


class _Table(NamedTuple):
    """A table of the page."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: list[int]  # numbers of the columns that hold no numbers
    help: str


def _make_tables(report: "Report") -> list[_Table]:
    explained = zip(report.sections, list_help(report.sections), strict=True)
    return [_make_table(table, explanation) for table, explanation in explained]


def _make_table(table: Table, explanation: str) -> _Table:
    """Return a table with short names; the browser wraps the sentences of one without columns."""
    title, header, rows = table.title, table.header, table.make_cells(short=True)
    if len(header) == 1:
        return _Table(title, header, [(_join_sentence(row[0]),) for row in rows], [0], explanation)
    columns = list(zip(*rows, strict=True))
    words = [number for number, cells in enumerate(columns) if number == 0 or holds_words(cells)]
    return _Table(title, header, rows, words, explanation)


def _join_sentence(cell: str) -> str:
    """Join the lines of a sentence, under the line that names what it is about."""
    heading, _, sentence = cell.partition("\n")
    return "\n".join(filter(None, (heading, sentence.replace("\n", " "))))


def _make_data_uri(figure: "EncodedFigure") -> str:
    data = base64.b64encode(figure.files[figure.inline_format]).decode()
    return f"data:{_MIME_TYPES[figure.inline_format]};base64,{data}"
