"""Compare the input of a batch norm with the statistics that it stores.

A batch norm stores the moving mean and variance of its input during training. They depend on the
layers before it and on the prior. If a layer or the prior is not the one of the training, the
moments of the next norm's input differ from the stored statistics.
"""

from typing import NamedTuple

import numpy as np

# largest discrepancy at which a norm's statistics fit. Right networks have up to .08, wrong priors
# 1.1, wrong activations .12 and more, except leaky_relu:0.01 for relu (docs/checkpoints.md)
FITS_BELOW = 0.12


class Discrepancy(NamedTuple):
    """Differences between measured and stored statistics of a norm, each a median over channels."""

    variance: float  # |log(measured variance / stored variance)|
    mean: float  # |measured mean - stored mean| / stored standard deviation

    @property
    def total(self) -> float:
        """The sum of both differences."""
        return self.variance + self.mean

    @property
    def fits(self) -> bool:
        """Whether the stored statistics are consistent with this network."""
        return bool(self.total <= FITS_BELOW)  # false for NaN


def are_initial(mean: np.ndarray, variance: np.ndarray) -> bool:
    """Return whether a norm's stored statistics are as before training, so say nothing."""
    return bool(np.all(mean == 0) and np.all(variance == 1))


def compare_moments(
    mean: np.ndarray, variance: np.ndarray, stored_mean: np.ndarray, stored_variance: np.ndarray
) -> Discrepancy:
    """Return the discrepancy of measured moments; all arguments are (channels,).

    Channels without variance in either are left out; NaN if none is left.
    """
    known = find_known(variance, stored_variance)
    if not known.any():
        return Discrepancy(float("nan"), float("nan"))
    ratio = compare_variances(variance[known], stored_variance[known])
    difference = mean[known].astype(np.float64) - stored_mean[known]
    shift = difference / np.sqrt(stored_variance[known], dtype=np.float64)
    return Discrepancy(float(np.median(np.abs(ratio))), float(np.median(np.abs(shift))))


def find_known(variance: np.ndarray, stored_variance: np.ndarray) -> np.ndarray:
    """Return for each channel whether both variances are positive and finite."""
    both = np.stack([variance, stored_variance])
    known: np.ndarray = np.all((both > 0) & np.isfinite(both), axis=0)
    return known


def compare_variances(variance: np.ndarray, stored_variance: np.ndarray) -> np.ndarray:
    """Return log(variance / stored variance) of known channels, whose quotient may overflow."""
    logs = np.log(np.stack([variance, stored_variance]), dtype=np.float64)
    difference: np.ndarray = logs[0] - logs[1]
    return difference
