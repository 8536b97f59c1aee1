"""The slots of the batch: which trial each row has, and which trials come next."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ganinv_cli.clipping import RULES
from ganinv_cli.jobs import Job, JobSource
from ganinv_cli.loop.batch import (
    RUNNING,
    BatchState,
    Observation,
    gather_rows,
    replace_rows,
    rounding_loss,
)
from ganinv_cli.loop.trial import (
    Increment,
    Limits,
    MakeTargets,
    RecordPoints,
    StartResult,
    Trial,
)
from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome

MIN_ROWS = 4  # rows; a batch that empties shrinks no further


@dataclass
class TrialQueue:
    """The trials of a job source, with their images, made in blocks as they are needed."""

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

    def pop_next(self) -> Trial | None:
        """Return the next trial, or None if there is none now."""
        if not self._trials:
            self._pending_jobs = self._pending_jobs or self.job_source.take(self.block_size)
            self._trials.extend(self.make_trials(self._pending_jobs))
            self._pending_jobs = []  # last: making their images may run out of memory
        return self._trials.popleft() if self._trials else None

    def end_trials(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return trials that ended, and copies for their followers; other followers are next."""
        ended, followers = [], []
        for trial in trials:
            made = [trial.make_follower(rule) for rule in trial.followers]
            ended += [trial, *(each for each in made if each.is_copy)]
            followers += [each for each in made if not each.is_copy]
        self._trials.extendleft(reversed(followers))
        return ended

    def make_trials(self, jobs: Sequence[Job]) -> Iterator[Trial]:
        """Yield the trials of jobs: the one without clipping if there is one, else all."""
        for first in range(0, len(jobs), self.block_size):
            yield from self._make_block(jobs[first : first + self.block_size])

    def _make_block(self, jobs: Sequence[Job]) -> Iterator[Trial]:
        targets = self.make_targets(jobs)
        first_start = targets.first_start
        if first_start is None:
            first_start = np.full_like(targets.z_true, np.nan)
        for row, job in enumerate(jobs):
            leader = ("none",) if "none" in job.rules else ()
            for rule in leader or job.rules:
                yield Trial(
                    job,
                    rule,
                    tuple(other for other in job.rules if other not in leader) if leader else (),
                    targets.z_true[row],
                    targets.images[row],
                    float(targets.residual[row]),
                    max(float(targets.sufficient_loss[row]), rounding_loss(self.generator)),
                    self.limits,
                    first_start[row],
                    0.0 if np.isnan(first_start[row]).any() else targets.first_start_cost,
                    self.record_points,
                    -1 if targets.labels is None else int(targets.labels[row]),
                    self.generator.labels,
                    np.nan if targets.cramer_rao is None else float(targets.cramer_rao[row]),
                )


@dataclass
class Slot:
    """A trial in a row of the batch, or parked until a row is free."""

    trial: Trial
    begins: bool = True  # whether its next start is not in the batch yet
    spent: float = 0.0  # gradients of its current start at the last increment
    row_state: BatchState | None = None  # its row, (1, …), if it is not in the batch


