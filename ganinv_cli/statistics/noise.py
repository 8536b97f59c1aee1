"""Growth of the error of z with the noise of the image, and the loss that noise leaves."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv

from ganinv_cli.statistics.averages import (
    RESAMPLES,
    Booleans,
    Floats,
    Statistic,
    bootstrap,
    median,
)


class Slope(NamedTuple):
    """The slope of log error against log variance; at 1 the error is proportional to noise."""

    slope: float
    low: float  # bootstrap interval over the trials; NaN for one trial
    high: float
    variances: int  # number of fitted points


def fit_slope(
    variances: Floats,
    errors: Floats,
    statistic: Statistic = median,
    *,
    resamples: int = RESAMPLES,
) -> Slope | None:
    """Return the least-squares slope through (log₁₀ variance, log₁₀ statistic of the errors).

    `variances` is (variances,), of the noise of a pixel in [−1, 1]; `errors` (trials, variances),
    ‖z_found − z_true‖² / latent; `statistic` is `median` or `mean`, which leave out NaN. Points
    without a logarithm are left out: a variance of 0, or a statistic that is not positive and
    finite (also in a single resample). Returns None if fewer than two different variances remain.
    """
    used = (variances > 0) & _has_logarithm(statistic(errors))
    if len(np.unique(variances[used])) < 2:
        return None
    kept = errors[:, used]

    def fit(resample: Floats) -> Floats:
        return np.asarray(_regress(variances[used], statistic(resample)))

    low, high = bootstrap(kept, fit, resamples=resamples)
    return Slope(float(fit(kept)), float(low), float(high), int(np.sum(used)))


def expected_residual(variance: float, pixels: int, latent: int, share: float = 1 - 1e-6) -> float:
    """Return the `share` quantile of the image loss at the best z near the true one, under noise.

    Gaussian noise of this variance in each of `pixels` numbers, less its projection on `latent`
    directions, leaves variance · χ²(pixels − latent) as a sum of squares, if the generator is
    linear over the distance that noise moves z (Kay 1993, volume I, chapter 4). Noise that is
    clipped to the pixels' range leaves less. Returns 0 without noise, or if latent ≥ pixels.
    """
    free = pixels - latent
    return float(variance * 2 * gammaincinv(free / 2, share)) if free > 0 else 0.0


def rounding_residual(pixels: int) -> float:
    """Return an upper limit of the image loss from rounding an image to 8 bits.

    Each of `pixels` numbers in [−1, 1] has an error uniform in ±1/255, whose square has the mean
    Δ²/12 and the variance Δ⁴/180 with Δ = 2/255. The limit is the sum's mean plus five standard
    deviations, exceeded once in millions of images.
    """
    step = 2 / 255
    return pixels * step**2 / 12 + 5 * step**2 * math.sqrt(pixels / 180)


def _has_logarithm(values: Floats) -> Booleans:
    return np.asarray(np.isfinite(values) & (values > 0))


def _regress(variances: Floats, centres: Floats) -> float:
    """Return Σ (x − x̄) y / Σ (x − x̄)², NaN if fewer than two different x have a y."""
    usable = _has_logarithm(centres)
    x, y = np.log10(variances[usable]), np.log10(centres[usable])
    if len(set(x)) < 2:
        return np.nan
    aside = x - x.mean()
    return float(aside @ y / (aside @ aside))
