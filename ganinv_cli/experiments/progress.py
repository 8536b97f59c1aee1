"""How far a run is, how fast, and how long it will take."""

import math
from typing import NamedTuple

from ganinv_cli.experiments.columns import z_error
from ganinv_cli.outcome import Outcome
from ganinv_cli.solvers.loop import Look
from ganinv_cli.solvers.trial import Trial
from ganinv_cli.statistics import EPSILONS, SMALLEST

EPSILON = EPSILONS[SMALLEST]
MEASURED = 3.0  # seconds of computing before a rate is trusted
ENOUGH = 50  # finished trials whose mean cost replaces the guess; fewer are mixed with it


class Progress(NamedTuple):
    """Where a run stands; a trial counts once for each rule."""

    done: int
    total: int
    good: int  # of those done in this process: recovered to EPSILON, or else converged
    word: str  # for these
    gradients: float  # spent in this process
    gradients_per_second: float
    seconds_left: float  # NaN before there is a measurement


class Count:
    """Adds up looks."""

    def __init__(self, total: int, before: int, expected: float, exact: bool = True) -> None:
        """`before` of `total` trials are done; each of the rest is expected to cost `expected`.

        Where they are not `exact`, how near z is to be is for the statistics to say.
        """
        self._total, self._before, self._expected = total, before, expected
        self._done, self._good, self._exact = 0, 0, exact
        self._finished, self._gradients, self._seconds = 0.0, 0.0, 0.0

    @property
    def begun(self) -> Progress:
        """Before the first look."""
        return self.add(Look([], 0.0, 0.0))

    def add(self, look: Look) -> Progress:
        """The progress after one more look."""
        self._gradients += look.gradients
        self._seconds += look.seconds
        for trial in look.finished:
            self._done += 1
            self._finished += trial.gradients
            self._good += self._succeeded(trial)
        rate = self._gradients / self._seconds if self._seconds else 0.0
        done = self._before + self._done
        left = self._left(rate)
        word = "recovered" if self._exact else "converged"
        return Progress(done, self._total, self._good, word, self._gradients, rate, left)

    def _succeeded(self, trial: Trial) -> bool:
        if self._exact:
            return z_error(trial.best.z, trial.z_true) < EPSILON
        return trial.outcome is Outcome.converged

    def _left(self, rate: float) -> float:
        if self._seconds < MEASURED:
            return math.nan
        done, more = self._done, self._total - self._before - self._done
        if not more:
            return 0.0
        weight = max(ENOUGH - done, 0)  # of the guess
        mean = (weight * self._expected + self._finished) / (weight + done)
        left = more * mean - (self._gradients - self._finished)
        if left <= 0:  # all that are left are slower than most
            left = more * self._gradients / done if done >= more else math.nan
        return left / rate
