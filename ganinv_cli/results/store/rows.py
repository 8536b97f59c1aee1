"""Rows of a group: as columns, as records of a block, and joined in the order of their numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganinv_cli.results.store.columns import IMAGE, RECOVERIES, TRIAL, get_columns
from ganinv_cli.results.store.damage import MissingColumnError

Group = Mapping[str, np.ndarray]  # the columns, a row each for a trial, a start or an image
NO_ROWS: Group = {IMAGE: np.zeros(0, np.int64), TRIAL: np.zeros(0, np.int64)}
CACHE_BYTES = 1 << 16  # larger columns of trials are read again
STARTS_PER_IMAGE = 1 << 32  # more than there can be


@dataclass(frozen=True)
class Figure:
    """Images stored in the results file: a row per panel, a column per trial."""

    pictures: np.ndarray  # (panels, trials, height, width, channels) uint8
    panels: tuple[str, ...]
    trials: tuple[int, ...]


class LazyRows(Mapping[str, np.ndarray]):
    """The rows of a group, of which a column is read when it is used, and kept if it is small."""

    place = "a results file"  # for errors

    def __init__(self, dtypes: Mapping[str, np.dtype], rows: int) -> None:
        """Describe the rows: how many there are, and the dtype of each column in a row."""
        self.dtypes, self.rows = dtypes, rows
        self._cache: dict[str, np.ndarray] = {}

    def read(self, names: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        """Return columns in some rows, by index. Raises DamagedError if a file is damaged."""
        missing = [name for name in names if name not in self._cache]
        found = self._read(missing, rows) if missing else {}
        return {name: found[name] if name in found else self._cache[name][rows] for name in names}

    def load(self) -> None:
        """Read all columns, and keep them."""
        self._cache = self._read(list(self.dtypes), slice(None))

    def _read(self, names: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[str]:
        return iter(self.dtypes)

    def __len__(self) -> int:
        return len(self.dtypes)

    def __contains__(self, name: object) -> bool:
        return name in self.dtypes

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.dtypes:
            raise MissingColumnError(
                f"{self.place} has no column {name}; restore a copy of the file, or move it away "
                "and run its command again"
            )
        values = self._cache.get(name)
        if values is None:
            values = self._read([name], slice(None))[name]
            if IMAGE in self.dtypes or values.nbytes <= CACHE_BYTES:
                self._cache[name] = values
        return values


class JoinedRows(LazyRows):
    """The rows of all parts of a group, sorted by their numbers, each number once.

    Of several rows with one number the first counts, and of certificates that of most trials.
    In memory are 8 bytes for each row, beside the parts.
    """

    def __init__(self, parts: Sequence[Group]) -> None:
        self.parts = parts
        self._ends = np.cumsum([count_rows(part) for part in parts])
        numbers = np.empty(sum(map(count_rows, parts)), np.int64)
        for part, end in zip(parts, self._ends, strict=True):
            numbers[end - count_rows(part) : end] = get_numbers(part)
        dtypes = join_dtypes(parts)
        if RECOVERIES in dtypes:
            trials = np.concatenate([part[RECOVERIES] for part in parts])
            order = np.lexsort((-trials, numbers))
        else:
            order = np.argsort(numbers, kind="stable")
        numbers = numbers[order]
        is_first = np.ones(len(order), bool)
        is_first[1:] = numbers[1:] != numbers[:-1]
        self._order = order[is_first]
        super().__init__(dtypes, len(self._order))

    def _read(self, names: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        order = self._order[rows]
        values = {name: make_empty(self.dtypes[name], len(order)) for name in names}
        places = np.searchsorted(self._ends, order, side="right")
        for place in np.unique(places):
            part, here = self.parts[place], np.flatnonzero(places == place)
            first = self._ends[place] - count_rows(part)
            known = [name for name in names if name in part]
            for name, found in read_rows(part, known, order[here] - first).items():
                values[name][here] = found
        return values


class _SlicedRows(Mapping[str, np.ndarray]):
    """Rows of a group that follow one another; a column is taken from it when it is used."""

    def __init__(self, group: Group, rows: slice) -> None:
        self._group, self._rows = group, rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)

    def __contains__(self, name: object) -> bool:
        return name in self._group

    def __getitem__(self, name: str) -> np.ndarray:
        return self._group[name][self._rows]


def get_numbers(group: Group) -> np.ndarray:
    """Return the number of each row, (rows,) int64, by which rows are sorted.

    It is the number of the trial or of the image; of a start it is made of both.
    """
    if TRIAL not in group:
        return np.asarray(group[IMAGE], np.int64)
    images = np.asarray(group.get(IMAGE, 0), np.int64)
    return images * STARTS_PER_IMAGE + np.asarray(group[TRIAL], np.int64)


def count_rows(group: Group) -> int:
    """Return the number of rows."""
    if isinstance(group, LazyRows):
        return group.rows
    return len(group[IMAGE if IMAGE in group else TRIAL])


def get_dtypes(group: Group) -> Mapping[str, np.dtype]:
    """Return the dtype of a row of each column; no value is loaded from files."""
    if isinstance(group, LazyRows):
        return group.dtypes
    return {name: np.dtype((values.dtype, values.shape[1:])) for name, values in group.items()}


def join_dtypes(parts: Sequence[Group]) -> dict[str, np.dtype]:
    """Return the columns that any of the parts has, with the dtype of a row, the widest of all."""
    dtypes: dict[str, np.dtype] = {}
    for part in parts:
        for column, dtype in get_dtypes(part).items():
            widest = np.promote_types(dtypes.get(column, dtype).base, dtype.base)
            dtypes[column] = np.dtype((widest, dtype.shape))
    return dtypes


def concatenate_rows(parts: Sequence[Group]) -> dict[str, np.ndarray]:
    """Return the rows of all parts in their order; columns that some lack are empty there."""
    return {
        column: np.concatenate(
            [
                part[column] if column in part else make_empty(dtype, count_rows(part))
                for part in parts
            ]
        )
        for column, dtype in join_dtypes(parts).items()
    }


def select_rows(group: Group, selected: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of the rows for which `selected` (rows,) bool is true."""
    return read_rows(group, list(group), np.flatnonzero(selected))


