"""The progress and speed of a run, and an estimate of the time left."""

import math
from dataclasses import dataclass, field

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.outcome import Phase
from ganinv_cli.progress.reporters import RunProgress

MIN_SECONDS = 3.0  # of computing before a rate is used
ENOUGH_TRIALS = 50  # whose mean cost replaces the expected cost; fewer are averaged with it


@dataclass
class ProgressCounter:
    """Adds up the counts of a run, and estimates the time left."""

    total: int  # trials
    finished_before: int  # of these
    expected_gradients: float  # per trial of the rest
    success_word: str = "recovered"  # names a success
    has_fixed_cost: bool = False  # whether a trial needs `expected_gradients`, or hardly less
    counts: Counts = field(default_factory=Counts)
    phase: Phase = Phase.measuring  # of the worker that is farthest

    def add(self, result: WorkerResult) -> RunProgress:
        """Add what a worker has done, and return the progress after it."""
        self.phase = max(self.phase, result.phase, key=list(Phase).index)
        self.counts = self.counts.add(result.counts)
        done, good, _, gradients, seconds = self.counts
        rate = gradients / seconds if seconds else 0.0
        count, left = self.finished_before + done, self._estimate_seconds_left(rate)
        shown = (count, self.total, good, self.success_word, gradients, rate, left)
        return RunProgress(*shown, self.phase, done)

    def _estimate_seconds_left(self, rate: float) -> float:
        done, _, spent, gradients, seconds = self.counts
        if seconds < MIN_SECONDS or not (done or self.has_fixed_cost):
            return math.nan
        remaining = self.total - self.finished_before - done
        if not remaining:
            return 0.0
        weight = max(ENOUGH_TRIALS - done, 0)  # of the guess
        mean = (weight * self.expected_gradients + spent) / (weight + done)
        gradients_left = remaining * mean - (gradients - spent)
        if gradients_left <= 0:  # all trials left are slower than the mean
            gradients_left = remaining * gradients / done if done >= remaining else math.nan
        return gradients_left / rate
