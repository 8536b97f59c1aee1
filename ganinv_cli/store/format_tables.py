"""The column tables of docs/results-format.md, written from the schema."""

import re
from collections.abc import Iterable

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import columns

_GENERATED_BLOCK = re.compile(r"(<!-- (\w+): generated -->\n).*?(<!-- end -->)", re.DOTALL)


def update_tables(text: str) -> str:
    """Return the page with its generated blocks replaced by the present tables."""
    return _GENERATED_BLOCK.sub(
        lambda block: f"{block[1]}\n{_TABLES[block[2]]()}\n\n{block[3]}", text
    )


def _render_columns(entries: Iterable[columns.Column], rows: str) -> str:
    lines = [
        f"| `{column.name}` | {column.dtype} | ({', '.join((*rows.split(), *column.shape))}) "
        f"| {column.unit or '–'} | {column.meaning}{' (optional)' if column.optional else ''} |"
        for column in entries
    ]
    return "\n".join(["| name | dtype | shape | unit | meaning |", "|---|---|---|---|---|", *lines])


def _render_outcomes() -> str:
    lines = [f"| {outcome.value} | `{outcome.name}` |" for outcome in Outcome]
    return "\n".join(["| number | outcome |", "|---|---|", "| 0 | not run |", *lines])


_TABLES = {
    "root": lambda: _render_columns(columns.ROOT, "trials"),
    "rule": lambda: _render_columns((*columns.RULE, *columns.FIRST, *columns.POLISHED), "trials"),
    "image": lambda: _render_columns(columns.IMAGE, "1"),
    "certificate": lambda: _render_columns(columns.CERTIFICATE, "1"),
    "constants": lambda: _render_columns(columns.CONSTANTS, ""),
    "outcomes": _render_outcomes,
}
