"""Tables of plain text in 80 columns."""

import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 80  # columns of text
NAME_WIDTH = 24  # of the name of a layer in a table with many columns


def make_table(
    columns: Iterable[str], numbers: Iterable[str], wrapped: Iterable[str] = ()
) -> Table:
    """Return an empty table; `numbers` are the columns that are aligned on the right.

    The `wrapped` columns are wrapped if a row is too wide.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        justify: Literal["right", "left"] = "right" if name in numbers else "left"
        table.add_column(name, no_wrap=name not in wrapped, justify=justify)
    return table


def wrap_text(text: str, indent: int = 0) -> str:
    """Return a text in lines of WIDTH columns; all but the first are indented."""
    return textwrap.fill(
        text,
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def shorten(name: str, width: int = NAME_WIDTH) -> str:
    """Return the name of a layer, or its end if it is long."""
    plain = " ".join(name.split())
    return plain if len(plain) <= width else f"…{plain[1 - width :]}"


def find_common_start(names: Sequence[str]) -> str:
    """Return what all names begin with, up to a dot or a slash."""
    first, last = min(names, default=""), max(names, default="")
    pairs = enumerate(zip(first, last, strict=False))
    equal = next((place for place, (one, other) in pairs if one != other), 0)
    return re.sub(r"[^./]*$", "", first[:equal])


def render_table(table: Table) -> str:
    file = io.StringIO()
    # Text from a file is not markup; no number is cut off.
    Console(file=file, width=WIDTH, markup=False, highlight=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().split("\n"))
