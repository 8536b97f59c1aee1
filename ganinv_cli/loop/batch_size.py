"""Control of the batch size: found during the run, by measured speed.

A larger batch keeps a device busier, until it is as busy as it can be or its memory is full.
"""

import statistics

FIRST_ROWS = 64  # rows to begin with
MAX_ROWS = 4096
MIN_SPEEDUP = 1.1  # of gradients per second, for a change to be kept
MIN_INCREMENTS, MIN_SECONDS = 6, 0.5  # of full batches, before a rate is used
MIN_BUILD_MULTIPLE = 30  # least time left, in build times of a graph, for a change


class BatchSizeControl:
    """The number of rows: doubled while that is faster, halved if memory runs out."""

    def __init__(self, rows: int = 0) -> None:
        """Use `rows`; 0 starts with FIRST_ROWS and finds the fastest number."""
        self.rows = rows or FIRST_ROWS
        self._settled = rows > 0
        self._previous: tuple[int, float] | None = None  # rows and their rate, before they doubled
        self._rates: list[float] = []
        self._seconds = self._build_seconds = 0.0

    def record_build(self, seconds: float) -> None:
        """Record how long building a graph took."""
        self._build_seconds = max(self._build_seconds, seconds)

    def record_rate(self, gradients: float, seconds: float) -> None:
        """Record the speed of an increment of a full batch."""
        if not self._settled:
            self._rates.append(gradients / max(seconds, 1e-9))
            self._seconds += seconds

    def choose_rows(self, gradients_left: float) -> int:
        """Return the number of rows from now on, given the work that is left."""
        if self._settled or len(self._rates) < MIN_INCREMENTS or self._seconds < MIN_SECONDS:
            return self.rows
        rate = statistics.median(self._rates)
        if self._previous and rate < MIN_SPEEDUP * self._previous[1]:
            self.rows, self._settled = self._previous[0], True
        elif (
            2 * self.rows > MAX_ROWS
            or gradients_left / rate < MIN_BUILD_MULTIPLE * self._build_seconds
        ):
            self._settled = True
        else:
            self._previous, self._rates, self._seconds = (self.rows, rate), [], 0.0
            self.rows *= 2
        return self.rows

    def limit_rows(self, jobs: int) -> None:
        """Limit the rows to the number of jobs, and to at least one."""
        self.rows = max(1, min(self.rows, jobs))

    def halve_rows(self, rows: int) -> bool:
        """Halve the rows after memory ran out; return whether any is left."""
        self.rows, self._settled = rows // 2, True
        return self.rows > 0
