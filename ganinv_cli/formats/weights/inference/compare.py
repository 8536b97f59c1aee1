"""How well measured moments fit stored ones, and whether one hypothesis fits better than another.

Stored statistics are those of a few batches, so they differ from exact ones by chance, differently
for each channel, and all variances may be a little low: a batch's own mean was subtracted.
Two hypotheses are compared channel by channel (Vuong 1989): z = √n · mean(d) / σ(d), where d is the
difference of their losses in a channel.
"""

import math

import numpy as np

from ganinv_cli.formats.weights.inference.measure import Moments
from ganinv_cli.network.norm_statistics import Discrepancy, compare_moments

TOLERANCE = 0.05  # difference of a channel's moments that chance explains
LOW_VARIANCE = 0.07  # by which batches of 16 with equal pixels would underestimate variances
HIGH_VARIANCE = 0.02  # by which variances may be too high, as those before the weights' last steps
CLEARLY = 4.0  # z above which one hypothesis fits better
MAX_INDEPENDENT = 64  # channels that count as independent: all come from the same batches


def compute_losses(moments: Moments) -> np.ndarray:
    """Return the loss of each channel, ln(1 + (v/t)²) + ln(1 + (m/t)²), with tolerance t.

    v and m are as in `_compute_deviations`. Channels without variance lose most.
    """
    known, ratio, shift = _compute_deviations(moments)
    losses = np.log1p((ratio / TOLERANCE) ** 2) + np.log1p((shift / TOLERANCE) ** 2)
    return np.where(known, losses, 0.0)


def compute_discrepancy(moments: Moments) -> Discrepancy:
    """Return the medians over channels, as they are shown."""
    return compare_moments(*moments)  # in the order of its arguments


def compute_misfit(moments: Moments) -> float:
    """Return the discrepancy, less what batches of any size explain; NaN if no channel varies."""
    known, ratio, shift = _compute_deviations(moments)
    if not known.any():
        return math.nan
    return float(np.median(np.abs(ratio[known])) + np.median(np.abs(shift[known])))


def _compute_deviations(moments: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which channels vary, v and m, each (channels,).

    v is the log ratio of the variances, without what all channels share and small batches explain;
    m is the difference of the means in standard deviations.
    """
    with np.errstate(all="ignore"):
        ratio = np.log(moments.variance / moments.stored_variance)
        shift = (moments.mean - moments.stored_mean) / np.sqrt(moments.stored_variance)
    known = (moments.stored_variance > 0) & np.isfinite(shift)
    ratio = np.nan_to_num(ratio, nan=1e3, posinf=1e3, neginf=-1e3)
    if known.any():
        ratio = ratio - np.clip(np.median(ratio[known]), -HIGH_VARIANCE, LOW_VARIANCE)
    return known, ratio, shift


def count_deviations(better: np.ndarray, worse: np.ndarray) -> float:
    """Return by how many standard deviations the first losses are less, over their channels."""
    difference = worse - better
    count = min(difference.size, MAX_INDEPENDENT)
    spread = float(difference.std())
    mean = float(difference.mean())
    if spread < 1e-12:
        return math.copysign(math.inf, mean) if abs(mean) > 1e-9 else 0.0
    return math.sqrt(count) * mean / spread
