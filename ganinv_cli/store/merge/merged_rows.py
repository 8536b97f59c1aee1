"""The rows of several results files of one run; the first file that has a trial counts."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import schema
from ganinv_cli.store.catalogue import (
    Catalogue,
    CommittedFile,
    CommittedRows,
    RowSource,
    list_overlapping_files,
    read_block,
)
from ganinv_cli.store.ranges import TrialValues
from ganinv_cli.store.schema import TRIAL, TRIAL_KIND, Kind, Layout

BLOCK_ROWS = 1 << 13  # in memory at a time


class _Member(NamedTuple):
    """One results file."""

    path: Path
    files: list[CommittedFile]
    indexed_by_trial: bool  # whether it is a single file with each row at its trial's number


class _Summaries(NamedTuple):
    """The rows of a group of summaries in one results file."""

    member: int
    trials: np.ndarray  # their numbers
    summarised: int  # number of trials that the last row summarises


class MergedRows:
    """Rows of results files, added one file at a time; the first file that has a row counts."""

    def __init__(self) -> None:
        self.layout: Layout = {}
        self.constants: dict[str, np.ndarray] = {}
        self._members: list[_Member] = []
        self._owners: dict[str, TrialValues] = {}  # group -> the member of each trial
        self._summaries: dict[str, list[_Summaries]] = {}

    @property
    def groups(self) -> list[str]:
        """All groups with rows; summaries only if they cover all trials of their group."""
        return [*self._owners, *filter(self._find_complete_summaries, self._summaries)]

    def list_trials(self, group: str) -> np.ndarray:
        """Return the numbers of a group's rows, sorted."""
        if group in self._summaries:
            complete = self._find_complete_summaries(group)
            return complete.trials if complete else np.zeros(0, np.int64)
        return self._get_owners(group).select()[0]

    def list_sources(self, group: str, low: int, high: int) -> list[RowSource]:
        """Return the files that may have rows of a group from `low` to below `high`."""
        if group not in self._summaries:
            return list(self._iterate_sources(group, low, high))
        complete = self._find_complete_summaries(group)
        stored = self._members[complete.member].files if complete else []
        return list_overlapping_files(stored, group, low, high)

    def equal(self, other: CommittedRows) -> bool:
        """Return whether other rows are these, bit for bit."""
        layout = {key: kind for key, kind in self.layout.items() if key[0] in self.groups}
        return (
            set(other.groups) == set(self.groups)
            and other.layout == layout
            and other.constants.keys() == self.constants.keys()
            and all(_equal_arrays(other.constants[name], v) for name, v in self.constants.items())
            and all(self._equal_group(other, group) for group in self.groups)
        )

    def find_shared_trials(self, catalogue: Catalogue) -> dict[str, np.ndarray]:
        """Return the trials of each group that the catalogue and an added file both have."""
        shared = {}
        for group in filter(schema.is_trial_group, catalogue.groups):
            trials = catalogue.list_trials(group)
            shared[group] = trials[self._get_owners(group).get(trials) >= 0]
        return {group: trials for group, trials in shared.items() if len(trials)}

    def add_layout(self, path: Path, catalogue: Catalogue) -> None:
        """Add a file's columns and constants; ResultsError if they contradict earlier files."""
        try:
            self.layout = schema.join_layouts(self.layout, catalogue.layout)
        except ValueError as error:
            raise self._misfit_error(path, str(error)) from error
        for name, values in catalogue.constants.items():
            known = self.constants.setdefault(name, values)
            if not np.array_equal(known, values, equal_nan=True):
                raise self._misfit_error(path, f"{name} is not the same")

    def add_rows(self, path: Path, catalogue: Catalogue) -> None:
        """Add everything committed at `path`, after its layout."""
        member = len(self._members)
        finished = catalogue.attributes is not None and catalogue.attributes["finished"] != ""
        alone = [each.path for each in catalogue.files] == [path]
        self._members.append(_Member(path, catalogue.files, finished and alone))
        for group in catalogue.groups:
            trials = catalogue.list_trials(group)
            if not schema.get_group_kind(group).summarised_trials:
                self._assign_owner(group, trials, member)
            elif len(trials):
                summaries = _Summaries(member, trials, _count_summarised(catalogue, group))
                self._summaries.setdefault(group, []).append(summaries)

    def _equal_group(self, other: CommittedRows, group: str) -> bool:
        trials = self.list_trials(group)
        if not np.array_equal(trials, other.list_trials(group)):
            return False
        kinds = {name: kind for (of, name), kind in self.layout.items() if of == group}
        for low in range(0, len(trials), BLOCK_ROWS):
            numbers = trials[low : low + BLOCK_ROWS]
            here, there = (
                read_block(rows, group, {TRIAL: TRIAL_KIND, **kinds}, numbers)
                for rows in (self, other)
            )
            if not all(_equal_arrays(here[name], there[name]) for name in here):
                return False
        return True

    def _misfit_error(self, path: Path, why: str) -> ResultsError:
        other = self._members[0].path if self._members else "itself"
        return ResultsError(f"{path} does not fit {other}: {why}; name files of one run")

    def _assign_owner(self, group: str, trials: np.ndarray, member: int) -> None:
        owners = self._owners.setdefault(group, TrialValues())
        owners.set(trials[owners.get(trials) < 0], member)

    def _get_owners(self, group: str) -> TrialValues:
        return self._owners.get(group, TrialValues())

    def _find_complete_summaries(self, group: str) -> _Summaries | None:
        """Return the summaries of the file that has all trials, if they are of all trials."""
        _, owners = self._get_owners(schema.enclosing_group(group)).select()
        members, count = np.unique(owners).tolist(), len(owners)
        return next(
            (
                each
                for each in self._summaries[group]
                if each.summarised == count and members == [each.member]
            ),
            None,
        )

    def _iterate_sources(self, group: str, low: int, high: int) -> Iterator[RowSource]:
        trials, owners = self._get_owners(group).select(low, high)
        for member in np.unique(owners).tolist():
            path, stored, indexed_by_trial = self._members[member]
            if indexed_by_trial:
                yield RowSource(path, trials[owners == member])
            else:
                yield from list_overlapping_files(stored, group, low, high)


def _equal_arrays(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _count_summarised(catalogue: Catalogue, group: str) -> int:
    """Return how many trials the last row of a group of summaries is of."""
    count = schema.get_group_kind(group).summarised_trials
    last = read_block(
        catalogue,
        group,
        {TRIAL: TRIAL_KIND, count: Kind("int32", ())},
        catalogue.list_trials(group)[-1:],
    )
    return int(last[count][0])
