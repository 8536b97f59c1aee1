"""The catalogue of a run's committed trials and their files; reads rows block by block."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import h5py
import numpy as np

from ganinv_cli.files.write import has_content
from ganinv_cli.settings.names import is_image_group
from ganinv_cli.store import checksums, contents, files, provenance, schema
from ganinv_cli.store.files import DamagedError
from ganinv_cli.store.ranges import TrialValues
from ganinv_cli.store.schema import TRIAL, TRIAL_KIND, Kind, Layout, column_path


class CommittedFile(NamedTuple):
    """A committed file and the trials it has rows of."""

    path: Path
    spans: dict[str, tuple[int, int]]  # group -> least and largest trial
    lost: Mapping[str, np.ndarray]  # group -> numbers of damaged rows, which do not count


class Catalogue:
    """The committed files of a run; if two files have the same row, the first one counts."""

    def __init__(self) -> None:
        self.files: list[CommittedFile] = []  # the finished file first, then the parts
        self.damaged_parts: list[Path] = []  # nothing of them counts
        self.figures: list[str] = []  # names, of the finished file
        self.notes: list[str] = []  # sentences on what is damaged, which does not count
        self.attributes: dict[str, Any] | None = None  # of the first file, decoded
        self.layout: Layout = {}
        self.constants: dict[str, np.ndarray] = {}
        self._committed: dict[str, TrialValues] = {}  # group -> 0 for each committed trial

    @property
    def groups(self) -> list[str]:
        return list(self._committed)

    @property
    def saved_trials(self) -> int:
        """Number of trials with an outcome, over all groups."""
        return sum(
            len(self.list_trials(group)) for group in filter(schema.is_trial_group, self.groups)
        )

    def list_trials(self, group: str) -> np.ndarray:
        """Return the numbers of the committed trials of a group, sorted."""
        return self._committed.get(group, TrialValues()).select()[0]

    def list_sources(self, group: str, low: int, high: int) -> list["RowSource"]:
        """Return the files that may have rows of a group from `low` to below `high`."""
        return list_overlapping_files(self.files, group, low, high)

    def is_missing(self, group: str, trials: np.ndarray) -> np.ndarray:
        """Return which of these trials are not committed: bool (trials,)."""
        return self._committed.get(group, TrialValues()).get(trials) < 0

    def add(
        self,
        path: Path,
        trials: Mapping[str, np.ndarray],
        lost: Mapping[str, np.ndarray] | None = None,
    ) -> bool:
        """Add a committed file; return whether it has a row that no earlier file has."""
        new = [self._mark_committed(group, numbers) for group, numbers in trials.items()]
        spans = {
            group: (int(numbers.min()), int(numbers.max()))
            for group, numbers in trials.items()
            if len(numbers)
        }
        self.files.append(CommittedFile(path, spans, lost or {}))
        return any(new)

    def drop_images_without_row(self) -> None:
        """Count nothing of the images whose own row is lost: it is not known which they are."""
        for group in self.groups:
            image = group.partition("/")[0]
            if is_image_group(image) and not len(self.list_trials(image)):
                del self._committed[group]
                for stored in self.files:
                    stored.spans.pop(group, None)

    def _mark_committed(self, group: str, trials: np.ndarray) -> bool:
        new = bool(self.is_missing(group, trials).any())
        self._committed.setdefault(group, TrialValues()).set(trials, 0)
        return new


class CommittedRows(Protocol):
    """The rows for a finished file, and the files that hold them: of one run, or merged."""

    layout: Layout  # of the groups at least
    constants: dict[str, np.ndarray]

    @property
    def groups(self) -> list[str]: ...
    def list_trials(self, group: str) -> np.ndarray: ...
    def list_sources(self, group: str, low: int, high: int) -> list["RowSource"]: ...


class RowSource(NamedTuple):
    """A file that has some rows; if two have the same row, the first one counts."""

    path: Path
    trials: np.ndarray | None  # the rows to take, each at its trial's number; None: look for them
    lost: Mapping[str, np.ndarray] = MappingProxyType({})  # as in CommittedFile


def scan_run(path: Path) -> tuple[Catalogue, bool]:
    """Return the catalogue of a run, and whether any part has rows that the finished file lacks.

    Damaged rows and figures, and parts that cannot be read, do not count. Raises DamagedError if
    the finished file cannot be read.
    """
    catalogue, more = Catalogue(), False
    if has_content(path):
        _add_file(catalogue, path)
    for part in files.list_parts(path):
        try:
            more = _add_file(catalogue, part) or more
        except DamagedError:
            catalogue.damaged_parts.append(part)
            catalogue.notes.append(_describe_damage(part, "its trials"))
    if catalogue.notes:
        catalogue.drop_images_without_row()
    return catalogue, more


def list_overlapping_files(
    candidates: Sequence[CommittedFile], group: str, low: int, high: int
) -> list[RowSource]:
    """Return the files that may have rows of a group with numbers from `low` to below `high`."""
    spans = ((each, each.spans.get(group, (high, low))) for each in candidates)
    return [
        RowSource(each.path, None, each.lost)
        for each, (least, most) in spans
        if least < high and most >= low
    ]


def read_block(
    rows: CommittedRows, group: str, kinds: Mapping[str, Kind], numbers: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the columns of a group for these trial numbers, which are sorted.

    `kinds` includes "trial", which is -1 for a number that has no row.
    """
    found = {name: kind.empty(len(numbers)) for name, kind in kinds.items()}
    found[TRIAL][:] = -1
    low, high = int(numbers[0]), int(numbers[-1]) + 1
    for source in reversed(rows.list_sources(group, low, high)):  # the first overwrites the others
        with files.reopen_results(source.path) as file:
            columns = file[group or "/"]
            wanted = numbers[~np.isin(numbers, source.lost.get(group, []))]
            if source.trials is not None:
                trials, at = (source.trials[np.isin(source.trials, numbers)],) * 2
            elif file.attrs["finished"] != "":
                trials, at = _locate_by_index(columns[TRIAL], wanted)
            else:
                trials, at = _locate_by_search(columns[TRIAL], wanted)
            places = np.searchsorted(numbers, trials)
            for name in kinds if len(trials) else ():
                if name in columns:
                    contents.copy_rows(columns[name], at, found[name], places)
    return found


