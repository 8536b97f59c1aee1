"""How many rows a batch should have: found while it works, by what they are worth.

A larger batch keeps a device busier, until it is as busy as it can be or its memory is full.
"""

import statistics

FIRST = 64  # rows to begin with
MOST = 4096
BETTER = 1.1  # times as many gradients a second, for which a change is kept
LOOKS, SECONDS = 6, 0.5  # of full batches, before a rate is believed
WORTH = 30  # times as long as a graph takes to build, that the work left must last


class Pace:
    """Doubles the rows while that pays; halves them where memory runs out."""

    def __init__(self, rows: int = 0) -> None:
        """`rows` that are given stay; 0: to be found."""
        self.rows = rows or FIRST
        self._settled = rows > 0
        self._before: tuple[int, float] | None = None  # rows and their rate, before they doubled
        self._rates: list[float] = []
        self._seconds = self._built = 0.0

    def built(self, seconds: float) -> None:
        """A graph was built, which took so long."""
        self._built = max(self._built, seconds)

    def note(self, gradients: float, seconds: float) -> None:
        """What a look at a full batch saw."""
        if not self._settled:
            self._rates.append(gradients / max(seconds, 1e-9))
            self._seconds += seconds

    def wanted(self, gradients_left: float) -> int:
        """How many rows there should be from now on, so much work being left."""
        if self._settled or len(self._rates) < LOOKS or self._seconds < SECONDS:
            return self.rows
        rate = statistics.median(self._rates)
        if self._before and rate < BETTER * self._before[1]:
            self.rows, self._settled = self._before[0], True
        elif 2 * self.rows > MOST or gradients_left / rate < WORTH * self._built:
            self._settled = True
        else:
            self._before, self._rates, self._seconds = (self.rows, rate), [], 0.0
            self.rows *= 2
        return self.rows

    def limit(self, waiting: int) -> None:
        """No more rows than jobs wait, and at least one."""
        self.rows = max(1, min(self.rows, waiting))

    def full(self, rows: int) -> bool:
        """Memory ran out for so many: whether half of them can be tried."""
        self.rows, self._settled = rows // 2, True
        return self.rows > 0
