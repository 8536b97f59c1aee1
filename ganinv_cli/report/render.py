"""The same tables as text, Markdown, CSV, LaTeX or JSON."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from tabulate import tabulate

from ganinv_cli.report.sections import Section, notes, sections
from ganinv_cli.report.tables import Report, Row
from ganinv_cli.words import RULES


def render(reports: Sequence[Report], style: str, width: int = 80) -> str:
    """One text, ending in a newline. Several reports are told apart by their names.

    `style` is one of words.STYLES; `width`, in columns and at least 80, matters to text alone.
    """
    return RENDERED[style](reports, width).rstrip("\n") + "\n"


def _text(reports: Sequence[Report], width: int) -> str:
    file = io.StringIO()
    # Nothing from a file or a path may be taken for markup.
    console = Console(file=file, width=max(width, 80), markup=False, highlight=False, emoji=False)
    for report in reports:
        if len(reports) > 1:
            console.rule(report.name, align="left")
        for section in sections(report):
            console.print(section.title)
            console.print(_rich(section), crop=False)  # a number is never cut
            console.print()
        for note in notes(report):
            console.print(note)
            console.print()
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _rich(section: Section) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    words, *numbers = zip(section.header, *section.rows, strict=True)
    columns = [words, *map(_right, numbers)]
    for name, *cells in columns:
        width = max(len(line) for cell in (name, *cells) for line in cell.split("\n"))
        table.add_column(name, no_wrap=True, min_width=width)
    stacked = any("\n" in cell for row in section.rows for cell in row)
    for row in list(zip(*columns, strict=True))[1:]:
        table.add_row(*row, end_section=stacked)
    return table


def _right(column: Sequence[str]) -> list[str]:
    """Every line at the right; a share with its point under the others', which have three places.

    Rich would take the room after `1.0` away.
    """
    cells = [
        [re.sub(r"(?<= )(1\.0|0)$", lambda share: share[0].ljust(5), line) for line in lines]
        for lines in (cell.split("\n") for cell in column)
    ]
    width = max(len(line) for lines in cells for line in lines)
    return ["\n".join(line.rjust(width) for line in lines) for lines in cells]


def _markdown(reports: Sequence[Report], width: int) -> str:
    blocks = []
    for report in reports:
        if len(reports) > 1:
            blocks.append(f"## `{report.name}`")
        for title, header, rows in sections(report):
            blocks += [f"### {title}", _tabulated(_joined(header), map(_joined, rows), "github")]
        blocks.append("\n".join(f"* {note}" for note in notes(report)))
    return "\n\n".join(blocks)


def _latex(reports: Sequence[Report], width: int) -> str:
    """One floating table a section; needs the package booktabs."""
    blocks = []
    for report in reports:
        remarks = [report.name, *notes(report)] if len(reports) > 1 else notes(report)
        blocks.append("\n".join(f"% {line}" for remark in remarks for line in remark.splitlines()))
        for title, header, rows in sections(report):
            lines = (line for row in rows for line in _unstacked(row))
            table = _tabulated(_joined(header), lines, "latex_booktabs")
            blocks.append(
                f"\\begin{{table}}\n\\centering\n\\caption{{{title}}}\n{table}\n\\end{{table}}"
            )
    return "\n\n".join(blocks)


def _csv(reports: Sequence[Report], width: int) -> str:
    """One line a technique, McNemar's p against each other technique among its columns."""
    rows = []
    for report in reports:
        name = {"file": report.name} if len(reports) > 1 else {}
        rows += [name | _flat(row) | _tests(report, row["technique"]) for row in report.table1]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _json(reports: Sequence[Report], width: int) -> str:
    """An object; a list of them, each with its file's name, for several."""
    objects = [
        {
            "file": report.name,
            "tables": {"table1": report.table1, "mcnemar": report.mcnemar},
            "run": report.run,
            "notes": notes(report),
        }
        for report in reports
    ]
    whole = objects if len(objects) > 1 else objects[0]
    return json.dumps(whole, indent=2, allow_nan=False, ensure_ascii=False)


RENDERED = {
    function.__name__.strip("_"): function for function in (_text, _markdown, _csv, _latex, _json)
}


def _tabulated(header: Sequence[str], rows: Any, style: str) -> str:
    alignment = ["left", *["right"] * (len(header) - 1)]
    return tabulate(list(rows), header, style, disable_numparse=True, colalign=alignment)


def _joined(cells: Sequence[str]) -> list[str]:
    return [cell.replace("\n", " ") for cell in cells]


def _unstacked(row: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A row for each line of the cells."""
    return zip_longest(*(cell.split("\n") for cell in row), fillvalue="")


def _flat(row: Row, prefix: str = "") -> Row:
    """Nested keys joined by a dot, an interval's ends named low and high."""
    flat: Row = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            flat |= {
                f"{prefix}{key}.{end}": at for end, at in zip(("low", "high"), value, strict=True)
            }
        else:
            flat[prefix + key] = value
    return flat


def _tests(report: Report, technique: str) -> Row:
    """p against every technique there can be, blank where there is no test."""
    found = {}
    for counted in ("first_start", "recovered"):
        for other in RULES:
            found[f"p.{counted}.{other}"] = next(
                (
                    test["p"]
                    for test in report.mcnemar
                    if test["counted"] == counted
                    and {test["first"], test["second"]} == {technique, other}
                ),
                None,
            )
    return found
