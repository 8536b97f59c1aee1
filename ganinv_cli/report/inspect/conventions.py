"""The table of conventions: how each is known, and how well the statistics fit it."""

import io
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from ganinv_cli.report.inspect.text_table import WIDTH

COLUMNS = ("convention", "value", "source", "differs", "next best", "layers")

Facts = Mapping[str, Any]


def format_conventions(rows: Sequence[Facts], confirmed: Container[str] = ()) -> str:
    """Return the table, with a row for each value of a convention; layers share rows.

    `confirmed` are the layers whose conventions the statistics of batch norms confirm.

    "differs" is the largest discrepancy of them, "next best" the value that comes closest. What
    all names of layers begin with is left out, and said below the table.
    """
    start = _find_common_start([row["layer"] for row in rows if row["layer"]])
    groups: dict[tuple[str, str, str], list[Facts]] = {}
    for row in rows:
        key = row["name"], row["value"], _format_source(row, confirmed)
        groups.setdefault(key, []).append(row)
    names = list(dict.fromkeys(name for name, _, _ in groups))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(column, no_wrap=column != "layers", overflow="fold")
    for name, value, source in sorted(groups, key=lambda key: names.index(key[0])):
        group = groups[name, value, source]
        layers = " ".join(row["layer"].removeprefix(start) for row in group)
        table.add_row(name, value, source, _format_largest(group), _format_closest(group), layers)
    file = io.StringIO()
    # Text from a file is not markup.
    Console(file=file, width=WIDTH, markup=False, highlight=False, emoji=False).print(table)
    if start:
        file.write(f"\nNames of layers begin with {start}\n")
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().split("\n"))


def _format_source(row: Facts, confirmed: Container[str]) -> str:
    """Return how a value is known; epsilon changes the statistics too little to be confirmed."""
    if row["source"] == "assumed" and row["layer"] in confirmed and row["name"] != "epsilon":
        return "assumed, confirmed"
    return str(row["source"])


def _find_common_start(names: Sequence[str]) -> str:
    """Return what all names begin with, up to a dot or a slash."""
    first, last = min(names, default=""), max(names, default="")
    equal = next(
        (n for n, pair in enumerate(zip(first, last, strict=False)) if len({*pair}) > 1), 0
    )
    return re.sub(r"[^./]*$", "", first[:equal])


def _format_largest(group: Iterable[Facts]) -> str:
    known = [row["discrepancy"] for row in group if row["discrepancy"] is not None]
    return f"{max(known):.3f}" if known else ""


def _format_closest(group: Iterable[Facts]) -> str:
    rivals = [row["runner_up"] for row in group if row["runner_up"]]
    known = [each for each in rivals if each["discrepancy"] is not None]
    if not known:
        return ""
    closest = min(known, key=lambda each: each["discrepancy"])
    return f"{closest['value']} {closest['discrepancy']:.3f}"
