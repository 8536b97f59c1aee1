"""The tables of docs/results-format.md, from the schema."""

import re

from ganinv_cli.outcome import Outcome
from ganinv_cli.results.store.columns import (
    CERTIFICATE,
    CONSTANTS,
    FIRST_ALONE,
    IMAGES,
    POLISHED,
    ROOT,
    RULE,
    Schema,
)


def update_tables(text: str) -> str:
    """Return docs/results-format.md with its generated blocks replaced by the present tables."""
    block = re.compile(r"(<!-- (\w+): generated -->\n).*?(<!-- end -->)", re.DOTALL)
    tables = {
        "root": _render_columns(ROOT, "rows"),
        "rule": _render_columns(RULE | FIRST_ALONE | POLISHED, "rows"),
        "images": _render_columns(IMAGES, "images"),
        "certificates": _render_columns(CERTIFICATE, "images"),
        "constants": _render_columns(CONSTANTS, ""),
        "outcomes": "\n".join(
            ["| number | outcome |", "|---|---|", "| 0 | not run |"]
            + [f"| {outcome.value} | `{outcome.name}` |" for outcome in Outcome]
        ),
    }
    return block.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}", text)


def _render_columns(columns: Schema, rows: str) -> str:
    lines = [
        f"| `{name}` | {column.dtype} | ({', '.join((*rows.split(), *column.shape))}) "
        f"| {column.unit or '–'} | {column.meaning}{' (optional)' if column.optional else ''} |"
        for name, column in columns.items()
    ]
    return "\n".join(["| name | dtype | shape | unit | meaning |", "|---|---|---|---|---|", *lines])
