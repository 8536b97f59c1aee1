"""Trials that wait for a row, with their images, made in blocks as they are needed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganinv_cli.jobs import Feed, Job
from ganinv_cli.loop.batch import rounding
from ganinv_cli.loop.trial import Marks, Sought, Trial
from ganinv_cli.network.generator import Generator

Supply = Callable[[Sequence[Job]], Sought]


class Waiting:
    """The jobs of a feed as trials; a few more than are asked for lie ready."""

    def __init__(
        self,
        feed: Feed,
        supply: Supply,
        tolerance: float,
        generator: Generator,
        marks: Marks,
        block: int,
    ) -> None:
        """`supply` is asked for the images of at most `block` jobs at a time."""
        self._feed, self._supply, self._tolerance = feed, supply, tolerance
        self._generator, self._marks, self._block = generator, marks, block
        self._taken: list[Job] = []
        self._ready: deque[Trial] = deque()

    @property
    def more(self) -> bool:
        """Whether any waits, or may come."""
        return bool(self._ready or self._taken) or not self._feed.over()

    def next(self) -> Trial | None:
        """The next one; None where none waits now."""
        if not self._ready:
            self._taken = self._taken or self._feed.take(self._block)
        if self._taken:
            self._ready.extend(self._made(self._taken))
            self._taken = []  # not before: for their images there may be no memory
        return self._ready.popleft() if self._ready else None

    def _made(self, jobs: Sequence[Job]) -> Iterator[Trial]:
        sought = self._supply(jobs)
        unknown = np.full_like(sought.z_true, np.nan)
        begin = unknown if sought.begin is None else sought.begin
        labels = np.full(len(jobs), -1) if sought.labels is None else sought.labels
        least = np.full(len(jobs), np.nan) if sought.cramer_rao is None else sought.cramer_rao
        for row, job in enumerate(jobs):
            yield Trial(
                job,
                sought.z_true[row],
                sought.images[row],
                float(sought.residual[row]),
                max(float(sought.enough[row]), rounding(self._generator)),
                self._tolerance,
                begin[row],
                0.0 if np.isnan(begin[row]).any() else sought.cost,
                self._marks,
                int(labels[row]),
                self._generator.labels,
                float(least[row]),
            )
