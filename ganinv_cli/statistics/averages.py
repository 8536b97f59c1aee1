"""The types of arrays, and the median and mean over trials, each column by itself.

A value that is not a number is left out; without any number the middle is NaN.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Floats = NDArray[np.floating]
Integers = NDArray[np.integer]
Scalar = TypeVar("Scalar", bound=np.generic)


def median(values: Floats) -> Floats:
    """The middle of (trials, ...) over the trials, in float64: (...)."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    last = np.sum(~np.isnan(values), axis=0) - 1  # in order, what is not a number comes behind
    ordered = np.sort(values.astype(np.float64), axis=0)
    with np.errstate(invalid="ignore"):  # halfway between −∞ and ∞ lies no number
        return (_take_rows(ordered, last // 2) + _take_rows(ordered, (last + 1) // 2)) / 2


def mean(values: Floats) -> Floats:
    """The mean of (trials, ...) over the trials, in float64: (...)."""
    numbers = ~np.isnan(values)
    with np.errstate(invalid="ignore"):  # 0 / 0, and ∞ − ∞
        total = np.sum(values, axis=0, dtype=np.float64, where=numbers)
        return np.asarray(total / np.sum(numbers, axis=0))


def carry_forward(curves: Floats, ends: Floats) -> Floats:
    """(trials, points): each curve with its trial's end, (trials,), where it holds NaN.

    Without this a median over the trials would be that of those still running: the slow ones.
    """
    return np.asarray(np.where(np.isnan(curves), ends[:, None], curves))


def _take_rows(ordered: Floats, places: np.ndarray) -> Floats:
    """From each column of (trials, ...) the value at its place (...)."""
    return np.asarray(np.take_along_axis(ordered, places[None], axis=0)[0])
