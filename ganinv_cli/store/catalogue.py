"""What of a run is committed, and in which file: known without loading it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import chunks, columns, files, provenance, schema
from ganinv_cli.store.schema import TRIAL, Kind, Layout, column_path


class CommittedFile(NamedTuple):
    """A committed file and the trials it has rows of."""

    path: Path
    spans: dict[str, tuple[int, int]]  # group -> least and largest trial


class Catalogue:
    """Grows by one entry a commit; where two files have the same row, the first one counts."""

    def __init__(self) -> None:
        self.files: list[CommittedFile] = []  # the finished file first, then the parts
        self.attributes: dict[str, Any] | None = None  # of the first file, decoded
        self.layout: Layout = {}
        self.constants: dict[str, np.ndarray] = {}
        self._committed: dict[str, np.ndarray] = {}  # group -> (at least the trials,) bool

    @property
    def groups(self) -> list[str]:
        return list(self._committed)

    def count_rows(self, group: str) -> int:
        """One more than a group's largest trial number."""
        return 1 + int(self.list_trials(group).max(initial=-1))

    @property
    def saved_trials(self) -> int:
        """Trials that have an outcome, over all groups."""
        rules = (run for group, run in self._committed.items() if schema.is_trial_group(group))
        return sum(int(run.sum()) for run in rules)

    def list_trials(self, group: str) -> np.ndarray:
        """The numbers of the trials that are committed, sorted."""
        return np.flatnonzero(self._committed.get(group, np.zeros(0, bool)))

    def is_missing(self, group: str, trials: np.ndarray) -> np.ndarray:
        """Which of these trials are not committed yet, (len(trials),) bool."""
        committed = self._committed.get(group, np.zeros(0, bool))
        missing = np.ones(len(trials), bool)
        seen = trials < len(committed)
        missing[seen] = ~committed[trials[seen]]
        return missing

    def add(self, path: Path, trials: Mapping[str, np.ndarray]) -> bool:
        """Note a committed file; whether it has a row that no earlier file has."""
        trials = {group: numbers[numbers >= 0] for group, numbers in trials.items()}
        new = [self._mark_committed(group, numbers) for group, numbers in trials.items()]
        spans = {
            group: (int(numbers.min()), int(numbers.max()))
            for group, numbers in trials.items()
            if len(numbers)
        }
        self.files.append(CommittedFile(path, spans))
        return any(new)

    def _mark_committed(self, group: str, trials: np.ndarray) -> bool:
        new = bool(self.is_missing(group, trials).any())
        committed = self._committed.setdefault(group, np.zeros(0, bool))
        size = int(trials.max(initial=-1)) + 1
        if size > len(committed):  # doubled, so that a commit costs the same at any number
            grown = np.zeros(max(size, 2 * len(committed)), bool)
            grown[: len(committed)] = committed
            committed = self._committed[group] = grown
        committed[trials] = True
        return new


def scan_run(path: Path) -> tuple[Catalogue, bool]:
    """What is committed of the run at `path`; whether any part has rows the finished file lacks."""
    catalogue, more = Catalogue(), False
    if path.exists():
        _add_file(catalogue, path)
    for part in files.list_parts(path):
        more = _add_file(catalogue, part) or more
    return catalogue, more


def check_same_run(first: Mapping[str, Any], other: Mapping[str, Any], path: Path) -> None:
    """ResultsError where two files that lie together are of different runs."""
    if any(first[name] != other[name] for name in provenance.RUN_KEYS):
        raise ResultsError(f"{path} is of another run than the files beside it; move it away")


def _add_file(catalogue: Catalogue, path: Path) -> bool:
    with files.open_results(path) as file:
        found = read_summary(file)
        new = {
            (group, name): file[column_path(group, name)]
            for group, names in found.columns.items()
            for name in names
            if (group, name) not in catalogue.layout
        }
        catalogue.layout |= {key: get_kind(data) for key, data in new.items()}
    catalogue.constants = found.constants | catalogue.constants
    if catalogue.attributes is None:
        catalogue.attributes = found.attributes
    check_same_run(catalogue.attributes, found.attributes, path)
    return catalogue.add(path, found.trials)


class FileSummary(NamedTuple):
    """What a file holds, but for the columns' content."""

    attributes: dict[str, Any]  # decoded
    trials: dict[str, np.ndarray]  # group -> (rows,), each row's number; -1 where it was not run
    columns: dict[str, list[str]]  # group -> names
    constants: dict[str, np.ndarray]


def read_summary(file: h5py.File) -> FileSummary:
    """Costs the same whatever is in the columns."""
    attributes = provenance.decode_attributes(file.attrs)
    groups = attributes["groups"]
    trials = {group: chunks.read_all(file[column_path(group, TRIAL)]) for group in groups}
    return FileSummary(
        attributes, trials, {g: _list_columns(file, g) for g in groups}, read_constants(file)
    )


def read_constants(file: h5py.File) -> dict[str, np.ndarray]:
    """The root datasets that are not a row a trial."""
    return {c.name: file[c.name][()] for c in columns.CONSTANTS if c.name in file}


def get_kind(data: h5py.Dataset) -> Kind:
    """Of a column."""
    return Kind(str(data.dtype), data.shape[1:])


def _list_columns(file: h5py.File, group: str) -> list[str]:
    """Those that are there; HDF5 is quicker to list than to ask."""
    whole, known = file[group or "/"], schema.get_columns(group)
    names = set(whole)
    for folder in names & {name.rpartition("/")[0] for name in known}:
        names |= {f"{folder}/{name}" for name in whole[folder]}
    return [name for name in known if name in names]
