"""The pending jobs of a run: counted in advance, iterated lazily."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.jobs import Job
from ganinv_cli.settings.sharding import BLOCK_SIZE, UNSHARDED, Shard
from ganinv_cli.store import Run

BLOCK_TRIALS = 4096  # looked up at a time
LEADER = "none"  # the rule that others follow: their trials are equal as long as no rule acts


class JobSeries(NamedTuple):
    """The trials of a case under a rule, and the group of their rows."""

    case: int
    rule: str
    group: str


@dataclass(frozen=True)
class PendingJobs:
    """The jobs of bundles in sequence; within a bundle, trial by trial, each for all series.

    So a stopped run has trials of every series of a bundle. The other rules of a trial follow the
    rule without clipping. If trials are `coupled`, no rule follows another, and an incomplete
    series is run again as a whole, in a bundle of its own.
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
    def remaining_trials(self) -> int:
        """Number of pending trials of this shard, including those of followers."""
        return sum(int(left.sum()) for _, left in self._iterate_missing())

    @cached_property
    def _job_count(self) -> int:
        return sum(
            int((left & ~self._find_following(bundle, left)).sum())
            for bundle, left in self._iterate_missing()
        )

    def list_factors(self, cases_word: str) -> tuple[str, ...]:
        """Return the factors of `total`, e.g. "100" and "3 rules", none if it has one alone."""
        series = [each for bundle in self.bundles for each in bundle]
        counts = {
            "rules": len({each.rule for each in series}),
            cases_word: len({each.case for each in series}),
        }
        if len(series) == 1 or math.prod(counts.values()) != len(series):
            return ()
        factors = [f"{count:,} {word}" for word, count in counts.items() if count > 1]
        return (f"{self.total // len(series):,}", *factors)

    def __len__(self) -> int:
        return self._job_count

    def __iter__(self) -> Iterator[Job]:
        resumed = list(self._iterate_resumed())
        yield from resumed
        known = {name for job in resumed for name in (job.alone, *job.list_followers())}
        yield from (job for job in self._iterate_jobs() if job.alone not in known)

    def _iterate_resumed(self) -> Iterator[Job]:
        """Yield the pending resumed jobs, with their followers; no jobs of followers."""
        for name in self.resumed:
            numbers = np.array([name.trial])
            if name.trial < self.trials and self.shard.contains(numbers).all():
                for bundle in self.bundles:
                    jobs = self._make_jobs(bundle, numbers)
                    yield from (job for job in jobs if job.alone == name)

    def _iterate_jobs(self) -> Iterator[Job]:
        for bundle in self.bundles:
            for numbers in self._iterate_blocks():
                yield from self._make_jobs(bundle, numbers)

    def _make_jobs(self, bundle: Sequence[JobSeries], numbers: np.ndarray) -> Iterator[Job]:
        """Return the pending jobs of a bundle for these trials."""
        missing = self._find_missing(bundle, numbers)
        following = self._find_following(bundle, missing)
        for place in np.flatnonzero(missing.any(axis=0)):
            followers = list(compress(bundle, following[:, place]))
            for series in compress(bundle, (missing & ~following)[:, place]):
                yield _make_job(int(numbers[place]), series, followers)

    def _iterate_blocks(self) -> Iterator[np.ndarray]:
        for low in range(0, self.trials, BLOCK_TRIALS):
            numbers = np.arange(low, min(low + BLOCK_TRIALS, self.trials))
            yield numbers[self.shard.contains(numbers)]

    def _iterate_missing(self) -> Iterator[tuple[Sequence[JobSeries], np.ndarray]]:
        for numbers in self._iterate_blocks():
            for bundle in self.bundles:
                yield bundle, self._find_missing(bundle, numbers)

    def _find_missing(self, bundle: Sequence[JobSeries], numbers: np.ndarray) -> np.ndarray:
        """Return which of these trials are to be run: bool (series, numbers)."""
        if self.coupled:
            rows = [np.full(len(numbers), self._is_incomplete(series)) for series in bundle]
        else:
            rows = [self.run.is_missing(series.group, numbers) for series in bundle]
        return np.array(rows)

    def _find_following(self, bundle: Sequence[JobSeries], missing: np.ndarray) -> np.ndarray:
        """Return which of the `missing` trials follow one without clipping: bool, as `missing`."""
        following = np.zeros_like(missing)
        if self.coupled:
            return following
        leaders = {series.case: row for row, series in enumerate(bundle) if series.rule == LEADER}
        for row, series in enumerate(bundle):
            if series.rule != LEADER and series.case in leaders:
                following[row] = missing[row] & missing[leaders[series.case]]
        return following

    def _is_incomplete(self, series: JobSeries) -> bool:
        return any(
            self.run.is_missing(series.group, numbers).any() for numbers in self._iterate_blocks()
        )


def _make_job(trial: int, series: JobSeries, followers: Sequence[JobSeries]) -> Job:
    """Return the job of a trial, with the followers that have the same case."""
    rules = tuple(each.rule for each in followers if each.case == series.case)
    return Job(trial, series.rule, series.case, rules if series.rule == LEADER else ())
