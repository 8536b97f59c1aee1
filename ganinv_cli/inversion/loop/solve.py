"""The one loop: step, classify rows, remove finished trials, start others in their slots.

The batch keeps its shape until the queue is empty and few slots are in use; then it shrinks. If no
batch size is given, it doubles while that is faster; if memory runs out, it is halved. An increment
is many steps in the graph (`sizing.py`); a row that has finished does not change until its end.
Stopping, restarts and the choice between starts use the image loss alone; the distance to the true
z is recorded, but never used.
"""

import time
from collections.abc import Iterator

import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.loop.batch import Batch
from ganinv_cli.inversion.loop.saved_batch import SavedBatch
from ganinv_cli.inversion.loop.sizing import FIRST_ROWS, GUESS_ROWS, BatchSizing, IncrementSizing
from ganinv_cli.inversion.loop.slots import Slots
from ganinv_cli.inversion.loop.trial import Increment, LoopSettings, MakeTargets, make_trials
from ganinv_cli.jobs import JobQueue
from ganinv_cli.outcome import Phase

IDLE_SECONDS = 0.01


def solve(
    generator: Generator,
    settings: LoopSettings,
    job_queue: JobQueue,
    make_targets: MakeTargets,
    saved_batch: SavedBatch | None = None,
) -> Iterator[Increment]:
    """Run all jobs of a source; yield an increment after some steps of the batch.

    An empty increment is yielded before each phase, and if the source has no jobs now and nothing
    runs. The trial without clipping runs first. Each other rule of the job gets a trial of its own
    as soon as it would have acted there, or a copy at the end. `make_targets` is called for a block
    of jobs shortly before they start. The trials of a saved batch go on. The batch is saved in it
    every few minutes and if the source is stopped, which ends the loop. With
    `batch_norm="batch"` the rows are coupled: each batch runs to its end before the next starts,
    and no restarts are allowed.
    Raises GaninvError if there is no memory for one row.
    """
    saved_jobs = saved_batch.jobs if saved_batch else []
    if job_queue.is_exhausted and not saved_jobs:
        return
    coupled = generator.batch_norm == "batch"
    batch_size, solver = settings.batch_size, settings.solver
    yield Increment(phase=Phase.measuring)
    batch = Batch(generator, settings)
    usual_rows = GUESS_ROWS if batch.measures_guesses else FIRST_ROWS
    first_rows = batch_size or (saved_batch.rows if saved_batch else 0) or usual_rows
    sizing = BatchSizing(
        batch,
        first_rows,
        settings.least_rows,
        measured=batch_size is None,
        coupled=coupled,
    )
    increment_sizing = IncrementSizing(solver)
    yield Increment(phase=Phase.compiling)
    batch_state = sizing.make_empty(job_queue.remaining + len(saved_jobs))
    yield Increment()
    slots = Slots(
        len(batch_state.code),
        job_queue,
        lambda jobs: make_trials(jobs, make_targets(jobs), generator, settings),
        batch_size or FIRST_ROWS,
        coupled=coupled,
    )
    if saved_batch:
        saved_batch.restore(slots, batch_state)
    while True:
        try:
            batch_state = slots.drop_unneeded(batch_state)
            if not (coupled and slots.taken_rows):
                batch_state = slots.fill(batch_state)
            if not slots.taken_rows:
                if job_queue.is_exhausted or job_queue.is_stopped:
                    return
                yield Increment()
                time.sleep(IDLE_SECONDS)  # the next jobs depend on what others do
                continue
            if not coupled:
                gradients_left = job_queue.remaining * solver.expected_gradients
                batch_state = sizing.resize(batch_state, slots, gradients_left)
            start_time = time.monotonic()
            if starting := slots.starting:
                batch_state = batch.insert_starts(batch_state, starting)
                slots.record_starts(batch_state.solver_state.z.numpy())
            full = slots.is_full
            steps = increment_sizing.choose_steps(slots.count_gradients_left())
            batch_state, observation = batch.advance(batch_state, steps)
        except tf.errors.ResourceExhaustedError as error:
            sizing.halve(len(slots), error)
            batch_state = slots.shrink(batch_state, sizing.rows)
            continue
        seconds = time.monotonic() - start_time
        increment_sizing.record_speed(steps, seconds)
        increment = slots.record_observation(observation, seconds)
        if full:
            sizing.record_rate(increment.gradients, seconds)
        yield increment
        if saved_batch and (job_queue.is_stopped or saved_batch.is_due):
            saved_batch.save(slots, batch_state, sizing.rows)
        if job_queue.is_stopped:
            return
