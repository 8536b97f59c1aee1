"""A group's rows, whichever files they lie in; a column is read when it is asked for."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import catalogue, files
from ganinv_cli.store.schema import TRIAL, Kind, inside

STRETCH_BYTES = 1 << 22  # of a dataset, read at once
KEPT_BYTES = 1 << 16  # a column that is smaller stays in memory

Group = Mapping[str, np.ndarray]  # "trial" and the columns, one row each a trial


def taken(group: Group, name: str, rows: slice | np.ndarray) -> np.ndarray:
    """A column's values in some rows, by their places: where files hold it, no more is loaded."""
    return group.taken(name, rows) if isinstance(group, Rows) else group[name][rows]


def of_trials(group: Group, name: str, trials: np.ndarray) -> np.ndarray:
    """The same of some trials, (n,), whichever others there are."""
    return taken(group, name, np.searchsorted(group["trial"], trials))


@dataclass(frozen=True)
class Source:
    """A committed file, opened for each reading unless it is kept open."""

    path: Path
    whole: Path  # the finished file, where the rows of a part go
    made: tuple[int, int]  # see `made`: another file may get the name
    kept: h5py.File | None = None

    @contextlib.contextmanager
    def opened(self) -> Iterator[h5py.File]:
        """FileNotFoundError where it is gone."""
        if self.kept is not None:
            with files.explained(self.path):
                yield self.kept
        elif made(self.path) != self.made:
            raise FileNotFoundError(self.path)
        else:
            with files.opened(self.path) as file:
                yield file

    @contextlib.contextmanager
    def holding(
        self, group: str, trials: np.ndarray, rows: np.ndarray
    ) -> Iterator[tuple[h5py.File, np.ndarray]]:
        """A file with these trials of a group, (n,), and their rows in it.

        Raises ResultsError where there is none any more.
        """
        with contextlib.suppress(FileNotFoundError), self.opened() as file:
            yield file, rows
            return
        with contextlib.suppress(FileNotFoundError), files.opened(self.whole) as file:
            if _numbers(file, group, trials) == trials.tolist():
                yield file, trials
                return
        raise ResultsError(
            f"{self.whole} was started again while it was read; give the same command again"
        )


def made(path: Path) -> tuple[int, int]:
    """Which file has this name, and when it was written; FileNotFoundError where there is none."""
    about = path.stat()
    return about.st_ino, about.st_mtime_ns


@dataclass(frozen=True)
class Piece:
    """What one file has of a group."""

    source: Source
    trials: np.ndarray  # (rows,) of the file, their numbers; -1 where one was not run
    columns: Sequence[str]  # their names


class Rows(Mapping[str, np.ndarray]):
    """The rows of a group that were run, each trial once, sorted by number.

    Raises ResultsError, when a column is asked for, where a file is damaged or gone.
    """

    def __init__(self, name: str, pieces: Sequence[Piece]) -> None:
        """Where two pieces have the same trial, the first one counts."""
        self._name = name
        self._sources = [piece.source for piece in pieces]
        ran = [np.flatnonzero(piece.trials >= 0) for piece in pieces]
        trials = [piece.trials[rows] for piece, rows in zip(pieces, ran, strict=True)]
        self._trial, first = np.unique(np.concatenate(trials), return_index=True)
        row = np.concatenate(ran)[first]
        self._row = self._trial if np.array_equal(row, self._trial) else row
        places = np.arange(len(pieces), dtype=np.min_scalar_type(len(pieces)))
        self._source = np.repeat(places, [len(rows) for rows in ran])[first]
        self._examples: dict[str, tuple[Source, np.ndarray, np.ndarray]] = {}
        for piece, numbers, rows in zip(pieces, trials, ran, strict=True):
            example = piece.source, numbers[:1].copy(), rows[:1].copy()
            for column in piece.columns:
                self._examples.setdefault(column, example)
        self._kinds: dict[str, Kind] = {}
        self._kept: dict[str, np.ndarray] = {}

    def __iter__(self) -> Iterator[str]:
        return iter((TRIAL, *self._examples))

    def __len__(self) -> int:
        return 1 + len(self._examples)

    def __contains__(self, name: object) -> bool:
        return name == TRIAL or name in self._examples

    def __getitem__(self, name: str) -> np.ndarray:
        if name == TRIAL:
            return self._trial
        if name not in self._kept and len(self._sources) > 1 and not self._kind(name).shape:
            numbers = [each for each in self._examples if not self._kind(each).shape]
            self._kept |= self._read(numbers, slice(None))  # many files take long to open
        if name not in self._kept:
            values = self.taken(name, slice(None))
            if values.nbytes > KEPT_BYTES:
                return values
            self._kept[name] = values
        return self._kept[name]

    def taken(self, name: str, rows: slice | np.ndarray) -> np.ndarray:
        """A column's values in some rows, by their places."""
        return self._trial[rows] if name == TRIAL else self._read([name], rows)[name]

    def _read(self, names: Sequence[str], rows: slice | np.ndarray) -> dict[str, np.ndarray]:
        sources, at, trial = self._source[rows], self._row[rows], self._trial[rows]
        columns = {name: self._kind(name).empty(len(at)) for name in names}
        for number, mine in _apart(sources):
            source = self._sources[number]
            with source.holding(self._name, trial[mine], at[mine]) as (file, there):
                for name, values in columns.items():
                    data = file.get(inside(self._name, name))
                    if data is not None:
                        _fill(values, mine, data, there)
        return columns

    def _kind(self, name: str) -> Kind:
        if name not in self._kinds:
            source, trial, row = self._examples[name]
            with source.holding(self._name, trial, row) as (file, _):
                self._kinds[name] = catalogue.kind(file[inside(self._name, name)])
        return self._kinds[name]


def _numbers(file: h5py.File, group: str, trials: np.ndarray) -> list[int]:
    """What stands in the rows where a finished file has these trials."""
    found, data = np.full(len(trials), -1), file.get(inside(group, TRIAL))
    if data is not None and trials.max() < len(data):
        _fill(found, np.arange(len(trials)), data, trials)
    numbers: list[int] = found.tolist()
    return numbers


def _fill(values: np.ndarray, at: np.ndarray, data: h5py.Dataset, rows: np.ndarray) -> None:
    """values[at] = data[rows], a stretch at a time: HDF5 is slow at single rows."""
    length = max(1, STRETCH_BYTES // (values.itemsize * max(1, math.prod(values.shape[1:]))))
    order = np.argsort(rows, kind="stable")
    ordered, done = rows[order], 0
    while done < len(rows):
        low = ordered[done]
        until = int(np.searchsorted(ordered, low + length))
        stretch = data[low : ordered[until - 1] + 1]
        values[at[order[done:until]]] = stretch[ordered[done:until] - low]
        done = until


def _apart(sources: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each number among (rows,) with the places where it stands."""
    order = np.argsort(sources, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(sources[order])) + 1):
        if len(places):
            yield int(sources[places[0]]), places
