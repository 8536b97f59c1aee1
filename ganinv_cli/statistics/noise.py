"""How the error of z grows with the noise of the image."""

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from ganinv_cli.statistics.averages import Booleans, Floats, median
from ganinv_cli.statistics.bootstrap import CONFIDENCE, RESAMPLES, Statistic, bootstrap


class Slope(NamedTuple):
    """Of log error against log variance; 1 says that the error grows in proportion to noise."""

    slope: float
    low: float  # bootstrap interval over the trials; NaN for one trial
    high: float
    variances: int  # how many the line goes through


def fit_slope(
    variances: Floats,
    errors: Floats,
    statistic: Statistic = median,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Slope | None:
    """Least squares through (log₁₀ variance, log₁₀ centre of the trials' errors).

    `variances` is (variances,), of the noise of a pixel in [−1, 1]; `errors` (trials, variances),
    ‖z_found − z_true‖² / latent; `centre` is `median` or `mean`, which leave out what is not a
    number. A variance of 0, and one at which the centre is not positive and finite, have no
    logarithm and are left out (of one resample, where it is so there alone). None when fewer than
    two different variances remain.
    """
    used = (variances > 0) & _has_logarithm(statistic(errors))
    if len(np.unique(variances[used])) < 2:
        return None
    kept = errors[:, used]

    def fit(resample: Floats) -> Floats:
        return np.asarray(_regress(variances[used], statistic(resample)))

    low, high = bootstrap(kept, fit, seed=seed, resamples=resamples, confidence=confidence)
    return Slope(float(fit(kept)), float(low), float(high), int(np.sum(used)))


def expected_residual(variance: float, pixels: int, latent: int, share: float = 1 - 1e-6) -> float:
    """The image loss that the best z near the true one stays below, in that share of the images.

    Gaussian noise of this variance in each of `pixels` numbers, less what `latent` directions
    explain of it, leaves variance · χ²(pixels − latent) as a sum of squares (a generator that is
    straight over the distance that noise moves z; Kay 1993, volume I, chapter 4). Noise that was
    clipped to the pixels' range leaves less. 0 without noise, or where z could explain all of it.
    """
    free = pixels - latent
    return float(variance * chi2.ppf(share, free)) if free > 0 else 0.0


def rounding_residual(pixels: int) -> float:
    """The image loss that rounding an image to 8 bits stays below, but once in millions.

    Each of `pixels` numbers in [−1, 1] moves by an error uniform in ±1/255, whose square has the
    mean Δ²/12 and the variance Δ⁴/180 with Δ = 2/255: their sum's mean and five standard
    deviations.
    """
    step = 2 / 255
    return pixels * step**2 / 12 + 5 * step**2 * math.sqrt(pixels / 180)


def _has_logarithm(values: Floats) -> Booleans:
    return np.asarray(np.isfinite(values) & (values > 0))


def _regress(variances: Floats, centres: Floats) -> float:
    """Σ (x − x̄) y / Σ (x − x̄)², NaN when fewer than two different x have a y."""
    usable = _has_logarithm(centres)
    x, y = np.log10(variances[usable]), np.log10(centres[usable])
    if len(set(x)) < 2:
        return np.nan
    aside = x - x.mean()
    return float(aside @ y / (aside @ aside))
