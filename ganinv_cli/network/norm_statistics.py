"""Comparison of what enters a batch norm with the statistics that it stores.

The moving mean and variance of a batch norm are what the network that was trained made of the prior
that it was trained with. If a network's layers or prior differ from that one's, the moments of what
enters its next norm differ from the stored ones.
"""

from typing import NamedTuple

import numpy as np

# discrepancy up to which a norm's statistics fit: right networks have up to .08, wrong priors 1.1,
# wrong activations .12 and more, but leaky_relu:0.01 for relu (docs/checkpoints.md)
FITS_BELOW = 0.12


class Discrepancy(NamedTuple):
    """Differences between measured and stored statistics of a norm, each a median over channels."""

    variance: float  # |log(measured variance / stored variance)|
    mean: float  # |measured mean - stored mean| / stored standard deviation

    @property
    def total(self) -> float:
        """The sum of both."""
        return self.variance + self.mean

    @property
    def fits(self) -> bool:
        """Whether the stored statistics can be those of this network."""
        return bool(self.total <= FITS_BELOW)  # false for NaN


def compare_moments(
    mean: np.ndarray, variance: np.ndarray, stored_mean: np.ndarray, stored_variance: np.ndarray
) -> Discrepancy:
    """Return the discrepancy of measured moments; all arguments are (channels,).

    Channels without variance in either are left out; NaN if none is left.
    """
    known = (variance > 0) & (stored_variance > 0)
    if not known.any():
        return Discrepancy(float("nan"), float("nan"))
    ratio = np.log(variance[known] / stored_variance[known])
    shift = (mean - stored_mean)[known] / np.sqrt(stored_variance[known])
    return Discrepancy(float(np.median(np.abs(ratio))), float(np.median(np.abs(shift))))
