"""The column tables of docs/results-format.md, written from the schema."""

import re
from collections.abc import Iterable

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import columns

_BLOCK = re.compile(r"(<!-- (\w+): generated -->\n).*?(<!-- end -->)", re.DOTALL)


def up_to_date(text: str) -> str:
    """The page with its generated blocks written again."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_TABLES[block[2]]()}\n\n{block[3]}", text)


def _columns(listed: Iterable[columns.Column], rows: str) -> str:
    lines = [
        f"| `{column.name}` | {column.dtype} | ({', '.join((*rows.split(), *column.shape))}) "
        f"| {column.unit or '–'} | {column.meaning}{' (optional)' if column.optional else ''} |"
        for column in listed
    ]
    return "\n".join(["| name | dtype | shape | unit | meaning |", "|---|---|---|---|---|", *lines])


def _outcomes() -> str:
    lines = [f"| {outcome.value} | `{outcome.name}` |" for outcome in Outcome]
    return "\n".join(["| number | outcome |", "|---|---|", "| 0 | not run |", *lines])


_TABLES = {
    "root": lambda: _columns(columns.ROOT, "trials"),
    "rule": lambda: _columns((*columns.RULE, *columns.FIRST, *columns.POLISHED), "trials"),
    "image": lambda: _columns(columns.IMAGE, "1"),
    "certificate": lambda: _columns(columns.CERTIFICATE, "1"),
    "constants": lambda: _columns(columns.CONSTANTS, ""),
    "outcomes": _outcomes,
}
