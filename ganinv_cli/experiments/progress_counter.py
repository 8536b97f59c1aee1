"""The progress of a run, and how long what is left takes."""

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.outcome import Phase
from ganinv_cli.progress.display import RunProgress
from ganinv_cli.results.statistics import Floats

MIN_SECONDS = 3.0  # of computing before a rate is used
RATE_SECONDS = 30.0  # over which a rate is averaged: other programs slow a machine down
EMPTYING_SPEED = 0.6  # of a full batch, on average: it shrinks when half of it is empty
ENOUGH_TRIALS = 50  # whose mean cost replaces the expected cost; fewer are averaged with it
FEW_TRIALS = 5  # of a group, with which its mean cost is averaged with that of all
MOST_COSTS, MOST_RUNNING = 1000, 200  # trials from which costs are estimated


@dataclass
class ProgressCounter:
    """Adds up the counts of a run, and estimates the time left.

    Groups differ in cost: copies cost nothing. Trials that take long are still running when many
    others have ended, so each running trial is expected to need what others with its gradients
    needed.
    """

    total: int  # trials
    missing: Mapping[str, int]  # of these when the run began, by group
    expected_gradients: float  # per trial, before any has ended
    budget: float  # gradients of a trial at most
    success_word: str = "recovered"  # names a success
    certificates: int = 0  # of images, that the run lacked when it began
    certified: int = 0  # of these
    certificate_seconds: float = 0.0  # of the last ones
    counts: Counts = field(default_factory=Counts)
    phase: Phase = Phase.measuring  # of the worker that is farthest
    _ended: Counter[str] = field(default_factory=Counter)  # trials by group
    _spent: Counter[str] = field(default_factory=Counter)  # gradients of these
    _costs: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_COSTS))  # of no copies
    _running: Floats = field(default_factory=lambda: np.zeros(0))  # gradients of running trials
    # recent gradients, as if the batch were full, and their seconds
    _recent: Floats = field(default_factory=lambda: np.zeros(2))

    def add(self, result: WorkerResult) -> RunProgress:
        """Add what a worker has done, and return the progress after it."""
        self.phase = max(self.phase, result.phase, key=list(Phase).index)
        self.counts = self.counts.add(result.counts)
        self._record(result)
        return self._describe()

    def add_certificate(self, seconds: float) -> RunProgress:
        """Add a certificate that was made, and return the progress after it."""
        self.phase = Phase.running
        self.certified += 1
        self.certificate_seconds += seconds
        return self._describe()

    def _describe(self) -> RunProgress:
        done, good, gradients, seconds = self.counts
        rate = gradients / seconds if seconds else 0.0
        count = self.total - sum(self.missing.values()) + done
        left = self._estimate_seconds_left() + self._estimate_certificate_seconds()
        shown = (count, self.total, good, self.success_word, gradients, rate, left)
        return RunProgress(*shown, self.phase, done, self.certified, self.certificates)

    def _record(self, result: WorkerResult) -> None:
        for group in result.rows.keys() & self.missing.keys():
            rows = result.rows[group]
            costs = rows["gradients"] + np.nan_to_num(rows.get("polished/gradients", 0.0))
            costs = np.where(rows["shared"], 0.0, costs)
            self._ended[group] += len(costs)
            self._spent[group] += costs.sum()
            self._costs.extend(costs[~rows["shared"]].tolist())
        gradients, seconds = result.counts.gradients, result.counts.seconds
        if seconds:
            self._recent *= math.exp(-seconds / RATE_SECONDS)
            full = result.batch_size / len(result.running) if result.running else 1.0
            self._recent += gradients * full, seconds
            self._running = np.array(result.running)

    def _estimate_seconds_left(self) -> float:
        done, _, gradients, seconds = self.counts
        expected = min(self.expected_gradients, self.budget)
        has_fixed_cost = expected == self.budget
        if done == sum(self.missing.values()):
            return 0.0
        if seconds < MIN_SECONDS or not (done or has_fixed_cost):
            return math.nan
        costs, running = np.array(self._costs), self._running
        # the running trials of one worker stand for those of all
        ongoing = gradients - sum(self._spent.values())
        share = max(1.0, ongoing / max(running.sum(), 1.0))
        running = np.sort(running)[:: 1 + len(running) // MOST_RUNNING]
        share *= len(self._running) / max(len(running), 1)
        rest = estimate_rest(running, share, costs, expected, self.budget)
        guessed = max(ENOUGH_TRIALS - len(costs), 0)
        mean = (guessed * expected + costs.sum() + share * (running + rest).sum()) / (
            guessed + len(costs) + share * len(running)
        )
        waiting = self._count_costly_trials(costs.mean() if len(costs) else expected)
        waiting = max(waiting - share * len(running), 0.0)
        rate = self._recent[0] / self._recent[1]
        speed = 1.0 if has_fixed_cost else EMPTYING_SPEED  # trials of equal cost end together
        return float((waiting * mean + share * rest.sum() / speed) / rate)

    def _estimate_certificate_seconds(self) -> float:
        """Return the time for the certificates left; before the first one, as for their trials."""
        left = self.certificates - self.certified
        if not left:
            return 0.0
        if self.certified:
            return left * self.certificate_seconds / self.certified
        done, trials = self.counts.finished, sum(self.missing.values())
        return self.counts.seconds / done * trials * left / self.certificates if done else math.nan

    def _count_costly_trials(self, usual: float) -> float:
        """Return how many trials of the usual cost are left, by the mean cost of each group."""
        return sum(
            (count - self._ended[group])
            * (self._spent[group] / usual + FEW_TRIALS)
            / (self._ended[group] + FEW_TRIALS)
            for group, count in self.missing.items()
        )


def estimate_rest(
    running: Floats, share: float, ended: Floats, expected: float, budget: float
) -> Floats:
    """Return the gradients that each running trial still needs, (running,).

    `running` and `ended` are gradients of trials, `share` the number of trials that each running
    one stands for. A trial that has spent s needs what all trials spent beyond s, over the number
    of those that ended beyond s: the estimate for a constant rate of ends from there on.
    """
    spent = running[:, None]
    beyond = (ended - spent).clip(0).sum(1) + share * (running - spent).clip(0).sum(1)
    ends = (ended > spent).sum(1)
    # one more end, at a guess: without any, as many gradients again
    rest = (beyond + np.maximum(running, expected / 2)) / (ends + 1)
    return np.asarray(np.minimum(rest, np.maximum(budget - running, 0.0)))
