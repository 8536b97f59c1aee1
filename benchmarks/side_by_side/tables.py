"""Print the results of a benchmark, and write them for the documentation."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from tabulate import tabulate


def print_table(
    title: str, rows: Sequence[Mapping[str, object]], about: str, out: Path | None = None
) -> None:
    """Print rows, each column -> value, as a Markdown table; `about` is a line on their origin.

    With `out`, also write them there as JSON, and the table beside it with the suffix .md.
    """
    click.echo(_format_page(title, rows, about), nl=False)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        content = {"title": title, "about": about, "rows": rows}
        out.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        write_table_page(out)


def write_table_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of `print_table`."""
    page = _format_page(**json.loads(path.read_text("utf-8")))
    path.with_suffix(".md").write_text(page, "utf-8")


def _format_page(title: str, rows: Sequence[Mapping[str, object]], about: str) -> str:
    shown = [{name: _format_value(value) for name, value in row.items()} for row in rows]
    table = tabulate(shown, "keys", "pipe", disable_numparse=True)
    return f"### {title}\n\n{table}\n\n* Run: {about}.\n"


def _format_value(value: object) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
