"""Rows of a group: checks that they fit the schema and one another, and rows of several files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ganinv_cli.store.columns import CONSTANTS, TRIAL, column_path, get_group_kind

CACHE_BYTES = 1 << 16  # larger columns are not cached

Group = Mapping[str, np.ndarray]  # "trial" and the columns, one row per trial


class Kind(NamedTuple):
    """The dtype and shape of a column in a file."""

    dtype: str
    shape: tuple[int, ...]  # the axes after the rows

    @property
    def row_bytes(self) -> int:
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))

    def empty(self, rows: int) -> np.ndarray:
        """Return rows that were not run: NaN, or 0 for dtypes without NaN."""
        fill = {"f": np.nan, "S": b""}.get(np.dtype(self.dtype).kind, 0)
        return np.full((rows, *self.shape), fill, self.dtype)


Layout = dict[tuple[str, str], Kind]  # (group, column) -> kind
Constants = dict[str, np.ndarray]


class Source(Protocol):
    """A finished file, or the log of a run."""

    path: Path
    attributes: dict[str, Any]  # of "/", decoded
    constants: Constants
    layout: Layout

    @property
    def groups(self) -> Sequence[str]: ...
    def list_trials(self, group: str) -> np.ndarray:
        """Return the number of each row's trial, (rows,) int64."""
        ...

    def read_rows(self, group: str, names: Sequence[str], at: np.ndarray) -> dict[str, np.ndarray]:
        """Return columns of the layout at these rows of `list_trials`, (n,) int, in any order."""
        ...


def conform_rows(group: str, rows: Group) -> dict[str, np.ndarray]:
    """Return the rows in the dtypes of the schema. Raises ValueError if the columns differ."""
    known = get_group_kind(group).columns
    fitted = {name: _to_dtype(rows[name], known[name].dtype) for name in (TRIAL, *rows)}
    if len({len(values) for values in fitted.values()}) > 1:
        raise ValueError(f"the columns of {group or '/'} have different lengths")
    return fitted


def _to_dtype(values: np.ndarray, dtype: str) -> np.ndarray:
    return np.asarray(values, None if dtype == "float" else dtype)


def infer_layout(group: str, rows: Group) -> Layout:
    """Return the kinds of the columns of some rows."""
    return {(group, name): Kind(str(v.dtype), v.shape[1:]) for name, v in rows.items()}


def join_layouts(known: Layout, new: Layout) -> Layout:
    """Return both layouts joined. Raises ValueError if they contradict each other or the schema."""
    for key in new.keys() & known.keys():
        if known[key] != new[key]:
            raise ValueError(f"{column_path(*key)} was {known[key]} before, and now is {new[key]}")
    if new.keys() <= known.keys():
        return known
    sizes: dict[str, int] = {}  # symbol of the schema -> its size in this run
    for (group, name), kind in (known | new).items():
        path, column = column_path(group, name), get_group_kind(group).columns[name]
        dtypes = ("float32", "float64") if column.dtype == "float" else (column.dtype,)
        fits = np.dtype(kind.dtype) in map(np.dtype, dtypes)
        if not fits or len(kind.shape) != len(column.shape):
            raise ValueError(f"{path} is {kind}, and should be {column.dtype} {column.shape}")
        for symbol, size in zip(column.shape, kind.shape, strict=True):
            if sizes.setdefault(symbol, size) != size:
                raise ValueError(f"{path}: {symbol} is {size}, not {sizes[symbol]}")
    return known | new


def join_constants(known: Constants, new: Mapping[str, Any]) -> Constants:
    """Return both joined, in the dtypes of the schema. Raises ValueError if a value differs."""
    joined = dict(known)
    for name, value in new.items():
        array = _to_dtype(value, CONSTANTS[name].dtype)
        if not np.array_equal(joined.setdefault(name, array), array, equal_nan=True):
            raise ValueError(f"{name} is not what it was before")
    return joined


def join_rows(pieces: Sequence[Group]) -> dict[str, np.ndarray]:
    """Return the rows of several pieces of a group, sorted by trial; a trial's first row counts."""
    trial, first = np.unique(np.concatenate([p[TRIAL] for p in pieces]), return_index=True)
    kinds = {name: kind for p in pieces for (_, name), kind in infer_layout("", p).items()}
    rows = {
        name: np.concatenate([p.get(name, kind.empty(len(p[TRIAL]))) for p in pieces])[first]
        for name, kind in kinds.items()
    }
    return rows | {TRIAL: trial}


class GroupRows(Mapping[str, np.ndarray]):
    """A group's rows in all files of a run, each trial once, sorted; the first file counts.

    A column is read when it is used. Raises ResultsError then if its file is damaged.
    """

    def __init__(self, name: str, sources: Sequence[Source]) -> None:
        self._name = name
        self._sources = [source for source in sources if name in source.groups]
        found = [source.list_trials(name) for source in self._sources]
        trials, first = np.unique(np.concatenate(found), return_index=True)
        lengths = [len(trials) for trials in found]
        self._rows = np.concatenate([np.arange(length) for length in lengths])[first]
        self._numbers = np.repeat(np.arange(len(found), dtype=np.uint16), lengths)[first]
        self.repeated = sum(lengths) - len(trials)  # rows that do not count
        self.kinds: dict[str, Kind] = {}
        for source in self._sources:
            self.kinds |= {of: kind for (group, of), kind in source.layout.items() if group == name}
        self._cache: dict[str, np.ndarray] = {TRIAL: trials}

    def __iter__(self) -> Iterator[str]:
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)

    def __contains__(self, name: object) -> bool:
        return name in self.kinds

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._cache:
            return self._cache[name]
        values = self.read([name], slice(None))[name]
        if values.nbytes <= CACHE_BYTES:
            self._cache[name] = values
        return values

    def list_sources(self) -> list[Source]:
        """Return the files that have any of the rows that count."""
        return [self._sources[number] for number in np.unique(self._numbers)]

    def read(self, names: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        """Return columns in some rows, by index."""
        numbers, at = self._numbers[rows], self._rows[rows]
        values = {name: self.kinds[name].empty(len(at)) for name in names}
        for number in np.unique(numbers):
            source, places = self._sources[number], np.flatnonzero(numbers == number)
            known = [name for name in names if (self._name, name) in source.layout]
            for name, found in source.read_rows(self._name, known, at[places]).items():
                if len(places) == len(at):
                    values[name] = found
                else:
                    values[name][places] = found
        return values


def take_rows(group: Group, name: str, rows: slice | np.ndarray) -> np.ndarray:
    """Return a column's values in some rows, by index; other rows are not loaded from files."""
    return group.read([name], rows)[name] if isinstance(group, GroupRows) else group[name][rows]


def take_trials(group: Group, name: str, trials: np.ndarray) -> np.ndarray:
    """Return a column's values for these trials (n,). Raises KeyError if a trial is missing."""
    at, after = (np.searchsorted(group[TRIAL], trials, side) for side in ("left", "right"))
    if (at == after).any():
        raise KeyError(f"{name}: there is no trial {trials[at == after][0]}")
    return take_rows(group, name, at)


def get_row_shape(group: Group, name: str) -> tuple[int, ...]:
    """Return the shape of a column's value in one row; no value is loaded from files."""
    return group.kinds[name].shape if isinstance(group, GroupRows) else group[name].shape[1:]
