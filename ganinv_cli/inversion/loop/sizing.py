"""Control of the batch size and of the steps per increment, by measured speed.

A larger batch keeps a device busier, until it is as busy as it can be or its memory is full. After
an increment the rows are copied to the host and free rows are filled, which takes as long as
several steps of a small generator; but rows that finish stay in the batch until it ends. Neither
number changes a result: an increment ends where a row is recorded.
"""

import math
import statistics

import tensorflow as tf

from ganinv_cli.errors import GaninvError
from ganinv_cli.inversion.loop.batch import Batch, BatchState, concatenate_batches, gather_rows
from ganinv_cli.inversion.loop.slots import Slots
from ganinv_cli.inversion.solvers.parts.solver import Solver

FIRST_ROWS = 64  # rows to begin with
GUESS_ROWS = 8  # the same, if J is measured at each start, which nothing can interrupt
MAX_ROWS = 4096
MIN_SPEEDUP = 1.1  # of gradients per second, for a change to be kept
MIN_INCREMENTS, MIN_SECONDS = 6, 0.5  # of full batches, before a rate is used
MIN_SECONDS_LEFT = 10.0  # of the run, for a change
INCREMENT_SECONDS = 0.25
MAX_TRIAL_SHARE = 0.05  # of an increment's steps, of the gradients that a trial is expected to take
MAX_GROWTH = 4  # from one increment to the next


class BatchSizing:
    """The number of rows: doubled while that is faster, halved if memory runs out."""

    def __init__(
        self, batch: Batch, rows: int, least_rows: int = 1, *, measured: bool, coupled: bool
    ) -> None:
        """Begin with `rows`; if `measured`, find the fastest number.

        A batch has at least `least_rows`, unless memory runs out.
        """
        self.rows, self._least_rows = max(rows, least_rows), least_rows
        self._batch, self._coupled = batch, coupled
        self._settled = not measured
        self._previous: tuple[int, float] | None = None  # rows and their rate, before they doubled
        self._rates: list[float] = []
        self._seconds = 0.0

    def make_empty(self, jobs: int) -> BatchState:
        """Return an empty batch, of no more rows than jobs, or of the least number."""
        while True:
            rows = max(self._least_rows, min(self.rows, jobs))
            try:
                return self._batch.make_empty(rows)
            except tf.errors.ResourceExhaustedError as error:
                self.halve(rows, error)

    def resize(self, batch_state: BatchState, slots: Slots, gradients_left: float) -> BatchState:
        """Return the batch with as many rows as pay now."""
        before = len(slots)
        wanted = max(slots.count_needed_rows(), min(self._least_rows, before))
        if slots.is_full and slots.has_more:
            wanted = self.choose_rows(gradients_left)
            if wanted > before:
                waiting = len(slots.queue) if slots.has_next else 0
                wanted = min(wanted, 2 * before, before + waiting)
        if wanted < before:
            return slots.shrink(batch_state, wanted)
        # a few trials at the end, such as followers, are not worth more than a small batch
        is_end = slots.job_queue.is_exhausted and len(slots.queue) <= before >= FIRST_ROWS
        if wanted > before and not is_end:
            try:
                new_rows = gather_rows(self._batch.make_empty(wanted), list(range(before, wanted)))
                batch_state = concatenate_batches(batch_state, new_rows)
                slots.grow(wanted)
            except tf.errors.ResourceExhaustedError as error:
                self.halve(wanted, error)
        return batch_state

    def halve(self, rows: int, error: tf.errors.OpError) -> None:
        """Use half of these rows, with which memory ran out. Raises GaninvError if that is none."""
        if self._coupled or rows == 1:
            raise GaninvError(
                "the device's memory ran out "
                + ("for a batch whose rows are coupled" if self._coupled else "for a single trial")
                + "; free some, or use another --device"
            ) from error
        self.rows, self._settled = rows // 2, True

    def record_rate(self, gradients: float, seconds: float) -> None:
        """Record the speed of an increment of a full batch."""
        if not self._settled:
            self._rates.append(gradients / max(seconds, 1e-9))
            self._seconds += seconds

    def choose_rows(self, gradients_left: float) -> int:
        """Return the number of rows from now on, given the work that is left."""
        if self._settled or len(self._rates) < MIN_INCREMENTS or self._seconds < MIN_SECONDS:
            return self.rows
        rate = statistics.median(self._rates)
        seconds_left = gradients_left / rate
        if self._previous and rate < MIN_SPEEDUP * self._previous[1]:
            self.rows, self._settled = self._previous[0], True
        elif 2 * self.rows > MAX_ROWS or seconds_left < MIN_SECONDS_LEFT:
            self._settled = True
        else:
            self._previous, self._rates, self._seconds = (self.rows, rate), [], 0.0
            self.rows *= 2
        return self.rows


class IncrementSizing:
    """The steps of an increment: as many as fit in INCREMENT_SECONDS, by the last one's speed."""

    def __init__(self, solver: Solver) -> None:
        self._least = solver.steps_per_increment
        self._affordable = float(self._least)  # steps
        self._most = MAX_TRIAL_SHARE * solver.expected_gradients

    def choose_steps(self, gradients_left: float) -> int:
        """Return the number of steps, a multiple of the solver's least number.

        `gradients_left` is how far the nearest row is from where it ends or is recorded.
        """
        longest = self._least * max(1, math.floor(self._affordable / self._least))
        if gradients_left >= longest:
            return longest
        return self._least * max(1, math.ceil(gradients_left / self._least))

    def record_speed(self, steps: int, seconds: float) -> None:
        """Record how long an increment took."""
        fitting = INCREMENT_SECONDS * steps / max(seconds, 1e-9)
        self._affordable = min(fitting, MAX_GROWTH * steps, self._most)
