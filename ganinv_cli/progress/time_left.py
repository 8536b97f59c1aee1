"""The time left as a text that does not jump: smoothed, and rounded more coarsely if it is long."""

import math
import time
from collections.abc import Callable

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
STEPS = ((55.0, 10.0), (15 * MINUTE, MINUTE), (2 * HOUR, 5 * MINUTE), (2 * DAY, HOUR))
LEAST_MEMORY = 5.0  # seconds of earlier estimates that are averaged
MEMORY_SHARE = 0.1  # of the time left: the same, if it is longer
TOLERANCE = 0.75  # steps that the text may differ before it changes; .5 would let it flicker


class TimeLeft:
    """Averages estimates of the time left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = math.nan  # when the run ends, by the clock
        self._updated = 0.0
        self._shown = math.nan  # seconds

    def describe(self, seconds_left: float) -> str:
        """Return the time left as a text, empty before there is an estimate; NaN is no estimate."""
        now = self._clock()
        if math.isfinite(seconds_left):
            self._average(now, seconds_left)
        if math.isnan(self._end):
            return ""
        left = self._end - now
        if left <= 0:  # the estimates were wrong
            self._end = math.nan
            return ""
        step = _choose_step(left)
        if not abs(left - self._shown) <= TOLERANCE * step:
            self._shown = max(round(left / step), 1) * step
        return f"{format_duration(self._shown)} left"

    def _average(self, now: float, seconds_left: float) -> None:
        end = now + seconds_left
        if math.isnan(self._end):
            self._end = end
        memory = max(LEAST_MEMORY, MEMORY_SHARE * seconds_left)
        self._end += (1 - math.exp((self._updated - now) / memory)) * (end - self._end)
        self._updated = now


def format_duration(seconds: float) -> str:
    """Return a duration as "40 s", "3 min", "1 h 20 min", "5 h" or "3 days", rounded as STEPS."""
    step = _choose_step(seconds)
    rounded = max(round(seconds / step), 1) * step
    if rounded < MINUTE:
        return f"{rounded:.0f} s"
    hours, minutes = divmod(round(rounded / MINUTE), 60)
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0))


def _choose_step(seconds: float) -> float:
    return next((step for limit, step in STEPS if seconds < limit), DAY)
