"""The one loop: step, classify rows, remove finished trials, start others in their slots.

The batch keeps its shape until the queue is empty and few slots are in use; then it shrinks. If no
batch size is given, it doubles while that is faster; if memory runs out, it is halved. An increment
is many steps in the graph (`increments.py`); a row that has finished does not change until its end.
Stopping, restarts and the choice between starts use the image loss alone; the distance to the true
z is recorded, but never used.
"""

import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import JobSource
from ganinv_cli.loop.batch import Batch, BatchState, concatenate_batches, gather_rows
from ganinv_cli.loop.batch_size import FIRST_ROWS, BatchSizeControl
from ganinv_cli.loop.increments import IncrementControl
from ganinv_cli.loop.queue import MakeTargets, TrialQueue
from ganinv_cli.loop.saved_trials import SavedTrials
from ganinv_cli.loop.slots import Slots
from ganinv_cli.loop.trial import Increment, Limits, RecordPoints, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.phase import Phase
from ganinv_cli.solvers.solver import Solver


def solve(
    generator: Generator,
    solver: Solver,
    job_source: JobSource,
    make_targets: MakeTargets,
    limits: Limits,
    record_points: RecordPoints,
    *,
    seed: int,
    batch_size: int = 0,
    preconditioned: bool = True,
    mixed_precision: bool = False,
    mask: np.ndarray | None = None,
    saved_trials: SavedTrials | None = None,
) -> Iterator[Increment]:
    """Run all jobs of a source; yield an increment after some steps of the batch.

    An empty increment is yielded before each phase, and if the source has no jobs now and nothing
    runs. `make_targets`
    is called for a block of jobs shortly before they start; `batch_size` 0 chooses one by speed;
    `mask` (height, width, 1) selects the pixels that count; `preconditioned` weights the
    residual of jobs whose right z leaves none; `mixed_precision` allows bfloat16 gradients at
    first. Trials in `saved_trials` go on from there, and running ones are saved there, at an
    interruption too. With `batch_norm="batch"` the rows are coupled: each batch runs to its end
    before the next starts, and no restarts are allowed. Raises GaninvError if there is no memory
    for one row.
    """
    if job_source.is_exhausted():
        return
    coupled = generator.batch_norm == "batch"
    trial_queue = TrialQueue(
        job_source, make_targets, limits, generator, record_points, batch_size or FIRST_ROWS
    )
    yield Increment([], 0.0, 0.0, phase=Phase.measuring)
    batch = Batch(
        generator,
        solver,
        limits.tolerance,
        limits.stationary,
        seed,
        preconditioned,
        mixed_precision,
        mask,
    )
    sizing = _BatchSizing(batch, BatchSizeControl(batch_size), coupled)
    increment_control = IncrementControl(solver)
    yield Increment([], 0.0, 0.0, phase=Phase.compiling)
    batch_state = sizing.make_empty(job_source.remaining)
    yield Increment([], 0.0, 0.0)
    slots = Slots(len(batch_state.code), saved_trials, coupled)
    while True:
        try:
            if not coupled or not slots.trials_by_row:
                batch_state = slots.fill(batch_state, trial_queue)
            if not slots.trials_by_row:
                if job_source.is_exhausted():
                    return
                yield Increment([], 0.0, 0.0)
                continue
            if not coupled:
                batch_state = sizing.resize(
                    batch_state,
                    slots,
                    trial_queue,
                    job_source.remaining * solver.expected_gradients,
                )
            start_time = time.monotonic()
            if starting := slots.list_starting():
                batch_state = batch.insert_starts(batch_state, starting)
                slots.record_starts(batch_state.solver_state.z.numpy())
            slots.save_if_due(batch_state)
            full = slots.is_full
            steps = increment_control.choose_steps(slots.count_gradients_left())
            try:
                batch_state, observation = batch.advance(batch_state, steps)
            except KeyboardInterrupt:
                slots.save(batch_state)
                raise
        except tf.errors.ResourceExhaustedError as error:
            batch_state = sizing.halve(batch_state, slots, error)
            continue
        seconds = time.monotonic() - start_time
        increment_control.record_speed(steps, seconds)
        increment = slots.record_observation(observation, seconds)
        if full:
            sizing.control.record_rate(increment.gradients, seconds)
        try:
            yield _follow(increment, trial_queue)
        except (GeneratorExit, KeyboardInterrupt):
            slots.save(batch_state)
            raise


def _follow(increment: Increment, trial_queue: TrialQueue) -> Increment:
    """Return the increment with the copies of its finished trials; queue the other followers."""
    finished: list[Trial] = []
    for trial in increment.finished:
        finished += [trial, *trial.make_copies()]
        trial_queue.add_next(trial.make_follow_ups())
    return increment._replace(finished=finished)


class _BatchSizing:
    """Makes a batch larger and smaller."""

    def __init__(self, batch: Batch, control: BatchSizeControl, coupled: bool) -> None:
        self.control = control
        self._batch, self._coupled = batch, coupled

    def make_empty(self, jobs: int) -> BatchState:
        """Return an empty batch, of no more rows than jobs."""
        self.control.limit_rows(jobs)
        while True:
            try:
                return self._build(self.control.rows)
            except tf.errors.ResourceExhaustedError as error:
                self._halve_rows(self.control.rows, error)

    def resize(
        self, batch_state: BatchState, slots: Slots, trial_queue: TrialQueue, gradients_left: float
    ) -> BatchState:
        """Return the batch with as many rows as pay now."""
        before = len(slots)
        wanted = (
            self.control.choose_rows(gradients_left)
            if trial_queue.has_more
            else slots.count_needed_rows()
        )
        if trial_queue.has_last(before):  # a few followers are not worth another batch
            wanted = min(wanted, before)
        if wanted > before:
            try:
                batch_state = concatenate_batches(
                    batch_state, gather_rows(self._build(wanted), list(range(before, wanted)))
                )
            except tf.errors.ResourceExhaustedError:
                self.control.halve_rows(wanted)
                return batch_state
            slots.grow(wanted)
        return slots.shrink(batch_state, wanted) if wanted < before else batch_state

    def halve(self, batch_state: BatchState, slots: Slots, error: tf.errors.OpError) -> BatchState:
        """Return half the rows, after memory ran out; the trials of the others are parked."""
        self._halve_rows(len(slots), error)
        return slots.shrink(batch_state, self.control.rows)

    def _build(self, rows: int) -> BatchState:
        start_time = time.monotonic()
        batch_state = self._batch.make_empty(rows)
        self.control.record_build(time.monotonic() - start_time)
        return batch_state

    def _halve_rows(self, rows: int, error: tf.errors.OpError) -> None:
        if self._coupled or not self.control.halve_rows(rows):
            raise GaninvError(
                "the device's memory ran out "
                + ("for a batch whose rows are coupled" if self._coupled else "for a single trial")
                + "; free some, or use another --device"
            ) from error
