"""The median and mean over trials, their bootstrap intervals, and slopes.

NaN is left out; the median and mean of no number are NaN.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from ganinv_cli.results.statistics.arrays import Booleans, Floats

Scalar = TypeVar("Scalar", bound=np.generic)

RESAMPLES = 2000
CONFIDENCE = 0.95
BLOCK_VALUES = 1 << 16  # of resamples that are drawn together: they fit a processor's cache

Statistic = Callable[[Floats], Floats]  # (trials, ..., columns) -> (...) or (..., entries)


def median(values: Floats) -> Floats:
    """Return the median of values (trials, ...) over the trials: float64 (...)."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    last = np.sum(~np.isnan(values), axis=0) - 1  # NaN sorts last
    ordered = np.sort(values.astype(np.float64), axis=0)
    with np.errstate(invalid="ignore"):  # the mean of −∞ and ∞ is NaN
        return (_take_rows(ordered, last // 2) + _take_rows(ordered, (last + 1) // 2)) / 2


def mean(values: Floats) -> Floats:
    """Return the mean of values (trials, ...) over the trials: float64 (...)."""
    numbers = ~np.isnan(values)
    with np.errstate(invalid="ignore"):  # 0 / 0, and ∞ − ∞
        total = np.sum(values, axis=0, dtype=np.float64, where=numbers)
        return np.asarray(total / np.sum(numbers, axis=0))


def carry_forward(curves: Floats, ends: Floats) -> Floats:
    """Return curves (trials, points) with NaN replaced by the trial's end (trials,).

    Otherwise a median over trials would be the median of the slow trials alone, which still run.
    """
    return np.asarray(np.where(np.isnan(curves), ends[:, None], curves))


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
    interval. The statistic gets several resamples at once, (trials, resamples, ...), and reduces
    the first axis of each by itself.

    The statistic decides how NaN among the values counts (`median` and `mean` leave it out). A
    resample whose statistic is NaN is left out, entry by entry. Both ends are NaN for a single
    trial. Few trials (below about 20) give too narrow an interval. `scipy.stats.bootstrap` gives
    other ends: it interpolates between resamples, and counts NaN.
    """
    if len(values) < 2:
        nothing = np.full(np.shape(statistic(values)), np.nan)
        return Band(nothing, nothing)
    random, together = np.random.default_rng(seed), max(1, BLOCK_VALUES // max(1, values.size))
    blocks = [min(together, resamples - first) for first in range(0, resamples, together)]
    drawn = (random.integers(len(values), size=(count, len(values))) for count in blocks)
    found = np.concatenate([statistic(values[rows.T]) for rows in drawn])
    found = np.sort(found, axis=0)  # NaN last
    last = np.sum(~np.isnan(found), axis=0) - 1
    tail = (1 - confidence) / 2
    # Whole indices, rounded outwards: interpolation between two values fails if one is infinite.
    places = np.floor(tail * last).astype(int), np.ceil((1 - tail) * last).astype(int)
    low, high = (np.take_along_axis(found, at[None], axis=0)[0] for at in places)
    return Band(np.asarray(low), np.asarray(high))


class Slope(NamedTuple):
    """The slope of log error against log level; at 1 the error is proportional to noise."""

    slope: float
    low: float  # bootstrap interval over the trials; NaN for one trial
    high: float
    levels: int  # number of fitted points


def fit_slope(
    levels: Floats,
    errors: Floats,
    statistic: Statistic = median,
    *,
    resamples: int = RESAMPLES,
) -> Slope | None:
    """Return the least-squares slope through (log₁₀ level, log₁₀ statistic of the errors).

    `levels` is (levels,), of noise, e.g. variances of a pixel in [−1, 1]; `errors` (trials,
    levels), ‖z_found − z_true‖² / latent; `statistic` is `median` or `mean`, which leave out NaN.
    Points without a logarithm are left out: level 0, or a statistic that is not positive and finite
    (also in a single resample). Returns None if fewer than two different levels remain.
    """
    used = (levels > 0) & _has_logarithm(statistic(errors))
    if len(np.unique(levels[used])) < 2:
        return None
    kept = errors[:, used]

    def fit(resample: Floats) -> Floats:
        return _regress(levels[used], statistic(resample))

    low, high = bootstrap(kept, fit, resamples=resamples)
    return Slope(float(fit(kept)), float(low), float(high), int(np.sum(used)))


def _take_rows(ordered: Floats, places: np.ndarray) -> Floats:
    """Return the value of each column of (trials, ...) at its index (...)."""
    return np.asarray(np.take_along_axis(ordered, places[None], axis=0)[0])


def _has_logarithm(values: Floats) -> Booleans:
    return np.asarray(np.isfinite(values) & (values > 0))


def _regress(levels: Floats, centres: Floats) -> Floats:
    """Return Σ (x − x̄) y / Σ (x − x̄)² of (..., levels): (...), NaN if fewer than two x have a y.

    x and y are logarithms.
    """
    usable = _has_logarithm(centres)
    x, y = np.log10(levels), np.log10(np.where(usable, centres, 1))
    with np.errstate(invalid="ignore"):
        middle = np.sum(x * usable, axis=-1) / np.sum(usable, axis=-1)
        aside = (x - middle[..., None]) * usable
        return np.asarray(np.sum(aside * y, axis=-1) / np.sum(aside**2, axis=-1))
