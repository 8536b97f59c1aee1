"""Compare what a file has with the declarations in `columns.py`, when it is read.

Each function raises ValueError if something is not as declared.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganinv_cli.results.store.columns import Schema, StoredColumn
from ganinv_cli.results.store.rows import Group, get_numbers

Sizes = dict[str, int]  # of the axes: one in the whole file; rows are of a group


def check_layout(group: str, schema: Schema, found: Mapping[str, Any], sizes: Sizes) -> None:
    """Check which columns there are, and their types and shapes; `found` are datasets of HDF5."""
    for name, column in schema.items():
        if name in found:
            _check_column(f"{group}/{name}", column, found[name], (f"rows of {group}",), sizes)
        elif not column.optional:
            raise ValueError(f"the column {group}/{name} is missing")


def check_constants(schema: Schema, found: Mapping[str, Any], sizes: Sizes) -> None:
    """Check the types and shapes of constants."""
    for name, data in found.items():
        _check_column(name, schema[name], data, (), sizes)


def _check_column(
    name: str, column: StoredColumn, data: Any, rows: tuple[str, ...], sizes: Sizes
) -> None:
    dtype, shape = getattr(data, "dtype", "no values"), getattr(data, "shape", ())
    if dtype not in column.dtypes:
        raise ValueError(f"{name} has {dtype}, not {column.dtype}")
    axes = (*rows, *column.shape)
    if len(shape) != len(axes) or any(
        sizes.setdefault(axis, size) != size for axis, size in zip(axes, shape, strict=True)
    ):
        raise ValueError(f"{name} has the shape {shape}, which does not fit the other columns")


def check_values(name: str, column: StoredColumn, values: np.ndarray) -> None:
    """Check the values of a column that may have only some."""
    if column.values and not (fits := np.isin(values, column.values)).all():
        raise ValueError(f"{name} has {values[~fits].flat[0]!s:.80}, which is none of its values")


def check_order(group: str, rows: Group) -> None:
    """Check that rows are in the order of their numbers, each once."""
    numbers = get_numbers(rows)
    if (numbers < 0).any() or (numbers[1:] <= numbers[:-1]).any():
        raise ValueError(f"the rows of {group or 'the root'} are not in order")
