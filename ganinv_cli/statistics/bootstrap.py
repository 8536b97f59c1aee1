"""Bootstrap intervals: how much a statistic varies with the sample of trials."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ganinv_cli.statistics.averages import Floats

RESAMPLES = 2000
CONFIDENCE = 0.95

Statistic = Callable[[Floats], Floats]  # (trials, ...) -> any shape


class Band(NamedTuple):
    """An interval for each entry of a statistic, in its shape; NaN if there is none."""

    low: Floats
    high: Floats


def bootstrap(
    values: Floats,
    statistic: Statistic,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Band:
    """Return the percentile interval of `statistic(values)` (Efron & Tibshirani 1993, chapter 13).

    Rows of `values` (trials, ...) are resampled with replacement, `resamples` times. A row is drawn
    whole, so the values of a trial at several settings stay together. The same seed gives the same
    interval.

    The statistic decides how NaN among the values counts (`median` and `mean` leave it out). A
    resample whose statistic is NaN is left out, entry by entry. Both ends are NaN for a single
    trial. Few trials (below about 20) give too narrow an interval.
    """
    if len(values) < 2:
        nothing = np.full(np.shape(statistic(values)), np.nan)
        return Band(nothing, nothing)
    random = np.random.default_rng(seed)
    drawn = (random.integers(len(values), size=len(values)) for _ in range(resamples))
    found = np.sort([statistic(values[rows]) for rows in drawn], axis=0)  # NaN last
    last = np.sum(~np.isnan(found), axis=0) - 1
    tail = (1 - confidence) / 2
    # Whole indices, rounded outwards: interpolation between two values fails if one is infinite.
    places = np.floor(tail * last).astype(int), np.ceil((1 - tail) * last).astype(int)
    low, high = (np.take_along_axis(found, at[None], axis=0)[0] for at in places)
    return Band(np.asarray(low), np.asarray(high))
