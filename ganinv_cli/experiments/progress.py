"""How far a run is, how fast, and how long it will take."""

import math
from typing import NamedTuple

from ganinv_cli.experiments.columns import z_error
from ganinv_cli.solvers.loop import Look
from ganinv_cli.statistics import EPSILONS, SMALLEST

EPSILON = EPSILONS[SMALLEST]
MEASURED = 3.0  # seconds of computing before a rate is trusted
ENOUGH = 50  # finished trials whose mean cost is trusted more than the solver's usual one


class Progress(NamedTuple):
    """Where a run stands; a trial counts once for each rule."""

    done: int
    total: int
    recovered: int  # of those done in this process, below EPSILON
    gradients: float  # spent in this process
    gradients_per_second: float
    seconds_left: float  # NaN before there is a measurement


class Count:
    """Adds up looks."""

    def __init__(self, total: int, before: int, expected: float) -> None:
        """`before` of `total` trials are done; each of the rest is expected to cost `expected`."""
        self._total, self._before, self._expected = total, before, expected
        self._done, self._recovered = 0, 0
        self._finished, self._gradients, self._seconds = 0.0, 0.0, 0.0

    def add(self, look: Look) -> Progress:
        """The progress after one more look."""
        self._gradients += look.gradients
        self._seconds += look.seconds
        for trial in look.finished:
            self._done += 1
            self._finished += trial.gradients
            self._recovered += z_error(trial.best.z, trial.z_true) < EPSILON
        rate = self._gradients / self._seconds
        done = self._before + self._done
        return Progress(done, self._total, self._recovered, self._gradients, rate, self._left(rate))

    def _left(self, rate: float) -> float:
        if self._seconds < MEASURED:
            return math.nan
        mean = self._finished / self._done if self._done >= ENOUGH else self._expected
        return max((self._total - self._before) * mean - self._gradients, 0.0) / rate
