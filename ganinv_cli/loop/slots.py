"""Who sits in which row of the batch, and who enters it next."""

from collections import deque
from typing import NamedTuple

import numpy as np

from ganinv_cli.loop.batch import RUNNING, Entry, Seen, Slots, kept, placed
from ganinv_cli.loop.queue import Waiting
from ganinv_cli.loop.trial import Ending, Limits, Trial, label_of
from ganinv_cli.outcome import Outcome

SMALLEST = 4  # rows; a batch that empties shrinks no further


class Parked(NamedTuple):
    """A trial that had a row and lost it, when the batch became smaller."""

    trial: Trial
    spent: float  # gradients of its start at the last look
    slots: Slots | None  # its row; None where its start had not begun


class Finished(NamedTuple):
    """What a look brought."""

    trials: list[Trial]
    gradients: float  # spent by the rows that were running


class Seats:
    """The rows of a batch, and the trials in them."""

    def __init__(self, size: int, limits: Limits, labels: int, restarting: bool) -> None:
        self._limits, self._labels, self._restarting = limits, labels, restarting
        self._trials: list[Trial | None] = [None] * size
        self._spent = np.zeros(size)  # gradients of each row's start at the last look
        self._entering: set[int] = set()
        self._parked: deque[Parked] = deque()

    def __len__(self) -> int:
        return len(self._trials)

    @property
    def taken(self) -> dict[int, Trial]:
        """The trials by their rows."""
        return {row: trial for row, trial in enumerate(self._trials) if trial is not None}

    @property
    def full(self) -> bool:
        return None not in self._trials

    def fill(self, slots: Slots, waiting: Waiting) -> Slots:
        """Seat those who lost their row, then waiting trials, in the free rows."""
        back: dict[int, Slots] = {}
        for row, taken in enumerate(self._trials):
            if taken is not None:
                continue
            if self._parked:
                trial, self._spent[row], own = self._parked.popleft()
                if own is not None:
                    back[row] = own
            elif (new := waiting.next()) is not None:
                trial, own = new, None
            else:
                break
            self._trials[row] = trial
            if own is None:
                self._entering.add(row)
        return placed(slots, back)

    def emptier(self) -> int:
        """How many rows are enough, once nobody waits: a quarter of the batch, where it holds all.

        The last trials would otherwise pay for a batch that is nearly empty.
        """
        size = len(self)
        if self._parked:
            return size
        while size // 4 >= max(SMALLEST, len(self.taken)):
            size //= 4
        return size

    def cut(self, slots: Slots, size: int) -> Slots:
        """So many rows and no more; whoever does not fit waits with what is known of his start."""
        taken = self.taken
        empty = [row for row in range(len(self)) if row not in taken]
        rows = [*taken, *empty]
        for row in rows[size:]:
            if row in taken:
                own = None if row in self._entering else kept(slots, [row])
                self._parked.append(Parked(taken[row], self._spent[row], own))
        rows = rows[:size]
        self._trials = [self._trials[row] for row in rows]
        self._spent = self._spent[rows]
        self._entering = {new for new, row in enumerate(rows) if row in self._entering}
        return kept(slots, rows)

    def widen(self, size: int) -> None:
        """So many rows; those that are new are free."""
        more = size - len(self)
        self._trials += [None] * more
        self._spent = np.append(self._spent, np.zeros(more))

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
            trial = self._trials[row]
            self._spent[row] = 0
            if trial is not None and not trial.ends:
                trial.z_start = z[row]
        self._entering = set()

    def look(self, seen: Seen, seconds: float) -> Finished:
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
        return Finished(finished, spent)


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
