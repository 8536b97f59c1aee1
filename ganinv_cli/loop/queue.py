"""The queue of trials, with their images, made in blocks as they are needed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ganinv_cli.jobs import Job, JobSource
from ganinv_cli.loop.batch import rounding_loss
from ganinv_cli.loop.trial import Limits, RecordPoints, Targets, Trial
from ganinv_cli.network.generator import Generator

MakeTargets = Callable[[Sequence[Job]], Targets]


@dataclass
class TrialQueue:
    """The jobs of a source as trials, one block of them made in advance."""

    job_source: JobSource
    make_targets: MakeTargets  # gets at most `block_size` jobs at a time
    limits: Limits
    generator: Generator
    record_points: RecordPoints
    block_size: int
    _pending_jobs: list[Job] = field(default_factory=list)
    _trials: deque[Trial] = field(default_factory=deque)

    @property
    def has_more(self) -> bool:
        """Whether there are trials, or more may come."""
        return bool(self._trials or self._pending_jobs) or not self.job_source.is_exhausted()

    def has_last(self, count: int) -> bool:
        """Whether at most `count` trials are left, but for followers of those that run."""
        return self.job_source.is_exhausted() and len(self._trials) <= count

    def pop_next(self) -> Trial | None:
        """Return the next trial, or None if there is none now."""
        if not self._trials:
            self._pending_jobs = self._pending_jobs or self.job_source.take(self.block_size)
        if self._pending_jobs:
            self._trials.extend(self._make_trials(self._pending_jobs))
            self._pending_jobs = []  # last: making their images may run out of memory
        return self._trials.popleft() if self._trials else None

    def add_next(self, trials: Sequence[Trial]) -> None:
        """Make these trials the next ones."""
        self._trials.extendleft(reversed(trials))

    def _make_trials(self, jobs: Sequence[Job]) -> Iterator[Trial]:
        targets = self.make_targets(jobs)
        unknown = np.full_like(targets.z_true, np.nan)
        first_start = unknown if targets.first_start is None else targets.first_start
        labels = np.full(len(jobs), -1) if targets.labels is None else targets.labels
        cramer_rao = (
            np.full(len(jobs), np.nan) if targets.cramer_rao is None else targets.cramer_rao
        )
        for row, job in enumerate(jobs):
            yield Trial(
                job,
                targets.z_true[row],
                targets.images[row],
                float(targets.residual[row]),
                max(float(targets.sufficient_loss[row]), rounding_loss(self.generator)),
                self.limits,
                first_start[row],
                0.0 if np.isnan(first_start[row]).any() else targets.first_start_cost,
                self.record_points,
                int(labels[row]),
                self.generator.labels,
                float(cramer_rao[row]),
            )