def slice_rows(group: Group, rows: slice) -> Group:
    """Return rows of a group that follow one another; a column is read when it is used."""
    return _SlicedRows(group, rows)


def split_by_image(group: Group) -> dict[int, Group]:
    """Return the rows of each image by its number, in their order."""
    images = group[IMAGE]
    if (images[1:] < images[:-1]).any():
        group = read_rows(group, list(group), np.argsort(images, kind="stable"))
    numbers, first = np.unique(group[IMAGE], return_index=True)
    ends = [*first[1:].tolist(), len(images)]
    rows = map(slice, first.tolist(), ends)
    return {
        number: _SlicedRows(group, each)
        for number, each in zip(numbers.tolist(), rows, strict=True)
    }


def make_records(name: str, rows: Group) -> np.ndarray:
    """Return rows as records, (rows,) with a field for each column, in the schema's dtypes."""
    known = get_columns(name)
    fields = []
    for column, values in rows.items():
        dtype = values.dtype if known[column].dtype == "float" else known[column].dtype
        fields.append((column, dtype, values.shape[1:]))
    records = np.empty(count_rows(rows), fields)
    for column, values in rows.items():
        records[column] = values
    return records


def split_records(records: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of records, without a copy."""
    return {name: records[name] for name in records.dtype.names or ()}


def make_empty(dtype: np.dtype, rows: int) -> np.ndarray:
    """Return rows of a column that were not run: NaN, or 0 for dtypes without NaN."""
    fill = {"f": np.nan, "S": b""}.get(dtype.base.kind, 0)
    return np.full((rows, *dtype.shape), fill, dtype.base)


def read_rows(
    group: Group, names: Sequence[str], rows: slice | np.ndarray
) -> dict[str, np.ndarray]:
    """Return columns in some rows, by index; other rows are not loaded from files."""
    if isinstance(group, LazyRows):
        return group.read(names, rows)
    return {name: group[name][rows] for name in names}


def take_rows(group: Group, name: str, rows: slice | np.ndarray) -> np.ndarray:
    """Return a column's values in some rows, as `read_rows` does."""
    return read_rows(group, [name], rows)[name]


def take_trials(group: Group, name: str, trials: np.ndarray) -> np.ndarray:
    """Return a column's values for these trials (n,). Raises KeyError if a trial is missing."""
    at, after = (np.searchsorted(group[TRIAL], trials, side) for side in ("left", "right"))
    if (at == after).any():
        raise KeyError(f"{name}: there is no trial {trials[at == after][0]}")
    return take_rows(group, name, at)


def decode_text(group: Group, name: str) -> str:
    """Return a text of a group of one row; empty if it has no such column."""
    return bytes(group[name][0]).decode(errors="replace") if name in group else ""
