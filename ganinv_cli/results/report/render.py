"""Reports in each style: as text, markup or data."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import Any, cast

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from tabulate import tabulate

from ganinv_cli.errors import to_printable
from ganinv_cli.results.report.grid import Report
from ganinv_cli.results.report.run_notes import state_settings
from ganinv_cli.results.report.table import Table, holds_words, list_help

MAX_ROWS = 60  # of a table on a terminal
MAX_BRIEF_ROWS = 7  # of the table that a command ends with, which then fits 24 lines, mostly
MAX_WORD = 16  # letters of a word, e.g. of a file's name, that are not parted
LATEX_WIDTH = 60  # letters of a line of a cell
# Markdown's emphasis, code, HTML and cells; the end of a link's or an image's text; an entity; what
# GitHub reads as an address, though it stands alone.
_MARKDOWN = re.compile(r"[\\`*_<|]|\](?=[\[(:])|&(?=#?\w)|:(?=//)|(?<=www)\.", re.IGNORECASE)
_NOT_ASCII = re.compile(r"[^\n -~]")
_FORMULA_STARTS = tuple("=+-@\t\r")  # of a cell that a spreadsheet computes
# Characters in our tables that pdflatex cannot typeset; accented letters it can.
_LATEX_SIGNS = str.maketrans(
    {"−": "$-$", "‖": r"$\|$", "²": "$^2$", "×": r"$\times$"}
    | {"₂": "$_2$", "ᵢ": "$_i$", "ⱼ": "$_j$", "·": r"$\cdot$"}
)
_LATEX_ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in "%_&#"})  # of a caption
_LATEX_OPTION = re.compile(r"^ *(?=[\[*])", re.MULTILINE)  # after the \\ of the row before it


def render(reports: Sequence[Report], style: str, width: int = 80) -> str:
    """Return the reports as one text that ends in a newline; several are headed by their names.

    `style` is one of STYLES. `width`, in columns and at least 80, is used by the style text alone.
    """
    text = RENDERERS[style](reports, width).rstrip("\n") + "\n"
    return replace_control_characters(text)


def render_brief(report: Report, place: str, width: int = 80) -> str:
    """Return the answer, the first table with the meaning of its columns, and the remarks.

    The table has at most MAX_BRIEF_ROWS rows; `place` has the others. `width` is in columns and at
    least 80.
    """
    console = _make_console(width)
    _print_report(console, report, report.sections[:1], MAX_BRIEF_ROWS, place)
    return replace_control_characters(_get_text(console))


def _render_text(reports: Sequence[Report], width: int) -> str:
    """Return the tables for a screen; the notes on them are in the page and the other formats."""
    console = _make_console(width)
    for report in reports:
        if len(reports) > 1:
            console.rule(report.name, align="left")
        _print_report(console, report, report.sections, MAX_ROWS, "the other formats")
        if report.results:
            console.print(state_settings(report.run), end="\n\n")
    return _get_text(console)


def _make_console(width: int) -> Console:
    # Nothing from a file or a path may be taken for markup.
    return Console(
        file=io.StringIO(),
        width=max(width, 80),
        markup=False,
        highlight=False,
        emoji=False,
        force_jupyter=False,  # else a notebook shows what is written into the file
        force_terminal=False,  # else FORCE_COLOR, which notebooks set, makes headings bold
    )


def _get_text(console: Console) -> str:
    text = cast("io.StringIO", console.file).getvalue()
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _print_report(
    console: Console, report: Report, tables: Sequence[Table], most: int, place: str
) -> None:
    """Print the answer, the first rows of tables, and the remarks."""
    console.print(report.answer.sentence, end="\n\n")
    for table, explanation in zip(tables, list_help(tables), strict=True):
        rows = table.make_cells()
        console.print(table.title)
        console.print(_make_rich_table(table.header, rows[:most]), crop=False)  # no number is cut
        if len(rows) > most:
            console.print(f"and {len(rows) - most:,} more rows, in {place}")
        if explanation:
            console.print(explanation)
        console.print()
    for remark in report.answer.remarks:
        console.print(remark)
    if report.answer.remarks:
        console.print()


def _iterate_tables(report: Report) -> Iterator[tuple[Table, str]]:
    return zip(report.sections, list_help(report.sections), strict=True)


def replace_control_characters(text: str) -> str:
    """Replace the characters that control a terminal or reverse the direction of text.

    Unlike `to_printable`, this is for a text laid out in lines and columns: line breaks stay, and
    a character is replaced by one of the same width.
    """
    return _replace_unprintable(text, lambda sign: "\N{REPLACEMENT CHARACTER}")


def _replace_unprintable(text: str, replace: Callable[[str], str]) -> str:
    return _NOT_ASCII.sub(
        lambda found: found[0] if found[0].isprintable() else replace(found[0]), text
    )


def _make_rich_table(header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> RichTable:
    """Return a table in which words are wrapped if the terminal is too narrow."""
    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, cells in zip(header, zip(*rows, strict=True), strict=True):
        is_words = holds_words(cells)
        parts = [part for cell in (heading, *cells) for part in cell.split("\n")]
        words = [min(len(word), MAX_WORD) for part in parts for word in part.split()]
        table.add_column(
            heading,
            justify="left" if is_words else "right",
            no_wrap=not is_words,
            overflow="fold",
            min_width=max(words, default=0) if is_words else max(map(len, parts)),
        )
    for row in rows:
        table.add_row(*row)
    return table


def _render_markdown(reports: Sequence[Report], width: int) -> str:
    blocks = []
    for report in reports:
        if len(reports) > 1:
            blocks.append(f"## {_escape_markdown(to_printable(report.name))}")
        blocks.append(_escape_markdown(report.answer.sentence))
        for table, explanation in _iterate_tables(report):
            header, *rows = (
                [_escape_markdown(cell) for cell in _join_lines(row)]
                for row in (table.header, *table.make_cells())
            )
            blocks += [
                f"### {_escape_markdown(table.title)}",
                _format_table(header, rows, "github"),
            ]
            blocks += [_escape_markdown(explanation)] if explanation else []
        blocks.append("\n".join(f"* {_escape_markdown(note)}" for note in report.notes))
    return "\n\n".join(blocks)


def _escape_markdown(text: str) -> str:
    """Escape what Markdown would read as markup, a link, an image or the end of a cell."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _render_latex(reports: Sequence[Report], width: int) -> str:
    """Return the tables with caption and label; they need the package booktabs.

    Answers and notes are comments.
    """
    blocks = []
    for place, report in enumerate(reports, start=1):
        names, stem = [], report.stem
        if len(reports) > 1:
            names, stem = [report.name], f"{place}-{report.stem}"
        blocks.append(_comment_out([*names, report.answer.sentence, *report.notes]))
        for number, (table, explanation) in enumerate(_iterate_tables(report), start=1):
            split = ([_split_cell(cell) for cell in row] for row in table.make_cells())
            lines = (line for row in split for line in zip_longest(*row, fillvalue=""))
            body = _format_table(_join_lines(table.header), lines, "latex_booktabs")
            body = _LATEX_OPTION.sub("{}", body)
            title = table.title if table.title.endswith("?") else f"{table.title}."
            caption = f"{title} {explanation}".rstrip().translate(_LATEX_ESCAPES)
            head = f"\\caption{{{caption}}}\n\\label{{tab:{stem}-{number}}}"
            block = f"\\begin{{table}}\n\\centering\n{head}\n{body}\n\\end{{table}}"
            blocks.append(block.translate(_LATEX_SIGNS))
    return "\n\n".join(blocks)


