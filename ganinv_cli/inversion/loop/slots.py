"""The slots of the batch: which trial each row has, and which trials come next."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ganinv_cli.clipping import RULES
from ganinv_cli.inversion.loop.batch import (
    RUNNING,
    BatchState,
    Observation,
    clear_rows,
    gather_rows,
    replace_rows,
)
from ganinv_cli.inversion.loop.trial import Increment, StartResult, Trial
from ganinv_cli.inversion.objective.problem import ROW_MULTIPLE
from ganinv_cli.jobs import Job, JobQueue
from ganinv_cli.outcome import Outcome


class Slots:
    """The rows of a batch with their trials, and the queue of the trials that come next."""

    def __init__(
        self,
        size: int,
        job_queue: JobQueue,
        make_trials: Callable[[Sequence[Job]], Iterable[Trial]],
        block_size: int,
        *,
        coupled: bool,
    ) -> None:
        """Make the trials of `block_size` jobs at a time, as they are needed.

        Rows of a `coupled` batch act on one another, so it ends as a whole.
        """
        self.job_queue, self.coupled = job_queue, coupled
        self.queue: deque[Trial] = deque()
        self._rows: list[Trial | None] = [None] * size
        self._make_trials, self._block_size = make_trials, block_size
        self._jobs: list[Job] = []  # of which no trials are made yet

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def taken_rows(self) -> dict[int, Trial]:
        """The trials in the batch, by row."""
        return {row: trial for row, trial in enumerate(self._rows) if trial is not None}

    @property
    def is_full(self) -> bool:
        return None not in self._rows

    @property
    def has_more(self) -> bool:
        """Whether there are trials in the queue, or more may come."""
        return bool(self.queue or self._jobs) or not self.job_queue.is_exhausted

    @property
    def starting(self) -> dict[int, Trial]:
        """The trials of which a start begins now, by row."""
        return {row: trial for row, trial in self.taken_rows.items() if trial.begins}

    def add_jobs(self, jobs: Sequence[Job]) -> list[Trial]:
        """Add the trials of jobs to the queue, and return them."""
        size = self._block_size
        blocks = [jobs[first : first + size] for first in range(0, len(jobs), size)]
        trials = [trial for block in blocks for trial in self._make_trials(block)]
        self.queue.extend(trials)
        return trials

    def fill(self, batch_state: BatchState) -> BatchState:
        """Give the free rows to the next trials."""
        for row in range(len(self)):
            if self._rows[row] is None:
                self._rows[row] = self._pop_next()
                if self._rows[row] is None:
                    break
        taken = self.taken_rows
        returning = {row: trial.row_state for row, trial in taken.items() if trial.row_state}
        batch_state = replace_rows(batch_state, returning)
        for row in returning:  # last: putting them back may run out of memory
            taken[row].row_state = None
        return batch_state

    @property
    def has_next(self) -> bool:
        """Whether there is a trial that can begin now; it is in the queue then."""
        if not self.queue:
            self._jobs = self._jobs or self.job_queue.take(self._block_size)
            self.add_jobs(self._jobs)
            self._jobs = []  # last: making their images may run out of memory
        return bool(self.queue)

    def _pop_next(self) -> Trial | None:
        return self.queue.popleft() if self.has_next else None

    def drop_unneeded(self, batch_state: BatchState) -> BatchState:
        """Take trials out that are not needed any more, as the case has ended that they are of."""
        unneeded = [
            row
            for row, trial in self.taken_rows.items()
            if not any(
                self.job_queue.is_needed(trial.job, rule) for rule in (trial.rule, *trial.followers)
            )
        ]
        for row in unneeded:
            self._rows[row] = None
        return clear_rows(batch_state, unneeded)

    def count_needed_rows(self) -> int:
        """Return how many rows are enough while no trial can begin.

        The trials that run would otherwise pay for a batch that is nearly empty. At the end it is
        halved while it holds all; before that, it has parts of ROW_MULTIPLE.
        """
        size = len(self)
        if self.has_more:
            parts = -(-len(self.taken_rows) // ROW_MULTIPLE)
            return min(size, max(1, parts) * ROW_MULTIPLE)
        while size // 2 >= len(self.taken_rows):
            size //= 2
        return size

    def shrink(self, batch_state: BatchState, size: int) -> BatchState:
        """Shrink to `size` rows; trials that do not fit are the next ones, with their state."""
        rows = sorted(range(len(self)), key=lambda row: self._rows[row] is None)
        for row in reversed(rows[size:]):
            trial = self._rows[row]
            if trial is not None:
                if not trial.begins and trial.row_state is None:
                    trial.row_state = gather_rows(batch_state, [row])
                self.queue.appendleft(trial)
        self._rows = [self._rows[row] for row in rows[:size]]
        return gather_rows(batch_state, rows[:size])

    def grow(self, size: int) -> None:
        """Grow to `size` rows; the new ones are free."""
        self._rows += [None] * (size - len(self))

    def count_gradients_left(self) -> float:
        """Return the fewest gradients of any trial until its budget ends or it is recorded."""
        trials = [*self.taken_rows.values()]
        points, budget = trials[0].record_points, trials[0].limits.budget
        ends = np.sort(np.concatenate([*points, [budget, np.inf]]))
        spent = [trial.gradients + trial.spent for trial in trials]
        return float((ends[np.searchsorted(ends, spent, "right")] - spent).min())

    def record_starts(self, z: np.ndarray) -> None:
        """Record where the new starts began, z (batch, latent)."""
        for row, trial in self.starting.items():
            if not trial.start_results:
                trial.z_start = z[row]
            trial.begins = False

    def record_observation(self, observation: Observation, seconds: float) -> Increment:
        """Record an increment; return it with the trials that finished, and their copies.

        Finished starts restart, or their trial leaves its row. A follower is next as soon as its
        rule would have acted, if rows are independent, or when its trial has ended.
        """
        taken = self.taken_rows
        ended = [row for row in taken if observation.code[row] != RUNNING]
        if self.coupled and len(ended) < len(taken):
            ended = []
        spent, finished = 0.0, []
        for row, trial in taken.items():
            spent += _record_row(trial, observation, row, seconds / len(taken))
            if trial.followers and not self.coupled:
                self.queue.extendleft(trial.split_followers(observation.actions[row] > 0))
        for row in ended:
            trial = taken[row]
            trial.start_results.append(_make_start_result(trial, observation, row))
            trial.begins, trial.spent, trial.seconds = True, 0.0, 0.0
            if not trial.needs_restart:
                self._rows[row] = None
                finished.append(trial)
        copies = [copy for trial in finished for copy in self._start_followers(trial)]
        running = self.taken_rows.values()
        return Increment(
            [*finished, *copies],
            spent,
            seconds,
            len(self),
            len(running),
            sum(trial.gradients + trial.spent for trial in running),
        )

    def _start_followers(self, trial: Trial) -> list[Trial]:
        """Return copies of a finished trial; add the other followers at the front of the queue."""
        followers = [trial.make_follower(rule) for rule in trial.followers]
        self.queue.extendleft(each for each in reversed(followers) if not each.is_copy)
        return [each for each in followers if each.is_copy]


def _record_row(trial: Trial, observation: Observation, row: int, seconds: float) -> float:
    """Record an increment of a start, and the state at every point of its gradients in it.

    Return the gradients of the increment.
    """
    before, trial.spent = trial.spent, float(observation.counts["gradients"][row])
    trial.seconds += seconds
    trial.least_error = min(trial.least_error, float(observation.least_error[row]))
    first, last = trial.gradients + before, trial.gradients + trial.spent
    curve, snapshots = ((first < p) & (p <= last) for p in trial.record_points)
    trial.curve_loss[curve] = observation.image_loss[row]
    trial.curve_error[curve] = observation.error[row]
    trial.snapshots[snapshots] = observation.z[row]
    return trial.spent - before


def _make_start_result(trial: Trial, observation: Observation, row: int) -> StartResult:
    rule, actions = RULES[trial.rule], observation.actions[row]
    beyond = bool(observation.beyond[row])
    counts = {name: values[row].item() for name, values in observation.counts.items()}
    counts["gradients"] += 0.0 if trial.start_results else trial.target.first_start_cost
    return StartResult(
        z=observation.z[row].copy(),
        image_loss=float(observation.image_loss[row]),
        bound=float(observation.bound[row]),
        outcome=Outcome(observation.code[row]),
        counts=counts,
        seconds=trial.seconds,
        label=trial.current_label,
        outside=beyond and rule.keeps_bounds,
        actions=int(actions.max(where=rule.kinds, initial=0)),
        acting=(actions > 0) | beyond,
    )
