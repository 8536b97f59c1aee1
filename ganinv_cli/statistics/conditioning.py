"""Conditioning of z from the singular values of the generator's Jacobian J (pixels, latent).

Functions take singular values float64 (..., latent), in any order, and return (...).
"""

import numpy as np

from ganinv_cli.statistics.averages import Floats, Integers


def condition_number(singular_values: Floats) -> Floats:
    """Return the largest singular value over the least, ∞ if the least is 0."""
    least, largest = singular_values.min(axis=-1), singular_values.max(axis=-1)
    without = np.full(np.shape(least), np.inf)
    return np.asarray(np.divide(largest, least, out=without, where=least > 0))


def rank(singular_values: Floats, pixels: int) -> Integers:
    """Return the numerical rank: the number of directions of z that change the image.

    It counts singular values above largest · max(pixels, latent) · 2⁻⁵², the tolerance of
    `numpy.linalg.matrix_rank` in float64.
    """
    longer = max(pixels, singular_values.shape[-1])
    rounding = singular_values.max(axis=-1, keepdims=True) * longer * np.finfo(np.float64).eps
    return np.asarray(np.sum(singular_values > rounding, axis=-1))


def cramer_rao(singular_values: Floats) -> Floats:
    """Return tr((JᵀJ)⁻¹) / latent, the mean of 1 / s²; ∞ if J does not have full rank.

    Multiplied by the variance of Gaussian noise on the pixels, it is the least mean
    ‖z_found − z_true‖² / latent of an unbiased estimate (Kay 1993, volume I, section 3.9). A biased
    estimate may be closer, e.g. one clipped to the prior's bounds under strong noise. The rank is
    computed from R in J = QR, which has the same singular values and at most `latent` rows.
    """
    full = rank(singular_values, 0) == singular_values.shape[-1]
    inverse = np.square(1 / np.where(full[..., None], singular_values, 1.0))
    return np.where(full, inverse.mean(axis=-1), np.inf)
