"""Tables of plain text, as wide as their rows."""

import io
import textwrap
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 80  # columns of text


def make_table(columns: Iterable[str], numbers: Iterable[str]) -> Table:
    """Return an empty table; `numbers` are the columns that are aligned on the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True, justify="right" if name in numbers else "left")
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


def render_table(table: Table) -> str:
    file = io.StringIO()
    # Text from a file is not markup; no number is cut off.
    Console(file=file, width=1000, markup=False, highlight=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().split("\n"))
