"""Types of arrays, and the median and mean over trials, for each column.

NaN is left out; the median and mean of no number are NaN.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Floats = NDArray[np.floating]
Integers = NDArray[np.integer]
Scalar = TypeVar("Scalar", bound=np.generic)


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


def _take_rows(ordered: Floats, places: np.ndarray) -> Floats:
    """Return the value of each column of (trials, ...) at its index (...)."""
    return np.asarray(np.take_along_axis(ordered, places[None], axis=0)[0])
