"""What several results files of one run hold together, and which of them counts for a trial."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import committed, schema
from ganinv_cli.store.catalogue import Catalogue, Stored
from ganinv_cli.store.committed import Committed, Source
from ganinv_cli.store.schema import TRIAL, Kind, Layout

_CERTIFICATE = "/certificate"


class _Member(NamedTuple):
    """One results file."""

    path: Path
    stored: list[Stored]
    placed: bool  # it is one file, where each row is at its trial's number


class _Certified(NamedTuple):
    """The certificates that one file has of a group."""

    member: int
    trials: np.ndarray  # their numbers
    recoveries: int  # in the last of them


class Gathered:
    """Grows by one results file at a time; where two have the same row, the first one counts."""

    def __init__(self) -> None:
        self.layout: Layout = {}
        self.constants: dict[str, np.ndarray] = {}
        self._members: list[_Member] = []
        self._owner: dict[str, np.ndarray] = {}  # group -> (trials,) int32, whose row; -1: none
        self._certified: dict[str, list[_Certified]] = {}

    @property
    def rows(self) -> Committed:
        """All rows; of certificates those alone that are of all of a group's trials."""
        groups = [*self._owner, *(name for name in self._certified if self._certificate(name))]
        return Committed(groups, self.layout, self.constants, self.trials, self._sources)

    def trials(self, group: str) -> np.ndarray:
        """The numbers of a group's trials, sorted."""
        if group in self._certified:
            certificate = self._certificate(group)
            return certificate.trials if certificate else np.zeros(0, np.int64)
        return np.flatnonzero(self._owned(group) >= 0)

    def shared(self, catalogue: Catalogue) -> dict[str, np.ndarray]:
        """The trials of each rule's group that another file has as well, where there are any."""
        both = {}
        for group in filter(schema.is_rule, catalogue.groups):
            trials, owner = catalogue.trials(group), self._owned(group)
            known = trials[: np.searchsorted(trials, len(owner))]
            both[group] = known[owner[known] >= 0]
        return {group: trials for group, trials in both.items() if len(trials)}

    def fit(self, path: Path, catalogue: Catalogue) -> None:
        """Raises ResultsError where columns or constants are not those of the files before."""
        try:
            self.layout = schema.joined(self.layout, catalogue.layout)
        except ValueError as error:
            raise self._unfit(path, str(error)) from error
        for name, values in catalogue.constants.items():
            known = self.constants.setdefault(name, values)
            if not np.array_equal(known, values, equal_nan=True):
                raise self._unfit(path, f"{name} is not the same")

    def add(self, path: Path, catalogue: Catalogue) -> None:
        """Everything committed at `path`, which fits."""
        member = len(self._members)
        finished = catalogue.attributes is not None and catalogue.attributes["finished"] != ""
        alone = [each.path for each in catalogue.stored] == [path]
        self._members.append(_Member(path, catalogue.stored, finished and alone))
        for group in catalogue.groups:
            trials = catalogue.trials(group)
            if group.endswith(_CERTIFICATE):
                if len(trials):
                    certified = _Certified(member, trials, _recoveries(catalogue, group, trials))
                    self._certified.setdefault(group, []).append(certified)
            else:
                self._own(group, trials, member)

    def _unfit(self, path: Path, why: str) -> ResultsError:
        other = self._members[0].path if self._members else "itself"
        return ResultsError(f"{path} does not fit {other}: {why}; name files of one run")

    def _own(self, group: str, trials: np.ndarray, member: int) -> None:
        owner = self._owned(group)
        size = int(trials.max(initial=-1)) + 1
        if size > len(owner):
            owner = np.concatenate([owner, np.full(size - len(owner), -1, np.int32)])
        owner[trials[owner[trials] < 0]] = member
        self._owner[group] = owner

    def _owned(self, group: str) -> np.ndarray:
        return self._owner.get(group, np.zeros(0, np.int32))

    def _certificate(self, group: str) -> _Certified | None:
        """Of the file that has all trials of the group, made of all of them."""
        owner = self._owned(group.removesuffix(_CERTIFICATE))
        whose = np.unique(owner[owner >= 0])
        count = int((owner >= 0).sum())
        return next(
            (
                each
                for each in self._certified[group]
                if each.recoveries == count and whose.tolist() == [each.member]
            ),
            None,
        )

    def _sources(self, group: str, low: int, high: int) -> list[Source]:
        if group in self._certified:
            certificate = self._certificate(group)
            stored = self._members[certificate.member].stored if certificate else []
            return committed.spanning(stored, group, low, high)
        return list(self._owning(group, low, high))

    def _owning(self, group: str, low: int, high: int) -> Iterator[Source]:
        owner = self._owned(group)[low:high]
        for member in np.unique(owner[owner >= 0]).tolist():
            path, stored, placed = self._members[member]
            if placed:
                yield Source(path, low + np.flatnonzero(owner == member))
            else:
                yield from committed.spanning(stored, group, low, high)


def _recoveries(catalogue: Catalogue, group: str, trials: np.ndarray) -> int:
    kinds = {TRIAL: Kind("int64", ()), "recoveries": Kind("int32", ())}
    rows = committed.block(committed.committed(catalogue), group, kinds, trials[-1:])
    return int(rows["recoveries"][0])
