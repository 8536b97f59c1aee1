"""Numbers as text."""

import math
from collections.abc import Callable, Sequence

MAX_WRITTEN_OUT = 1e15  # larger numbers have an exponent
LEAST_WRITTEN_OUT = 5e-4  # smaller ones have one, which would be 0.000
MAX_INTERVAL = 14  # characters on one line, so that four columns of shares fit 80 columns


def format_share(share: float) -> str:
    """Return a share with three digits, as .980, or with the first that tells it from 0 and 1."""
    if share in (0, 1):
        return f"{share:.2f}"
    power = int(f"{min(share, 1 - share):.0e}".partition("e")[2])  # of ten, in the distance
    return f"{share:.{max(3, -power)}f}".removeprefix("0")


def format_number(value: float | None) -> str:
    """Return a number with at least three digits, `-` for None; nan, inf and 1e300 as such."""
    if value is None:
        return "-"
    if value == 0 or not abs(value) < MAX_WRITTEN_OUT:  # or NaN
        return f"{value:.3g}"
    if abs(value) < LEAST_WRITTEN_OUT:
        return format_scientific(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 3)}f}"


def format_scientific(value: float | None) -> str:
    """Return a number as 1.23e-5, or as 0.120, 12.3 or 12,345 if that is as short; `-` for None.

    nan and inf are returned as such.
    """
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return f"{value:g}"
    if 0.01 <= abs(value) < 999.5:
        return f"{value:#.3g}".removesuffix(".")
    if 999.5 <= abs(value) < 1e5:
        return f"{value:,.0f}"
    digits, power = f"{value:.2e}".split("e")
    return f"{digits}e{int(power)}"


def format_concise(value: float) -> str:
    """Return a number that was chosen, not measured, as 1e-4."""
    digits, power = f"{value:e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def format_interval(
    interval: Sequence[float | None],
    format_end: Callable[[float], str] = format_scientific,
) -> str:
    """Return an interval as [1.20e-5, 1.30e-5], empty if there is none."""
    low, high = interval
    return "" if low is None or high is None else f"[{format_end(low)}, {format_end(high)}]"


def format_count(count: int, trials: int, interval: Sequence[float | None] = (None, None)) -> str:
    """Return a count of trials and its share, as 20 (1.00), above the interval of the share."""
    ends = format_interval(interval, format_share)
    if len(ends) > MAX_INTERVAL:
        ends = ends.replace(" ", "\n")
    return f"{count:,} ({format_share(count / trials)})\n{ends}".rstrip("\n")


def join_names(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def format_duration(seconds: float | None) -> str | None:
    """Return a duration as 12.3 s, 5 min or 2.5 h; None for None."""
    if seconds is None:
        return None
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
