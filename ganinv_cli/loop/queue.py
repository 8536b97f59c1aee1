"""The queue of trials, with their images, made in blocks as they are needed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganinv_cli.jobs import Job, JobSource
from ganinv_cli.loop.batch import rounding_loss
from ganinv_cli.loop.trial import Limits, RecordPoints, Targets, Trial
from ganinv_cli.network.generator import Generator

MakeTargets = Callable[[Sequence[Job]], Targets]


class TrialQueue:
    """The jobs of a source as trials, one block of them made in advance."""

    def __init__(
        self,
        job_source: JobSource,
        make_targets: MakeTargets,
        limits: Limits,
        generator: Generator,
        record_points: RecordPoints,
        block_size: int,
    ) -> None:
        """Take jobs from a source; `make_targets` gets at most `block_size` jobs at a time."""
        self._job_source, self._make_targets, self._limits = job_source, make_targets, limits
        self._generator, self._record_points = generator, record_points
        self._block_size = block_size
        self._pending_jobs: list[Job] = []
        self._trials: deque[Trial] = deque()

    @property
    def has_more(self) -> bool:
        """Whether there are trials, or more may come."""
        return bool(self._trials or self._pending_jobs) or not self._job_source.is_exhausted()

    def pop_next(self) -> Trial | None:
        """Return the next trial, or None if there is none now."""
        if not self._trials:
            self._pending_jobs = self._pending_jobs or self._job_source.take(self._block_size)
        if self._pending_jobs:
            self._trials.extend(self._make_trials(self._pending_jobs))
            self._pending_jobs = []  # last: making their images may run out of memory
        return self._trials.popleft() if self._trials else None

    def _make_trials(self, jobs: Sequence[Job]) -> Iterator[Trial]:
        targets = self._make_targets(jobs)
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
                max(float(targets.sufficient_loss[row]), rounding_loss(self._generator)),
                self._limits,
                first_start[row],
                0.0 if np.isnan(first_start[row]).any() else targets.first_start_cost,
                self._record_points,
                int(labels[row]),
                self._generator.labels,
                float(cramer_rao[row]),
            )
