"""Errors of images, what noise and rounding leave of them, and how errors of z grow with noise.

A loss is the sum of squares over `pixels` numbers in [−1, 1]: height × width × channels, without
those that a mask leaves out. J (pixels, latent) is the generator's Jacobian; its singular values
are float64 (..., latent), in any order, and functions of these return (...).
"""

import math
from typing import NamedTuple

import numpy as np

from ganinv_cli.statistics.averages import (
    RESAMPLES,
    Booleans,
    Floats,
    Integers,
    Statistic,
    bootstrap,
    median,
)

PIXEL_RANGE = 2.0  # of a pixel in [−1, 1]
GREY_LEVELS = 255


class Slope(NamedTuple):
    """The slope of log error against log level; at 1 the error is proportional to noise."""

    slope: float
    low: float  # bootstrap interval over the trials; NaN for one trial
    high: float
    levels: int  # number of fitted points


def rmse(loss: float, pixels: int) -> float:
    """Return the RMSE √(loss / pixels) in grey levels of 0 to 255; NaN for a loss below 0."""
    return float(np.sqrt(loss / pixels) * GREY_LEVELS / PIXEL_RANGE)


def psnr(loss: float, pixels: int) -> float:
    """Return the peak signal-to-noise ratio 10 log₁₀(2² · pixels / loss) in dB; ∞ for loss 0."""
    with np.errstate(divide="ignore"):  # −∞ for loss ∞
        return float(10 * np.log10(PIXEL_RANGE**2 * pixels / loss)) if loss else np.inf


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


def rounding_residual(pixels: int) -> float:
    """Return an upper limit of the image loss from rounding an image to 8 bits.

    Each of `pixels` numbers in [−1, 1] has an error uniform in ±1/255, whose square has the mean
    Δ²/12 and the variance Δ⁴/180 with Δ = 2/255. The limit is the sum's mean plus five standard
    deviations, exceeded once in millions of images.
    """
    step = 2 / 255
    return pixels * step**2 / 12 + 5 * step**2 * math.sqrt(pixels / 180)


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
