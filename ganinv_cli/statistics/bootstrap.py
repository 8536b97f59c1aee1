"""How far a statistic would move had other trials been drawn."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ganinv_cli.statistics.averages import Floats

RESAMPLES = 2000
CONFIDENCE = 0.95

Statistic = Callable[[Floats], Floats]  # (trials, ...) -> any shape


class Band(NamedTuple):
    """An interval of each entry of a statistic, in its shape; NaN where none can be given."""

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
    """The percentile interval of `statistic(values)` (Efron & Tibshirani 1993, chapter 13).

    As many rows as `values` (trials, ...) has are drawn with replacement, `resamples` times, and
    the statistic is taken of each. A row is drawn whole, so what it says of one trial at several
    settings stays together. The same seed gives the same interval.

    What a NaN among the values means is for the statistic to say (`median` and `mean` leave it
    out). A resample whose statistic is NaN is left out, entry by entry. One trial says nothing of
    how others differ: both ends are NaN. Few trials (below about 20) give too narrow an interval.
    """
    if len(values) < 2:
        nothing = np.full(np.shape(statistic(values)), np.nan)
        return Band(nothing, nothing)
    random = np.random.default_rng(seed)
    drawn = (random.integers(len(values), size=len(values)) for _ in range(resamples))
    found = np.sort([statistic(values[rows]) for rows in drawn], axis=0)  # NaN last
    last = np.sum(~np.isnan(found), axis=0) - 1
    tail = (1 - confidence) / 2
    # Whole places, rounded outwards: between two of them may lie infinity, which has no middle.
    places = np.floor(tail * last).astype(int), np.ceil((1 - tail) * last).astype(int)
    low, high = (np.take_along_axis(found, at[None], axis=0)[0] for at in places)
    return Band(np.asarray(low), np.asarray(high))
