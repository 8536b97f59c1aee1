"""Rows of a group: as records, and in all parts of a run together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.results.store.columns import TRIAL, get_columns

CACHE_BYTES = 1 << 16  # larger columns are not cached

Group = Mapping[str, np.ndarray]  # "trial" and the columns, one row per trial


@dataclass(frozen=True)
class Figure:
    """Images stored in the results file: a row per panel, a column per trial."""

    pictures: np.ndarray  # (panels, trials, height, width, channels) uint8
    panels: tuple[str, ...]
    trials: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of a run: a finished file, or a block of a log."""

    path: Path
    attributes: dict[str, Any]  # of "/", decoded
    constants: dict[str, np.ndarray]
    layout: Mapping[str, np.dtype]  # group -> dtype of a row, with a field for each column
    trials: Mapping[str, np.ndarray]  # group -> each row's trial, (rows,) int64
    # From a group, columns and rows of `trials`, (n,) int in any order, to the columns in these
    # rows, which are checked as they are read. Raises DamagedError.
    read: Callable[[str, Sequence[str], np.ndarray], Group]
    is_finished: bool = False
    figures: Mapping[str, Figure] = field(default_factory=dict)


def make_records(group: str, rows: Group) -> np.ndarray:
    """Return rows as records, (rows,) with a field for each column, in the schema's dtypes."""
    known = get_columns(group)
    fields = []
    for name, values in rows.items():
        dtype = values.dtype if known[name].dtype == "float" else known[name].dtype
        fields.append((name, dtype, values.shape[1:]))
    records = np.empty(len(rows[TRIAL]), fields)
    for name, values in rows.items():
        records[name] = values
    return records


def make_empty(dtype: np.dtype, rows: int) -> np.ndarray:
    """Return rows of a column that were not run: NaN, or 0 for dtypes without NaN."""
    fill = {"f": np.nan, "S": b""}.get(dtype.base.kind, 0)
    return np.full((rows, *dtype.shape), fill, dtype.base)


class Rows(Mapping[str, np.ndarray]):
    """A group's rows in all parts of a run, each trial once, sorted; the first part counts.

    A column is read when it is used. Raises DamagedError then if its file is damaged.
    """

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        self._name = name
        self._parts = [part for part in parts if name in part.trials]
        found = [part.trials[name] for part in self._parts]
        none = np.zeros(0, np.int64)
        trials, first = np.unique(np.concatenate([none, *found]), return_index=True)
        lengths = [len(trials) for trials in found]
        self._rows = np.concatenate([none, *map(np.arange, lengths)])[first]
        self._numbers = np.repeat(np.arange(len(found), dtype=np.uint32), lengths)[first]
        rows = [part.layout[name] for part in self._parts]
        self.dtypes = {column: row[column] for row in rows for column in row.names or ()}
        self._cache: dict[str, np.ndarray] = {TRIAL: trials}

    def __iter__(self) -> Iterator[str]:
        return iter(self.dtypes)

    def __len__(self) -> int:
        return len(self.dtypes)

    def __contains__(self, name: object) -> bool:
        return name in self.dtypes

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._cache:
            return self._cache[name]
        values = self.read([name], slice(None))[name]
        if values.nbytes <= CACHE_BYTES:
            self._cache[name] = values
        return values

    def list_parts(self) -> list[Part]:
        """Return the parts that have any of the rows that count."""
        return [self._parts[number] for number in np.unique(self._numbers)]

    def read(self, names: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        """Return columns in some rows, by index."""
        numbers, at = self._numbers[rows], self._rows[rows]
        values = {name: make_empty(self.dtypes[name], len(at)) for name in names}
        for number in np.unique(numbers):
            part, places = self._parts[number], np.flatnonzero(numbers == number)
            known = [name for name in names if name in (part.layout[self._name].names or ())]
            for name, found in part.read(self._name, known, at[places]).items():
                values[name][places] = found
        return values


def take_rows(group: Group, name: str, rows: slice | np.ndarray) -> np.ndarray:
    """Return a column's values in some rows, by index; other rows are not loaded from files."""
    return group.read([name], rows)[name] if isinstance(group, Rows) else group[name][rows]


def take_trials(group: Group, name: str, trials: np.ndarray) -> np.ndarray:
    """Return a column's values for these trials (n,). Raises KeyError if a trial is missing."""
    at, after = (np.searchsorted(group[TRIAL], trials, side) for side in ("left", "right"))
    if (at == after).any():
        raise KeyError(f"{name}: there is no trial {trials[at == after][0]}")
    return take_rows(group, name, at)


def get_row_shape(group: Group, name: str) -> tuple[int, ...]:
    """Return the shape of a column's value in one row; no value is loaded from files."""
    return group.dtypes[name].shape if isinstance(group, Rows) else group[name].shape[1:]
