"""How far a run is, how fast, and how long it will take."""

import math
from typing import NamedTuple

from ganinv_cli.engine.engine import Tally

MEASURED = 3.0  # seconds of computing before a rate is trusted
ENOUGH = 50  # finished trials whose mean cost replaces the guess; fewer are mixed with it


class Progress(NamedTuple):
    """Where a run stands; a trial counts once for each rule."""

    done: int
    total: int
    good: int  # of those done in this process: recovered, or else converged
    word: str  # for these
    gradients: float  # spent in this process
    gradients_per_second: float
    seconds_left: float  # NaN before there is a measurement


class Count:
    """Adds up tallies."""

    def __init__(self, total: int, before: int, expected: float, word: str = "recovered") -> None:
        """`before` of `total` trials are done; each of the rest is expected to cost `expected`.

        `word` is for those that count as good.
        """
        self._total, self._before, self._expected, self._word = total, before, expected, word
        self._sum = Tally()

    @property
    def begun(self) -> Progress:
        """Before the first tally."""
        return self.add(Tally())

    def add(self, tally: Tally) -> Progress:
        """The progress after one more of them."""
        self._sum = self._sum.plus(tally)
        done, good, _, gradients, seconds = self._sum
        rate = gradients / seconds if seconds else 0.0
        left = self._left(rate)
        ended = self._before + done
        return Progress(ended, self._total, good, self._word, gradients, rate, left)

    def _left(self, rate: float) -> float:
        done, _, spent, gradients, seconds = self._sum
        if seconds < MEASURED:
            return math.nan
        more = self._total - self._before - done
        if not more:
            return 0.0
        weight = max(ENOUGH - done, 0)  # of the guess
        mean = (weight * self._expected + spent) / (weight + done)
        left = more * mean - (gradients - spent)
        if left <= 0:  # all that are left are slower than most
            left = more * gradients / done if done >= more else math.nan
        return left / rate
