"""The one loop: step, judge, retire finished rows, start others in their place.

The batch keeps its shape until nobody waits and it is nearly empty; then it shrinks. Several steps
run in the graph between two looks, and a row that is done stands still until the next. Stopping,
restarts and the choice between starts see the image loss alone; an observer notes the distance to
the true z, and nothing here reads it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganinv_cli.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.solvers.batch import RUNNING, Batch, Entry, Seen, kept, rounding
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.solvers.trial import Ending, Job, Marks, Sought, Trial, label_of

Supply = Callable[[Sequence[Job]], Sought]

SMALLEST = 4  # rows; a batch shrinks no further


@dataclass(frozen=True)
class Limits:
    """When a trial ends."""

    tolerance: float  # ‖z − z_true‖² / latent, by its bound, at which a row has converged
    budget: float  # gradients a trial, restarts included
    restarts: int  # a trial
    stationary: float = 1e-4  # share of an image loss by which a fall is none, where z leaves one


class Look(NamedTuple):
    """What the loop saw between two looks."""

    finished: list[Trial]
    gradients: float  # spent by the rows that were running
    seconds: float


def solve(
    generator: Generator,
    solver: Solver,
    jobs: Sequence[Job],
    supply: Supply,
    limits: Limits,
    marks: Marks,
    *,
    seed: int,
    batch_size: int,
    exact: bool = True,
    mixed: bool = False,
    mask: np.ndarray | None = None,
) -> Iterator[Look]:
    """Run every job; yield what was seen after every `look_every` steps.

    `supply` is asked for the images of a block of jobs when these are about to begin; `mask`
    (height, width, 1) says which pixels count; `exact` says whether the right z of any job
    leaves nothing of its image; `mixed` allows bfloat16 while it is good enough.
    With `batch_norm="batch"` the rows act on one another: each batch is run to its end before the
    next one starts, and nothing restarts.
    """
    if not jobs:
        return
    coupled = generator.batch_norm == "batch"
    waiting = _supplied(jobs, supply, limits.tolerance, generator, marks, batch_size)
    batch = Batch(generator, solver, limits.tolerance, limits.stationary, seed, exact, mixed, mask)
    size = min(batch_size, len(jobs))
    slots = batch.empty(size)
    seats = _Seats(size, limits, generator.labels, restarting=not coupled)
    while True:
        if not coupled or not seats.taken:
            seats.fill(waiting)
        if not seats.taken:
            return
        began = time.monotonic()
        if not coupled and (rows := seats.shrunk()):
            slots = kept(slots, rows)
        if entries := seats.entries():
            slots = batch.enter(slots, entries)
            seats.started(slots.state.z.numpy())
        slots, seen = batch.advance(slots)
        yield seats.look(seen, time.monotonic() - began)


class _Seats:
    """Who sits in which row of the batch, and who enters it next."""

    def __init__(self, size: int, limits: Limits, labels: int, restarting: bool) -> None:
        self._limits, self._labels, self._restarting = limits, labels, restarting
        self._trials: list[Trial | None] = [None] * size
        self._spent = np.zeros(size)  # gradients of each row's start at the last look
        self._entering: set[int] = set()
        self._more = True  # trials may be waiting

    @property
    def taken(self) -> dict[int, Trial]:
        """The trials by their rows."""
        return {row: trial for row, trial in enumerate(self._trials) if trial is not None}

    def fill(self, waiting: Iterator[Trial]) -> None:
        """Seat waiting trials in the free rows."""
        for row, trial in enumerate(self._trials):
            if trial is None and (new := next(waiting, None)):
                self._trials[row] = new
                self._entering.add(row)
            self._more = self._more and self._trials[row] is not None

    def shrunk(self) -> list[int]:
        """The rows to keep, once nobody waits and a quarter of the batch holds all; or none.

        The last trials would otherwise pay for a batch that is nearly empty. Empty rows fill up.
        """
        size = len(self._trials)
        while size // 4 >= max(SMALLEST, len(self.taken)):
            size //= 4
        if self._more or size == len(self._trials):
            return []
        empty = [row for row, trial in enumerate(self._trials) if trial is None]
        rows = [*self.taken, *empty][:size]
        self._trials = [self._trials[row] for row in rows]
        self._spent = self._spent[rows]
        self._entering = {new for new, row in enumerate(rows) if row in self._entering}
        return rows

    def entries(self) -> dict[int, Entry]:
        """The starts that begin now, by their rows."""
        limits = self._limits
        return {
            row: Entry(
                trial=trial.job.trial,
                rule=trial.job.rule,
                start=len(trial.ends),
                allowed=limits.budget - trial.gradients,
                target=trial.target,
                residual=trial.residual,
                z_true=trial.z_true,
                begin=np.full_like(trial.begin, np.nan) if trial.ends else trial.begin,
                label=self._label(trial),
            )
            for row, trial in self.taken.items()
            if row in self._entering
        }

    def _label(self, trial: Trial) -> int:
        """Of the start that runs, or begins."""
        return label_of(trial.job.trial, len(trial.ends), self._labels)

    def started(self, z: np.ndarray) -> None:
        """Note where the entered starts began, z (batch, latent)."""
        for row in self._entering:
            trial = self.taken[row]
            self._spent[row] = 0
            if not trial.ends:
                trial.z_start = z[row]
        self._entering = set()

    def look(self, seen: Seen, seconds: float) -> Look:
        """Take in what was seen; whoever is done leaves, or enters again."""
        taken = self.taken
        spent, finished = 0.0, []
        for row, trial in taken.items():
            _noted(trial, seen, row, self._spent[row], seconds / len(taken))
            spent += seen.gradients[row] - self._spent[row]
            self._spent[row] = seen.gradients[row]
            if seen.code[row] == RUNNING:
                continue
            trial.ends.append(_ending(trial, seen, row, self._label(trial)))
            trial.seconds = 0.0
            if self._restarting and _restarts(trial, self._limits):
                self._entering.add(row)
            else:
                finished.append(trial)
                self._trials[row] = None
        return Look(finished, spent, seconds)


def _supplied(
    jobs: Sequence[Job],
    supply: Supply,
    tolerance: float,
    generator: Generator,
    marks: Marks,
    block: int,
) -> Iterator[Trial]:
    """The jobs as trials with their images, made in blocks as they are needed."""
    for first in range(0, len(jobs), block):
        batch = jobs[first : first + block]
        images, z_true, residual, enough, begin, cost, labels = supply(batch)
        begin = np.full_like(z_true, np.nan) if begin is None else begin
        labels = np.full(len(batch), -1) if labels is None else labels
        for row, job in enumerate(batch):
            yield Trial(
                job,
                z_true[row],
                images[row],
                float(residual[row]),
                max(float(enough[row]), rounding(generator)),
                tolerance,
                begin[row],
                0.0 if np.isnan(begin[row]).any() else cost,
                marks,
                int(labels[row]),
                generator.labels,
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


def _ending(trial: Trial, seen: Seen, row: int, label: int) -> Ending:
    return Ending(
        z=seen.z[row].copy(),
        image_loss=float(seen.image_loss[row]),
        bound=float(seen.bound[row]),
        outcome=Outcome(seen.code[row]),
        gradients=float(seen.gradients[row]) + (0.0 if trial.ends else trial.cost),
        redraws=int(seen.redraws[row]),
        seconds=trial.seconds,
        label=label,
    )


def _restarts(trial: Trial, limits: Limits) -> bool:
    left = len(trial.ends) <= limits.restarts and trial.gradients < limits.budget
    return left and not trial.settled
