"""A group's rows, whichever files they lie in; a column is read when it is asked for."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import catalogue, chunks, files, provenance
from ganinv_cli.store.schema import TRIAL, Kind, inside

BLOCK_BYTES = 1 << 22  # of a column that are read at once
KEPT_BYTES = 1 << 16  # a column that is smaller stays in memory

Group = Mapping[str, np.ndarray]  # "trial" and the columns, one row each a trial


def taken(group: Group, name: str, rows: slice | np.ndarray) -> np.ndarray:
    """A column's values in some rows, by their places: where files hold it, no more is loaded."""
    return group.taken(name, rows) if isinstance(group, Rows) else group[name][rows]


def of_trials(group: Group, name: str, trials: np.ndarray) -> np.ndarray:
    """The same of some trials, (n,), whichever others there are; KeyError where one is not."""
    known = group[TRIAL]
    at, after = (np.searchsorted(known, trials, side) for side in ("left", "right"))
    if (at == after).any():
        raise KeyError(f"{name}: there is no trial {trials[at == after][0]}")
    return taken(group, name, at)


@dataclass(frozen=True)
class Source:
    """A committed file, opened for each reading unless it is kept open."""

    path: Path
    whole: Path  # the finished file, where the rows of a part go
    made: tuple[int, int]  # see `made`: another file may get the name
    kept: h5py.File | None = None
    run: tuple[object, ...] = ()  # see `run`: a run that was started again may get the name

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
        """A file of the run with these trials of a group, (n,), and their rows in it.

        Raises ResultsError where there is none any more.
        """
        with contextlib.suppress(FileNotFoundError), self.opened() as file:
            yield file, rows
            return
        with contextlib.suppress(FileNotFoundError), files.opened(self.whole) as file:
            if run(provenance.decoded(file.attrs)) == self.run and _has(file, group, trials):
                yield file, trials
                return
        raise ResultsError(
            f"{self.whole} was started again while it was read; give the same command again"
        )


def made(path: Path) -> tuple[int, int]:
    """Which file has this name, and when it was written; FileNotFoundError where there is none."""
    about = path.stat()
    return about.st_ino, about.st_mtime_ns


def run(attributes: Mapping[str, Any]) -> tuple[object, ...]:
    """Of a file's decoded attributes: what is equal in all files that go on with one start."""
    return tuple(attributes[name] for name in (*provenance.RUN, "started"))


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


def _has(file: h5py.File, group: str, trials: np.ndarray) -> bool:
    """Whether a finished file has these trials, each in the row of its number."""
    data = file.get(inside(group, TRIAL))
    if data is None or trials.max(initial=-1) >= len(data):
        return False
    found = np.full(len(trials), -1)
    _fill(found, np.arange(len(trials)), data, trials)
    return np.array_equal(found, trials)


def _fill(values: np.ndarray, at: np.ndarray, data: h5py.Dataset, rows: np.ndarray) -> None:
    """values[at] = data[rows], some rows at a time."""
    row_bytes = values.itemsize * math.prod(values.shape[1:])
    length = max(1, BLOCK_BYTES // max(1, row_bytes))
    for low in range(0, len(rows), length):
        some = slice(low, low + length)
        wanted, place = np.unique(rows[some], return_inverse=True)
        together = (np.diff(wanted) == 1).all()  # as in every part, which are many
        found = data[wanted[0] : wanted[-1] + 1] if together else chunks.taken(data, wanted)
        values[at[some]] = found[place]


def _apart(sources: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each number among (rows,) with the places where it stands."""
    order = np.argsort(sources, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(sources[order])) + 1):
        if len(places):
            yield int(sources[places[0]]), places