class Slots:
    """The rows of a batch, and the trials in them."""

    def __init__(self, size: int, coupled: bool) -> None:
        """Rows of a `coupled` batch act on one another, so it ends as a whole."""
        self.coupled = coupled
        self.parked: deque[Slot] = deque()  # without a row
        self._rows: list[Slot | None] = [None] * size

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def taken_rows(self) -> dict[int, Slot]:
        """The slots that have a trial, by row."""
        return {row: slot for row, slot in enumerate(self._rows) if slot is not None}

    @property
    def is_full(self) -> bool:
        return None not in self._rows

    @property
    def starting(self) -> dict[int, Trial]:
        """The trials of which a start begins now, by row."""
        return {row: slot.trial for row, slot in self.taken_rows.items() if slot.begins}

    def fill(self, batch_state: BatchState, trial_queue: TrialQueue) -> BatchState:
        """Give the free rows to parked trials, then to trials of the queue."""
        for row in range(len(self)):
            if self._rows[row] is not None:
                continue
            if self.parked:
                self._rows[row] = self.parked.popleft()
            elif (trial := trial_queue.pop_next()) is not None:
                self._rows[row] = Slot(trial)
            else:
                break
        taken = self.taken_rows
        returning = {row: slot.row_state for row, slot in taken.items() if slot.row_state}
        batch_state = replace_rows(batch_state, returning)
        for row in returning:  # last: putting them back may run out of memory
            taken[row].row_state = None
        return batch_state

    def count_needed_rows(self) -> int:
        """Return how many rows are enough once the queue is empty: quarters while they hold all.

        The last trials would otherwise pay for a batch that is nearly empty.
        """
        size = len(self)
        while not self.parked and size // 4 >= max(MIN_ROWS, len(self.taken_rows)):
            size //= 4
        return size

    def shrink(self, batch_state: BatchState, size: int) -> BatchState:
        """Shrink to `size` rows; trials that do not fit are parked with their state."""
        rows = sorted(range(len(self)), key=lambda row: self._rows[row] is None)
        for row in rows[size:]:
            slot = self._rows[row]
            if slot is not None:
                if not slot.begins and slot.row_state is None:
                    slot.row_state = gather_rows(batch_state, [row])
                self.parked.append(slot)
        self._rows = [self._rows[row] for row in rows[:size]]
        return gather_rows(batch_state, rows[:size])

    def grow(self, size: int) -> None:
        """Grow to `size` rows; the new ones are free."""
        self._rows += [None] * (size - len(self))

    def count_gradients_left(self) -> float:
        """Return the fewest gradients of any trial until its budget ends or it is recorded."""
        slots = self.taken_rows.values()
        trial = next(iter(slots)).trial
        ends = np.sort(np.concatenate([*trial.record_points, [trial.limits.budget, np.inf]]))
        spent = [slot.trial.gradients + slot.spent for slot in slots]
        return float((ends[np.searchsorted(ends, spent, "right")] - spent).min())

    def record_starts(self, z: np.ndarray) -> None:
        """Record where the new starts began, z (batch, latent)."""
        for row, trial in self.starting.items():
            if not trial.start_results:
                trial.z_start = z[row]
            self._rows[row] = Slot(trial, begins=False)

    def record_observation(self, observation: Observation, seconds: float) -> Increment:
        """Record an increment; finished starts restart, or their trial leaves its row."""
        taken = self.taken_rows
        ended = [row for row in taken if observation.code[row] != RUNNING]
        if self.coupled and len(ended) < len(taken):
            ended = []
        spent, finished = 0.0, []
        for row, slot in taken.items():
            _record_row(slot, observation, row, seconds / len(taken))
            gradients = float(observation.gradients[row])
            spent, slot.spent = spent + gradients - slot.spent, gradients
        for row in ended:
            trial = taken[row].trial
            trial.start_results.append(_make_start_result(trial, observation, row))
            trial.seconds = 0.0
            self._rows[row] = Slot(trial) if trial.needs_restart else None
            if not trial.needs_restart:
                finished.append(trial)
        return Increment(finished, spent, seconds, len(self))


def _record_row(slot: Slot, observation: Observation, row: int, seconds: float) -> None:
    """Record an increment of a start, and the state at every point of its gradients in it."""
    trial = slot.trial
    trial.seconds += seconds
    trial.least_error = min(trial.least_error, float(observation.least_error[row]))
    first = trial.gradients + slot.spent
    last = trial.gradients + float(observation.gradients[row])
    curve, snapshots = ((first < p) & (p <= last) for p in trial.record_points)
    trial.curve_loss[curve] = observation.image_loss[row]
    trial.curve_error[curve] = observation.error[row]
    trial.snapshots[snapshots] = observation.z[row]


def _make_start_result(trial: Trial, observation: Observation, row: int) -> StartResult:
    rule, actions = RULES[trial.rule], observation.actions[row]
    beyond = bool(observation.beyond[row])
    return StartResult(
        z=observation.z[row].copy(),
        image_loss=float(observation.image_loss[row]),
        bound=float(observation.bound[row]),
        outcome=Outcome(observation.code[row]),
        gradients=float(observation.gradients[row])
        + (0.0 if trial.start_results else trial.first_start_cost),
        redraws=int(observation.redraws[row]),
        seconds=trial.seconds,
        label=trial.current_label,
        outside=beyond and rule.keeps_bounds,
        actions=int((actions * rule.kinds).max()),
        acting_kinds=sum(1 << kind for kind in np.flatnonzero((actions > 0) | beyond).tolist()),
    )
