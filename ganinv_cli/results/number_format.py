"""Numbers as text."""

import math
from collections.abc import Callable, Iterable, Sequence

MAX_WRITTEN_OUT = 1e15  # larger numbers have an exponent
LEAST_WRITTEN_OUT = 5e-4  # smaller ones have one, which would be 0.000
COLUMN_RANGE = 100  # of the numbers of a column that have equal decimals
SHARE_DIGITS = 3


def format_share(share: float, digits: int = SHARE_DIGITS) -> str:
    """Return a share as .980, with as many digits as tell it from 0 and 1."""
    return f"{share:.{max(digits, count_share_digits([share]))}f}".removeprefix("0")


def count_share_digits(shares: Iterable[float]) -> int:
    """Return how many digits a column of shares needs that rounds none of them to 0 or 1."""
    distances = [min(share, 1 - share) for share in shares]
    powers = [int(f"{each:.0e}".partition("e")[2]) for each in distances if each > 0]
    return max([SHARE_DIGITS, *(-power for power in powers)])


def format_share_interval(interval: Sequence[float | None]) -> str:
    """Return the interval of a share as [.969, .988] or [.996, 1.000]; empty if there is none."""
    return format_interval(interval, lambda end: f"{end:.{SHARE_DIGITS}f}".removeprefix("0"))


def format_number(value: float | None) -> str:
    """Return a number with at least three digits, `-` for None; nan, inf and 1e300 as such."""
    if value is None:
        return "-"
    if value == 0 or not abs(value) < MAX_WRITTEN_OUT:  # or NaN
        return f"{value:.3g}"
    if abs(value) < LEAST_WRITTEN_OUT:
        return format_scientific(value)
    return f"{value:,.{_count_decimals(value)}f}"


def count_column_decimals(values: Iterable[float]) -> int | None:
    """Return the decimals of all numbers of a column; None if they are not of one magnitude."""
    sizes = [abs(value) for value in values if value]
    if not sizes or not LEAST_WRITTEN_OUT <= min(sizes) <= max(sizes) < COLUMN_RANGE * min(sizes):
        return None
    return _count_decimals(min(sizes))


def _count_decimals(value: float) -> int:
    return min(max(0, 2 - math.floor(math.log10(abs(value)))), 3)


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
    """Return a count of trials and its share, as 20 (1.000), above the interval of the share."""
    ends = format_share_interval(interval)
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
