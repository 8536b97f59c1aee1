"""What several results files of one run hold together, and which of them counts for a trial."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import committed_rows, schema
from ganinv_cli.store.catalogue import Catalogue, CommittedFile
from ganinv_cli.store.committed_rows import CommittedRows, RowSource
from ganinv_cli.store.schema import TRIAL, Kind, Layout

_CERTIFICATE = "/certificate"


class _Member(NamedTuple):
    """One results file."""

    path: Path
    stored: list[CommittedFile]
    indexed_by_trial: bool  # it is one file, where each row is at its trial's number


class _Certificates(NamedTuple):
    """The certificates that one file has of a group."""

    member: int
    trials: np.ndarray  # their numbers
    recoveries: int  # in the last of them


class MergedRows:
    """Grows by one results file at a time; where two have the same row, the first one counts."""

    def __init__(self) -> None:
        self.layout: Layout = {}
        self.constants: dict[str, np.ndarray] = {}
        self._members: list[_Member] = []
        self._owners: dict[str, np.ndarray] = {}  # group -> (trials,) int32, whose row; -1: none
        self._certificates: dict[str, list[_Certificates]] = {}

    @property
    def rows(self) -> CommittedRows:
        """All rows; of certificates those alone that are of all of a group's trials."""
        groups = [
            *self._owners,
            *(name for name in self._certificates if self._find_complete_certificate(name)),
        ]
        return CommittedRows(
            groups, self.layout, self.constants, self.list_trials, self._list_sources
        )

    def list_trials(self, group: str) -> np.ndarray:
        """The numbers of a group's trials, sorted."""
        if group in self._certificates:
            certificate = self._find_complete_certificate(group)
            return certificate.trials if certificate else np.zeros(0, np.int64)
        return np.flatnonzero(self._get_owners(group) >= 0)

    def find_shared_trials(self, catalogue: Catalogue) -> dict[str, np.ndarray]:
        """The trials of each rule's group that another file has as well, where there are any."""
        both = {}
        for group in filter(schema.is_rule_group, catalogue.groups):
            trials, owner = catalogue.list_trials(group), self._get_owners(group)
            known = trials[: np.searchsorted(trials, len(owner))]
            both[group] = known[owner[known] >= 0]
        return {group: trials for group, trials in both.items() if len(trials)}

    def add_layout(self, path: Path, catalogue: Catalogue) -> None:
        """Raises ResultsError where columns or constants are not those of the files before."""
        try:
            self.layout = schema.join_layouts(self.layout, catalogue.layout)
        except ValueError as error:
            raise self._misfit_error(path, str(error)) from error
        for name, values in catalogue.constants.items():
            known = self.constants.setdefault(name, values)
            if not np.array_equal(known, values, equal_nan=True):
                raise self._misfit_error(path, f"{name} is not the same")

    def add_rows(self, path: Path, catalogue: Catalogue) -> None:
        """Everything committed at `path`, which fits."""
        member = len(self._members)
        finished = catalogue.attributes is not None and catalogue.attributes["finished"] != ""
        alone = [each.path for each in catalogue.files] == [path]
        self._members.append(_Member(path, catalogue.files, finished and alone))
        for group in catalogue.groups:
            trials = catalogue.list_trials(group)
            if group.endswith(_CERTIFICATE):
                if len(trials):
                    certified = _Certificates(
                        member, trials, _read_recoveries(catalogue, group, trials)
                    )
                    self._certificates.setdefault(group, []).append(certified)
            else:
                self._assign_owner(group, trials, member)

    def _misfit_error(self, path: Path, why: str) -> ResultsError:
        other = self._members[0].path if self._members else "itself"
        return ResultsError(f"{path} does not fit {other}: {why}; name files of one run")

    def _assign_owner(self, group: str, trials: np.ndarray, member: int) -> None:
        owner = self._get_owners(group)
        size = int(trials.max(initial=-1)) + 1
        if size > len(owner):
            owner = np.concatenate([owner, np.full(size - len(owner), -1, np.int32)])
        owner[trials[owner[trials] < 0]] = member
        self._owners[group] = owner

    def _get_owners(self, group: str) -> np.ndarray:
        return self._owners.get(group, np.zeros(0, np.int32))

    def _find_complete_certificate(self, group: str) -> _Certificates | None:
        """Of the file that has all trials of the group, made of all of them."""
        owner = self._get_owners(group.removesuffix(_CERTIFICATE))
        whose = np.unique(owner[owner >= 0])
        count = int((owner >= 0).sum())
        return next(
            (
                each
                for each in self._certificates[group]
                if each.recoveries == count and whose.tolist() == [each.member]
            ),
            None,
        )

    def _list_sources(self, group: str, low: int, high: int) -> list[RowSource]:
        if group in self._certificates:
            certificate = self._find_complete_certificate(group)
            stored = self._members[certificate.member].stored if certificate else []
            return committed_rows.list_overlapping_files(stored, group, low, high)
        return list(self._iterate_sources(group, low, high))

    def _iterate_sources(self, group: str, low: int, high: int) -> Iterator[RowSource]:
        owner = self._get_owners(group)[low:high]
        for member in np.unique(owner[owner >= 0]).tolist():
            path, stored, placed = self._members[member]
            if placed:
                yield RowSource(path, low + np.flatnonzero(owner == member))
            else:
                yield from committed_rows.list_overlapping_files(stored, group, low, high)


def _read_recoveries(catalogue: Catalogue, group: str, trials: np.ndarray) -> int:
    kinds = {TRIAL: Kind("int64", ()), "recoveries": Kind("int32", ())}
    rows = committed_rows.read_block(
        committed_rows.collect_rows(catalogue), group, kinds, trials[-1:]
    )
    return int(rows["recoveries"][0])
