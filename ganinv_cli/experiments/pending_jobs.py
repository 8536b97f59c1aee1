"""The jobs that are left in a run: counted at once, iterated one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.jobs import Job
from ganinv_cli.settings.sharding import BLOCK_SIZE, UNSHARDED, Shard
from ganinv_cli.store import Run

BLOCK_TRIALS = 4096  # looked up at a time


class JobSeries(NamedTuple):
    """The trials of a case under a rule, and the group of their rows."""

    case: int
    rule: str
    group: str


@dataclass(frozen=True)
class PendingJobs:
    """The jobs of bundles in sequence; within a bundle trial by trial, each for all series.

    A stopped run therefore has trials of every series of a bundle. If trials are `coupled`, an
    incomplete series is run again as a whole, in a bundle of its own.
    """

    run: Run
    bundles: Sequence[Sequence[JobSeries]]
    trials: int
    shard: Shard = UNSHARDED
    coupled: bool = False
    resumed: Sequence[Job] = ()  # of a killed run, which come first

    def __post_init__(self) -> None:
        """Raise NothingToDoError if this shard has no trial."""
        if not self.total and self.shard != UNSHARDED:
            raise NothingToDoError(
                f"nothing to do: shard {self.shard.number}/{self.shard.total} has none of the "
                f"{self.trials:,} trials, which are dealt {BLOCK_SIZE} at a time"
            )

    @cached_property
    def total(self) -> int:
        """Number of trials of this shard, including finished ones."""
        series = sum(map(len, self.bundles))
        return series * sum(len(numbers) for numbers in self._iterate_blocks())

    @cached_property
    def _remaining(self) -> int:
        return sum(
            int(left.sum())
            for numbers in self._iterate_blocks()
            for bundle in self.bundles
            for left in self._find_missing(bundle, numbers)
        )

    def __len__(self) -> int:
        return self._remaining

    def __iter__(self) -> Iterator[Job]:
        resumed = {job: None for job in self.resumed if self._is_missing(job)}
        yield from resumed
        yield from (job for job in self._iterate_missing() if job not in resumed)

    def _is_missing(self, job: Job) -> bool:
        """Return whether a job that may be of another number of trials is left."""
        series = {(each.case, each.rule): each for bundle in self.bundles for each in bundle}
        numbers, at = np.array([job.trial]), (job.case, job.rule)
        if at not in series or job.trial >= self.trials or not self.shard.contains(numbers).all():
            return False
        return bool(self._find_missing([series[at]], numbers)[0].all())

    def _iterate_missing(self) -> Iterator[Job]:
        for bundle in self.bundles:
            for numbers in self._iterate_blocks():
                missing = self._find_missing(bundle, numbers)
                for place in np.flatnonzero(np.any(missing, axis=0)):
                    for series, left in zip(bundle, missing, strict=True):
                        if left[place]:
                            yield Job(int(numbers[place]), series.rule, series.case)

    def _iterate_blocks(self) -> Iterator[np.ndarray]:
        for low in range(0, self.trials, BLOCK_TRIALS):
            numbers = np.arange(low, min(low + BLOCK_TRIALS, self.trials))
            yield numbers[self.shard.contains(numbers)]

    def _find_missing(self, bundle: Sequence[JobSeries], numbers: np.ndarray) -> list[np.ndarray]:
        """Return, for each series, which of these trials are to be run: bool (numbers,)."""
        if self.coupled:
            return [np.full(len(numbers), self._is_incomplete(series)) for series in bundle]
        return [self.run.is_missing(series.group, numbers) for series in bundle]

    def _is_incomplete(self, series: JobSeries) -> bool:
        return any(
            self.run.is_missing(series.group, numbers).any() for numbers in self._iterate_blocks()
        )
