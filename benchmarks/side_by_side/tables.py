"""What a benchmark measured: printed, and kept where the documentation takes it from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from tabulate import tabulate


def print_table(
    title: str, rows: Sequence[Mapping[str, object]], about: str, out: Path | None = None
) -> None:
    """Print rows, each column -> value, as a Markdown table; `about` says where they are from.

    With `out` write them there as JSON, and the table beside it, its ending being .md.
    """
    shown = [{name: _format_value(value) for name, value in row.items()} for row in rows]
    table = tabulate(shown, "keys", "pipe", disable_numparse=True)
    text = f"### {title}\n\n{table}\n\n* Run: {about}.\n"
    click.echo(text, nl=False)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        content = {"title": title, "about": about, "rows": rows}
        out.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        out.with_suffix(".md").write_text(text, "utf-8")


def _format_value(value: object) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