def read_group(catalogue: Catalogue, group: str) -> dict[str, np.ndarray]:
    """Return "trial" and the columns of a group's committed rows, sorted by trial."""
    kinds = {
        name: catalogue.layout[group, name]
        for name in schema.get_columns(group)
        if (group, name) in catalogue.layout
    }
    return read_block(catalogue, group, {TRIAL: TRIAL_KIND} | kinds, catalogue.list_trials(group))


def read_images(catalogue: Catalogue, names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Return these columns of the row about each image, by group; each file is opened once."""
    rows: dict[str, dict[str, np.ndarray]] = {}
    for stored in catalogue.files:
        new = [group for group in stored.spans if is_image_group(group) and group not in rows]
        if new:
            with files.reopen_results(stored.path) as file:
                rows |= {
                    group: {name: file[column_path(group, name)][:1] for name in names}
                    for group in new
                }
    return rows


def _add_file(catalogue: Catalogue, path: Path) -> bool:
    with files.open_results(path) as opened:
        found = contents.read_intact_summary(opened)
    catalogue.layout = found.layout | catalogue.layout
    catalogue.constants = found.constants | catalogue.constants
    if catalogue.attributes is None:
        catalogue.attributes = found.attributes
    provenance.check_beside(catalogue.attributes, found.attributes, path)
    catalogue.figures += found.attributes["figures"]
    if damaged := str(found.damage):
        catalogue.notes.append(_describe_damage(path, damaged))
    trials = {group: stored.trials for group, stored in found.trials.items()}
    return catalogue.add(path, trials, found.damage.trials)


def _describe_damage(path: Path, damaged: str) -> str:
    return f"{path} is damaged: {damaged} cannot be read and count as missing"


def _locate_by_index(trial: h5py.Dataset, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which numbers a finished file has, and their rows, which are the numbers."""
    there = numbers[numbers < len(trial)]
    run = there[contents.read_rows(trial, there) >= 0]
    return run, run


def _locate_by_search(trial: h5py.Dataset, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which numbers a part has, and their rows, sorted."""
    rows, stored = checksums.read_trials(trial)
    wanted = np.isin(stored, numbers)
    return stored[wanted], rows[wanted]
