"""The same tables as text, Markdown, CSV, LaTeX or JSON."""

import csv as csv_format
import io
import json as json_format
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from tabulate import tabulate

from ganinv_cli.report.sections import Section, notes, sections
from ganinv_cli.report.tables import TECHNIQUES, Report, Row


def render(reports: Sequence[Report], style: str, width: int = 80) -> str:
    """One text, ending in a newline. Several reports are told apart by their names.

    `style` is a key of STYLES; `width`, in columns and at least 80, matters to text alone.
    """
    return STYLES[style][1](reports, width).rstrip("\n") + "\n"


def _text(reports: Sequence[Report], width: int) -> str:
    file = io.StringIO()
    # Nothing from a file or a path may be taken for markup.
    console = Console(file=file, width=max(width, 80), markup=False, highlight=False, emoji=False)
    for report in reports:
        if len(reports) > 1:
            console.rule(report.name, align="left")
        for section in sections(report):
            console.print(section.title)
            console.print(_rich(section))
            console.print()
        for note in notes(report):
            console.print(note)
        console.print()
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _rich(section: Section) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, name in enumerate(section.header):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    stacked = any("\n" in cell for row in section.rows for cell in row)
    for row in section.rows:
        table.add_row(*row, end_section=stacked)
    return table


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
    writer = csv_format.DictWriter(file, columns, lineterminator="\n")
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
    return json_format.dumps(whole, indent=2, allow_nan=False, ensure_ascii=False)


STYLES: dict[str, tuple[str, Callable[[Sequence[Report], int], str]]] = {
    "text": ("txt", _text),
    "markdown": ("md", _markdown),
    "csv": ("csv", _csv),
    "latex": ("tex", _latex),
    "json": ("json", _json),
}  # each with the ending of its file


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
        for other in TECHNIQUES:
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
