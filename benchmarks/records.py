"""Publish what a benchmark measured: JSON, and its tables beside it as Markdown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from ganinv_cli.results.number_format import format_share, format_share_interval
from ganinv_cli.results.statistics import clopper_pearson

Record = Mapping[str, Any]  # what a benchmark measured, as its JSON file has it


def publish(record: Record, out: Path | None = None) -> None:
    """Print the page of a record; with `out`, write the JSON there and the page beside it."""
    page = format_page(record)
    click.echo(page, nl=False)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        out.with_suffix(".md").write_text(page, "utf-8")


def format_page(record: Record) -> str:
    """Return the page of a record: its title, rows and notes, and a line on its origin."""
    rows = [{name: _format_value(value) for name, value in row.items()} for row in record["rows"]]
    lines = [*record.get("notes", ()), f"* Run: {record['about']}."]
    return "\n".join([format_section(record["title"], rows), *(f"{line}\n" for line in lines)])


def format_section(title: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Return a titled table of rows (column -> value) as Markdown."""
    return f"### {title}\n\n{tabulate(rows, 'keys', 'pipe', disable_numparse=True)}\n"


def format_counted_share(count: int, trials: int) -> str:
    """Return a share of trials with its exact 95 % interval (Clopper and Pearson)."""
    interval = format_share_interval(clopper_pearson(count, trials))
    return f"{format_share(count / trials)} {interval}"


def _format_value(value: object) -> str:
    if value is None:
        return "not measured"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
