"""Rows of the reports' tables, and the form they have in JSON and CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]  # an object of JSON
Interval = tuple[float | None, float | None]  # lower and upper end; None if it is not known


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row of a table, or a part of one; its fields are the keys of the JSON, in their order.

    A field without a default is always a key, and None becomes null. A field with a default is
    left out while it has its default: `labels: LabelCounts | None = None` becomes a key only for
    a conditional generator.
    """


def to_json(row: TableRow) -> Json:
    """Return a row as an object of JSON."""
    values = vars(row)
    return {
        field.name: _to_plain(values[field.name])
        for field in fields(row)
        if values[field.name] is not field.default
    }


def to_tables(**tables: Sequence[TableRow]) -> dict[str, list[Json]]:
    """Return the rows of each table as objects of JSON."""
    return {name: [to_json(row) for row in rows] for name, rows in tables.items()}


def flatten(row: TableRow | Mapping[str, Any], prefix: str = "") -> Json:
    """Return a row with the nested keys joined by dots; an interval ends in `low` and `high`."""
    columns: Json = {}
    for key, value in (to_json(row) if isinstance(row, TableRow) else row).items():
        if isinstance(value, dict):
            columns |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            ends = zip(("low", "high"), value, strict=True)
            columns |= {f"{prefix}{key}.{end}": at for end, at in ends}
        else:
            columns[prefix + key] = value
    return columns


def mean_or_none(values: NDArray[Any]) -> float | None:
    """Return the mean; None if there are no values, or if their mean is not finite."""
    return finite_or_none(float(np.mean(values))) if len(values) else None


def finite_or_none(value: float) -> float | None:
    """Return a number that JSON can hold; None if it is infinite or NaN."""
    return value if np.isfinite(value) else None


def _to_plain(value: Any) -> Any:
    if isinstance(value, float):
        return finite_or_none(value)
    if isinstance(value, TableRow):
        return to_json(value)
    if isinstance(value, Mapping):
        return {key: _to_plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_to_plain(each) for each in value]
    return value
