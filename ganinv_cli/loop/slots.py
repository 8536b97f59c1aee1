"""The slots of the batch: which trial each row has, and which starts come next."""

import contextlib
import copy
from collections import deque
from typing import NamedTuple

import numpy as np

from ganinv_cli.clipping import RULES
from ganinv_cli.loop.batch import RUNNING, BatchState, Observation, gather_rows, restore_rows
from ganinv_cli.loop.queue import TrialQueue
from ganinv_cli.loop.saved_trials import (
    SavedTrials,
    list_leaves,
    pack_trial,
    unpack_trial,
)
from ganinv_cli.loop.trial import Increment, StartResult, Trial
from ganinv_cli.outcome import Outcome

MIN_ROWS = 4  # rows; a batch that empties shrinks no further


class ParkedTrial(NamedTuple):
    """A trial that lost its row when the batch became smaller."""

    trial: Trial
    spent: float  # gradients of its start at the last increment
    row_state: BatchState | None  # its row; None if its start had not begun


class Slots:
    """The rows of a batch, and the trials in them."""

    def __init__(
        self, size: int, saved_trials: SavedTrials | None = None, coupled: bool = False
    ) -> None:
        """Rows of a `coupled` batch act on one another, those that have finished too."""
        self._saved_trials, self._coupled = saved_trials, coupled
        self._finished: dict[int, Trial] = {}  # of a coupled batch, as they were before their end
        self._trials: list[Trial | None] = [None] * size
        self._spent = np.zeros(size)  # gradients of each row's start at the last increment
        self._starting: set[int] = set()
        self._parked: deque[ParkedTrial] = deque()

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def trials_by_row(self) -> dict[int, Trial]:
        """The trials by their rows."""
        return {row: trial for row, trial in enumerate(self._trials) if trial is not None}

    @property
    def is_full(self) -> bool:
        return None not in self._trials

    def fill(self, batch_state: BatchState, trial_queue: TrialQueue) -> BatchState:
        """Give the free rows to parked trials, then to trials of the queue."""
        saved_rows: dict[int, BatchState] = {}
        for row, taken in enumerate(self._trials):
            if taken is not None:
                continue
            if self._parked:
                parked = self._parked.popleft()
            elif (new := trial_queue.pop_next()) is not None:
                parked = self._restore_trial(new, batch_state)
            else:
                break
            self._trials[row], self._spent[row], row_state = parked
            self._finished.pop(row, None)
            if row_state is None:
                self._starting.add(row)
            else:
                saved_rows[row] = row_state
        return restore_rows(batch_state, saved_rows)

    def _restore_trial(self, trial: Trial, batch_state: BatchState) -> ParkedTrial:
        """Return a trial that enters, as a killed run had saved it or as it begins."""
        arrays = self._saved_trials.pop(trial.job.alone) if self._saved_trials else None
        with contextlib.suppress(ValueError, KeyError):  # saved by another version
            if arrays is not None:
                return ParkedTrial(trial, *unpack_trial(trial, arrays, batch_state))
        return ParkedTrial(trial, 0.0, None)

    def save_if_due(self, batch_state: BatchState) -> None:
        """Save the running trials if it is time to."""
        if self._saved_trials and self._saved_trials.is_due:
            self.save(batch_state)

    def save(self, batch_state: BatchState) -> None:
        """Save the running trials, if they are saved at all; not those of which a start begins."""
        if self._saved_trials is None:
            return
        taken = self.trials_by_row | self._finished
        leaves = list_leaves(batch_state)
        rows = [
            pack_trial(taken[row], self._spent[row], [leaf[row] for leaf in leaves])
            for row in sorted(taken.keys() - self._starting)
        ]
        parked = [
            pack_trial(each.trial, each.spent, [leaf[0] for leaf in list_leaves(each.row_state)])
            for each in self._parked
            if each.row_state is not None
        ]
        self._saved_trials.save(rows + parked)

    def count_needed_rows(self) -> int:
        """Return how many rows are enough once the queue is empty: quarters while they hold all.

        The last trials would otherwise pay for a batch that is nearly empty.
        """
        size = len(self)
        if self._parked:
            return size
        while size // 4 >= max(MIN_ROWS, len(self.trials_by_row)):
            size //= 4
        return size

    def shrink(self, batch_state: BatchState, size: int) -> BatchState:
        """Shrink to `size` rows; trials that do not fit are parked with their state."""
        taken = self.trials_by_row
        empty = [row for row in range(len(self)) if row not in taken]
        rows = [*taken, *empty]
        for row in rows[size:]:
            if row in taken:
                parked_state = None if row in self._starting else gather_rows(batch_state, [row])
                self._parked.append(ParkedTrial(taken[row], self._spent[row], parked_state))
        rows = rows[:size]
        self._trials = [self._trials[row] for row in rows]
        self._spent = self._spent[rows]
        self._starting = {new for new, row in enumerate(rows) if row in self._starting}
        return gather_rows(batch_state, rows)

    def grow(self, size: int) -> None:
        """Grow to `size` rows; the new ones are free."""
        more = size - len(self)
        self._trials += [None] * more
        self._spent = np.append(self._spent, np.zeros(more))

    def list_starting(self) -> dict[int, Trial]:
        """Return the trials of which a start begins now, by their rows."""
        return {row: trial for row, trial in self.trials_by_row.items() if row in self._starting}

    def count_gradients_left(self) -> float:
        """Return the fewest gradients of any trial until its budget ends or it is recorded."""
        trials = self.trials_by_row
        limits, points = next((t.limits, t.record_points) for t in trials.values())
        ends = np.sort(np.concatenate([*points, [limits.budget, np.inf]]))
        spent = [trial.gradients + self._spent[row] for row, trial in trials.items()]
        return float((ends[np.searchsorted(ends, spent, "right")] - spent).min())

    def record_starts(self, z: np.ndarray) -> None:
        """Record where the new starts began, z (batch, latent)."""
        for row in self._starting:
            trial = self._trials[row]
            self._spent[row] = 0
            if trial is not None and not trial.start_results:
                trial.z_start = z[row]
        self._starting = set()

    def record_observation(self, observation: Observation, seconds: float) -> Increment:
        """Record an increment; finished starts restart, or their trial leaves its row."""
        taken = self.trials_by_row
        spent, finished = 0.0, []
        for row, trial in taken.items():
            _record_row(trial, observation, row, self._spent[row], seconds / len(taken))
            spent += observation.gradients[row] - self._spent[row]
            self._spent[row] = observation.gradients[row]
            if observation.code[row] == RUNNING:
                continue
            if self._coupled:
                self._finished[row] = copy.copy(trial)
                self._finished[row].start_results = list(trial.start_results)
            trial.start_results.append(_make_start_result(trial, observation, row))
            trial.seconds = 0.0
            if trial.needs_restart:
                self._starting.add(row)
            else:
                finished.append(trial)
                self._trials[row] = None
        return Increment(finished, spent, seconds, len(self))


def _record_row(
    trial: Trial, observation: Observation, row: int, before: float, seconds: float
) -> None:
    """Record an increment of a start, and the state at every point of its gradients in it."""
    trial.seconds += seconds
    trial.least_error = min(trial.least_error, float(observation.least_error[row]))
    first, last = trial.gradients + before, trial.gradients + float(observation.gradients[row])
    curve, snapshots = ((first < p) & (p <= last) for p in trial.record_points)
    trial.curve_loss[curve] = observation.image_loss[row]
    trial.curve_error[curve] = observation.error[row]
    trial.snapshots[snapshots] = observation.z[row]


def _make_start_result(trial: Trial, observation: Observation, row: int) -> StartResult:
    rule, actions = RULES[trial.job.rule], observation.actions[row]
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
