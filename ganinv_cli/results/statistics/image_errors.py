"""Errors of images, what rounding leaves of them, and what J says of the error of z.

A loss is the sum of squares over `pixels` numbers in [−1, 1]: height × width × channels, without
those that a mask leaves out. J (pixels, latent) is the generator's Jacobian; its singular values
are float64 (..., latent), in any order, and functions of these return (...).
"""

import math

import numpy as np

from ganinv_cli.results.statistics.arrays import Floats, Integers

PIXEL_RANGE = 2.0  # of a pixel in [−1, 1]
GREY_LEVELS = 255


def rmse(loss: float, pixels: int) -> float:
    """Return the RMSE √(loss / pixels) in grey levels of 0 to 255; NaN for a loss below 0."""
    return float(np.sqrt(loss / pixels) * GREY_LEVELS / PIXEL_RANGE)


def psnr(loss: float, pixels: int) -> float:
    """Return the peak signal-to-noise ratio 10 log₁₀(2² · pixels / loss) in dB; ∞ for loss 0."""
    with np.errstate(divide="ignore"):  # −∞ for loss ∞
        return float(10 * np.log10(PIXEL_RANGE**2 * pixels / loss)) if loss else np.inf


def rounding_residual(pixels: int) -> float:
    """Return an upper limit of the image loss from rounding an image to 8 bits.

    Each of `pixels` numbers in [−1, 1] has an error uniform in ±1/255, whose square has the mean
    Δ²/12 and the variance Δ⁴/180 with Δ = 2/255. The limit is the sum's mean plus five standard
    deviations, exceeded once in millions of images.
    """
    step = 2 / 255
    return pixels * step**2 / 12 + 5 * step**2 * math.sqrt(pixels / 180)


def storage_residual(spacing: Floats) -> float:
    """Return an upper limit of the image loss from storing an image in a float type.

    Each number has an error uniform in ±spacing/2, with the distance `spacing`, an array of any
    shape, of the numbers of that type there. The limit is that of `rounding_residual`, with the sum
    Σ s²/12 of the means and the sum Σ s⁴/180 of the variances.
    """
    squares = spacing.astype(np.float64) ** 2
    return float(np.sum(squares) / 12 + 5 * np.sqrt(np.sum(squares**2) / 180))


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
