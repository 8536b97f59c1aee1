"""The rows of a group in all files of a run; a column is read when it is used."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import contents, differences, files
from ganinv_cli.store.checksums import TrialRows
from ganinv_cli.store.schema import TRIAL, Kind, column_path

CACHE_BYTES = 1 << 16  # larger columns are not cached

Group = Mapping[str, np.ndarray]  # "trial" and the columns, one row per trial


def take_rows(group: Group, name: str, rows: slice | np.ndarray) -> np.ndarray:
    """Return a column's values in some rows, by index; other rows are not loaded from files."""
    return group.take(name, rows) if isinstance(group, GroupRows) else group[name][rows]


def get_row_shape(group: Group, name: str) -> tuple[int, ...]:
    """Return the shape of a column's value in one row; no value is loaded from files."""
    kind = group.get_kind(name) if isinstance(group, GroupRows) else group[name][0]
    return kind.shape


def take_trials(group: Group, name: str, trials: np.ndarray) -> np.ndarray:
    """Return a column's values for these trials (n,). Raises KeyError if a trial is missing."""
    known = group[TRIAL]
    at, after = (np.searchsorted(known, trials, side) for side in ("left", "right"))
    if (at == after).any():
        raise KeyError(f"{name}: there is no trial {trials[at == after][0]}")
    return take_rows(group, name, at)


@dataclass(frozen=True)
class ResultsFile:
    """A committed file, opened for each read unless `handle` is given."""

    path: Path
    finished_path: Path  # the finished file, into which parts are merged
    stamp: tuple[int, int]  # from `read_stamp`, to notice that another file has the name
    handle: h5py.File | None = None
    run_key: tuple[object, ...] = ()  # from `select_run_key`, to notice another run

    @contextlib.contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Open the file. Raises FileNotFoundError if it was removed or replaced."""
        if self.handle is not None:
            with files.translate_errors(self.path):
                yield self.handle
        elif read_stamp(self.path) != self.stamp:
            raise FileNotFoundError(self.path)
        else:
            with files.reopen_results(self.path) as file:
                yield file

    @contextlib.contextmanager
    def open_rows(
        self, group: str, trials: np.ndarray, rows: np.ndarray
    ) -> Iterator[tuple[h5py.File, np.ndarray]]:
        """Open the file, or the finished file, that has these trials (n,); yield it and their rows.

        Raises ResultsError if neither has them any more.
        """
        with contextlib.suppress(FileNotFoundError), self.open() as file:
            yield file, rows
            return
        with (
            contextlib.suppress(FileNotFoundError),
            files.open_results(self.finished_path) as (file, attributes, _),
        ):
            if select_run_key(attributes) == self.run_key and _has_trials(file, group, trials):
                yield file, trials
                return
        raise ResultsError(
            f"{self.finished_path} was started again while it was read; give the same command again"
        )


def read_stamp(path: Path) -> tuple[int, int]:
    """Return the inode and the time of writing of a file. Raises FileNotFoundError."""
    about = path.stat()
    return about.st_ino, about.st_mtime_ns


def select_run_key(attributes: Mapping[str, Any]) -> tuple[object, ...]:
    """Return the values among a file's attributes that are equal in all files of a run."""
    return tuple(attributes[name] for name in (*differences.RUN_KEYS, "started"))


@dataclass(frozen=True)
class FileRows:
    """The rows of a group in one file that were run."""

    source: ResultsFile
    found: TrialRows
    columns: Sequence[str]  # names


class GroupRows(Mapping[str, np.ndarray]):
    """The rows of a group that were run, each trial once, sorted by number.

    Reading a column raises ResultsError if a file is damaged or was removed.
    """

    def __init__(self, name: str, pieces: Sequence[FileRows]) -> None:
        """Join the pieces; if two have the same trial, the first one counts."""
        self._name = name
        self._files = [piece.source for piece in pieces]
        ran = [piece.found.rows for piece in pieces]
        trials = [piece.found.trials for piece in pieces]
        self._trials, first = np.unique(np.concatenate(trials), return_index=True)
        row = np.concatenate(ran)[first]
        self._file_rows = self._trials if np.array_equal(row, self._trials) else row
        places = np.arange(len(pieces), dtype=np.min_scalar_type(len(pieces)))
        self._file_numbers = np.repeat(places, [len(rows) for rows in ran])[first]
        self._examples: dict[str, tuple[ResultsFile, np.ndarray, np.ndarray]] = {}
        for piece, numbers, rows in zip(pieces, trials, ran, strict=True):
            example = piece.source, numbers[:1].copy(), rows[:1].copy()
            for column in piece.columns:
                self._examples.setdefault(column, example)
        self._kinds: dict[str, Kind] = {}
        self._cache: dict[str, np.ndarray] = {}

    def __iter__(self) -> Iterator[str]:
        return iter((TRIAL, *self._examples))

    def __len__(self) -> int:
        return 1 + len(self._examples)

    def __contains__(self, name: object) -> bool:
        return name == TRIAL or name in self._examples

    def __getitem__(self, name: str) -> np.ndarray:
        if name == TRIAL:
            return self._trials
        if name not in self._cache and len(self._files) > 1 and not self.get_kind(name).shape:
            numbers = [each for each in self._examples if not self.get_kind(each).shape]
            self._cache |= self._read_columns(numbers, slice(None))  # opening files is slow
        if name not in self._cache:
            values = self.take(name, slice(None))
            if values.nbytes > CACHE_BYTES:
                return values
            self._cache[name] = values
        return self._cache[name]

    def take(self, name: str, rows: slice | np.ndarray) -> np.ndarray:
        """Return a column's values in some rows, by index."""
        return self._trials[rows] if name == TRIAL else self._read_columns([name], rows)[name]

    def _read_columns(
        self, names: Sequence[str], rows: slice | np.ndarray
    ) -> dict[str, np.ndarray]:
        sources, at, trial = self._file_numbers[rows], self._file_rows[rows], self._trials[rows]
        columns = {name: self.get_kind(name).empty(len(at)) for name in names}
        for number, mine in _iterate_file_groups(sources):
            source = self._files[number]
            with source.open_rows(self._name, trial[mine], at[mine]) as (file, there):
                for name, values in columns.items():
                    path = column_path(self._name, name)
                    if path in file:
                        contents.copy_rows(file[path], there, values, mine)
        return columns

    def get_kind(self, name: str) -> Kind:
        """Return the dtype and shape of a column's value in one row."""
        if name not in self._kinds:
            source, trial, row = self._examples[name]
            with source.open_rows(self._name, trial, row) as (file, _):
                self._kinds[name] = contents.get_kind(file[column_path(self._name, name)])
        return self._kinds[name]


def _has_trials(file: h5py.File, group: str, trials: np.ndarray) -> bool:
    """Return whether a finished file has these trials, each in the row of its number."""
    data = file.get(column_path(group, TRIAL))
    if data is None or trials.max(initial=-1) >= len(data):
        return False
    return np.array_equal(contents.read_rows(data, trials), trials)


def _iterate_file_groups(sources: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each file number in `sources` (rows,) with its indices."""
    order = np.argsort(sources, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(sources[order])) + 1):
        if len(places):
            yield int(sources[places[0]]), places
