"""Plain numbers for JSON and CSV."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.report.report import Row


def mean_or_none(values: NDArray[Any]) -> float | None:
    """None where there is nothing to take a mean of, or no finite one."""
    return finite_or_none(float(np.mean(values))) if len(values) else None


def finite_or_none(value: float) -> float | None:
    """JSON has no other number."""
    return value if np.isfinite(value) else None


def flatten(row: Row, prefix: str = "") -> Row:
    """Nested keys joined by a dot, an interval's ends named low and high."""
    columns: Row = {}
    for key, value in row.items():
        if isinstance(value, dict):
            columns |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            ends = zip(("low", "high"), value, strict=True)
            columns |= {f"{prefix}{key}.{end}": at for end, at in ends}
        else:
            columns[prefix + key] = value
    return columns
