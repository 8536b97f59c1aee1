"""The progress of a run, and how long what is left takes."""

import math
from dataclasses import dataclass, field

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.outcome import Phase
from ganinv_cli.progress.display import RunProgress

MIN_SECONDS = 3.0  # of computing before the time left is known
GUESSED_TRIALS = 20  # of the expected cost, which are averaged with those that ended


@dataclass
class ProgressCounter:
    """Adds up the counts of a run, and estimates the time left.

    Trials are taken to end at a constant rate per gradient, which is the number of those that ended
    over the gradients that all have spent. So copies, which cost nothing, count as quick ones.
    """

    total: int  # trials
    missing: int  # of these when the run began
    expected_gradients: float  # per trial, before any has ended
    budget: float  # gradients of a trial at most
    success_word: str = "recovered"  # names a success
    certificates: int = 0  # that the run lacked when it began, e.g. re-enactments of images
    certified: int = 0  # of these
    certificate_seconds: float = 0.0  # of the last ones
    counts: Counts = field(default_factory=Counts)
    phase: Phase = Phase.measuring  # of the worker that is farthest

    def add(self, result: WorkerResult) -> RunProgress:
        """Add what a worker has done, and return the progress after it."""
        self.phase = max(self.phase, result.phase, key=list(Phase).index)
        self.counts = self.counts.add(result.counts)
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
        count = self.total - self.missing + done
        left = self._estimate_seconds_left() + self._estimate_certificate_seconds()
        shown = (count, self.total, good, self.success_word, gradients, rate, left)
        return RunProgress(*shown, self.phase, done, self.certified, self.certificates)

    def _estimate_seconds_left(self) -> float:
        done, _, gradients, seconds = self.counts
        expected = min(self.expected_gradients, self.budget)
        has_fixed_cost = expected == self.budget
        if done == self.missing:
            return 0.0
        if seconds < MIN_SECONDS or not (done or has_fixed_cost):
            return math.nan
        mean = (GUESSED_TRIALS * expected + gradients) / (GUESSED_TRIALS + done)
        left = (self.missing - done) * mean
        if has_fixed_cost:  # else a trial that runs needs as much again
            left = max(self.missing * min(mean, self.budget) - gradients, 0.0)
        return left * seconds / gradients

    def _estimate_certificate_seconds(self) -> float:
        """Return the time for the certificates left; before the first one, as for their trials."""
        left = self.certificates - self.certified
        if not left:
            return 0.0
        if self.certified:
            return left * self.certificate_seconds / self.certified
        if not self.counts.finished:
            return math.nan
        mean = self.counts.seconds / self.counts.finished
        return mean * self.missing * left / self.certificates
