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


class Moments(NamedTuple):
    """Statistics of a norm's input."""

    mean: np.ndarray  # (channels,)
    variance: np.ndarray  # (channels,)


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


def are_initial(stored: Moments) -> bool:
    """Return whether a norm's stored statistics are as before training, so say nothing."""
    return bool(np.all(stored.mean == 0) and np.all(stored.variance == 1))


def compare_moments(measured: Moments, stored: Moments) -> Discrepancy:
    """Return the discrepancy of measured moments.

    Channels without variance in either are left out; NaN if none is left.
    """
    ratio, shift = compare_channels(measured, stored)
    known = np.isfinite(ratio)
    if not known.any():
        return Discrepancy(float("nan"), float("nan"))
    return Discrepancy(*(float(np.median(np.abs(each[known]))) for each in (ratio, shift)))


def compare_channels(measured: Moments, stored: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Return log(variance / stored variance) and the difference of the means, both (channels,).

    The unit of the second is the stored standard deviation. Either may be infinite or NaN.
    """
    with np.errstate(all="ignore"):
        ratio = np.log(measured.variance, dtype=np.float64)
        ratio -= np.log(stored.variance, dtype=np.float64)  # a quotient may overflow
        difference = measured.mean.astype(np.float64) - stored.mean
        return ratio, difference / np.sqrt(stored.variance, dtype=np.float64)
