"""The table of roofline.py, made from its rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

HEADER = ("", "batch", "gradients/s", "G multiply-adds/s", "share", "in the turns", "of")


@dataclass(frozen=True)
class Row:
    """The speed of one measurement, and its share of another."""

    what: str
    batch: int | None
    rate: float  # gradients per second, median of the slices
    multiply_adds: float  # per second
    of: str
    share: float  # median of the turns
    least: float
    most: float


def format_page(record: Mapping[str, Any]) -> str:
    """Return the results as Markdown, a row for each measurement."""
    table = _format_table([Row(**row) for row in record["rows"]])
    where = f"{record['hardware']}, checkpoint {record['checkpoint_sha256'][:12]}"
    return (
        f"### Gradients per second, and shares of what is possible\n\n{table}\n\n"
        f"* Run: {where}; `{record['command']}`.\n"
    )


def _format_table(rows: Sequence[Row]) -> str:
    return tabulate([_format_row(row) for row in rows], HEADER, "pipe", disable_numparse=True)


def _format_row(row: Row) -> list[str]:
    numbers = [f"{row.rate:,.0f}", f"{row.multiply_adds / 1e9:.0f}"]
    if row.of == row.what:
        return [row.what, "", *numbers, "", "", ""]
    shares = [f"{row.share:.3f}", f"{row.least:.3f} to {row.most:.3f}"]
    return [row.what, str(row.batch), *numbers, *shares, row.of]