def _split_cell(cell: str) -> list[str]:
    return [part for line in cell.split("\n") for part in wrap(line, LATEX_WIDTH) or [""]]


def _comment_out(texts: Iterable[str]) -> str:
    return "\n".join(f"% {line}" for text in texts for line in text.splitlines())


def _render_csv(reports: Sequence[Report], width: int) -> str:
    """Return the rows of all reports, under the columns of any of them."""
    rows = []
    for report in reports:
        name = {"file": report.name} if len(reports) > 1 else {}
        rows += [name | row for row in report.csv]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(_protect_cell, columns))
    writer.writerows([_protect_cell(row.get(column, "")) for column in columns] for row in rows)
    return file.getvalue()


def _protect_cell(value: Any) -> Any:
    """Return a cell, after an apostrophe if a spreadsheet would compute it, as OWASP advises."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS)
    return f"'{value}" if is_formula else value


def _render_json(reports: Sequence[Report], width: int) -> str:
    """Return an object; for several reports a list of objects, each with its file's name."""
    objects = [
        {
            "file": report.name,
            "answer": report.answer.sentence,
            "tables": report.tables,
            "run": report.run,
            "notes": report.notes,
        }
        for report in reports
    ]
    whole = objects if len(objects) > 1 else objects[0]
    file = io.StringIO()  # json.dumps has a list of all numbers, as text, in memory
    json.dump(whole, file, indent=2, allow_nan=False, ensure_ascii=False)
    return _replace_unprintable(file.getvalue(), lambda sign: json.dumps(sign)[1:-1])


RENDERERS = {  # by style, as STYLES lists them
    "text": _render_text,
    "markdown": _render_markdown,
    "csv": _render_csv,
    "latex": _render_latex,
    "json": _render_json,
}


def _format_table(header: Sequence[str], rows: Iterable[Sequence[str]], style: str) -> str:
    rows = list(rows)
    alignment = ["left" if holds_words(cells) else "right" for cells in zip(*rows, strict=True)]
    return tabulate(rows, header, style, disable_numparse=True, colalign=alignment)


def _join_lines(cells: Sequence[str]) -> list[str]:
    return [cell.replace("\n", " ") for cell in cells]
