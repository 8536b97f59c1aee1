"""The one loop: step, judge, retire finished rows, start others in their place.

The batch has a fixed shape and one trace; several steps run in the graph between two looks. A row
that is done stands still until the next look. Stopping, restarts and the choice between starts see
the image loss alone; an observer notes the distance to the true z, and nothing here reads it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganinv_cli.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.solvers.batch import RUNNING, Batch, Entry, Seen
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.solvers.trial import Ending, Job, Marks, Trial

# trial numbers (n,) -> images (n, height, width, channels) and true z (n, latent), NaN if unknown
Pictures = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

RESTARTED = (Outcome.stalled, Outcome.diverged, Outcome.non_finite)


@dataclass(frozen=True)
class Limits:
    """When a trial ends."""

    tolerance: float = 1e-6  # image loss at which a row has converged
    budget: float = 5000  # gradients a trial, restarts included
    restarts: int = 20


class Look(NamedTuple):
    """What the loop saw between two looks."""

    finished: list[Trial]
    gradients: float  # spent by the rows that were running
    seconds: float


def solve(
    generator: Generator,
    solver: Solver,
    jobs: Sequence[Job],
    pictures: Pictures,
    limits: Limits,
    marks: Marks,
    *,
    seed: int,
    batch_size: int,
) -> Iterator[Look]:
    """Run every job; yield what was seen after every `look_every` steps.

    With `batch_norm="batch"` the rows act on one another: each batch is run to its end before the
    next one starts, and nothing restarts.
    """
    coupled = generator.batch_norm == "batch"
    waiting = _supplied(jobs, pictures, marks, batch_size)
    batch = Batch(generator, solver, limits.tolerance, seed, batch_size)
    slots = batch.empty()
    seats: list[Trial | None] = [None] * batch_size
    entering: dict[int, Trial] = {}
    before = np.zeros(batch_size)  # gradients of each row's start at the last look
    while True:
        if not coupled or not any(seats):
            for row in [row for row, trial in enumerate(seats) if trial is None]:
                if trial := next(waiting, None):
                    seats[row] = entering[row] = trial
        if not any(seats):
            return
        began = time.monotonic()
        if entering:
            slots = batch.enter(slots, {row: _entry(x, limits) for row, x in entering.items()})
            for row, trial in entering.items():
                before[row] = 0
                if not trial.ends:
                    trial.z_start = slots.state.z[row].numpy()
        entering = {}
        slots, seen = batch.advance(slots)
        seconds = time.monotonic() - began
        spent, finished = 0.0, []
        share = seconds / sum(trial is not None for trial in seats)
        for row, trial in enumerate(seats):
            if trial is None:
                continue
            _noted(trial, seen, row, before[row], share)
            spent += seen.gradients[row] - before[row]
            before[row] = seen.gradients[row]
            if seen.code[row] == RUNNING:
                continue
            trial.ends.append(_ending(trial, seen, row))
            trial.seconds = 0.0
            if not coupled and _restarts(trial, limits):
                entering[row] = trial
            else:
                finished.append(trial)
                seats[row] = None
        yield Look(finished, spent, seconds)


def _supplied(jobs: Sequence[Job], pictures: Pictures, marks: Marks, block: int) -> Iterator[Trial]:
    """The jobs as trials with their images, made in blocks as they are needed."""
    for first in range(0, len(jobs), block):
        batch = jobs[first : first + block]
        trials = sorted({job.trial for job in batch})
        images, z_true = pictures(np.array(trials))
        place = {trial: number for number, trial in enumerate(trials)}
        for job in batch:
            at = place[job.trial]
            yield Trial(job, z_true[at], images[at], marks)


def _entry(trial: Trial, limits: Limits) -> Entry:
    return Entry(
        trial=trial.job.trial,
        rule=trial.job.rule,
        start=len(trial.ends),
        allowed=limits.budget - trial.gradients,
        target=trial.target,
        z_true=trial.z_true,
    )


def _noted(trial: Trial, seen: Seen, row: int, before: float, seconds: float) -> None:
    trial.seconds += seconds
    trial.least_error = min(trial.least_error, float(seen.least_error[row]))
    trial.note(
        before,
        float(seen.gradients[row]),
        float(seen.image_loss[row]),
        float(seen.error[row]),
        seen.z[row],
    )


def _ending(trial: Trial, seen: Seen, row: int) -> Ending:
    return Ending(
        z=seen.z[row].copy(),
        image_loss=float(seen.image_loss[row]),
        outcome=Outcome(seen.code[row]),
        gradients=float(seen.gradients[row]),
        redraws=int(seen.redraws[row]),
        seconds=trial.seconds,
    )


def _restarts(trial: Trial, limits: Limits) -> bool:
    return (
        trial.ends[-1].outcome in RESTARTED
        and len(trial.ends) <= limits.restarts
        and trial.gradients < limits.budget
    )
