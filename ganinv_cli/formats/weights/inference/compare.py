"""How well measured moments fit stored ones, and whether one hypothesis fits better than another.

Stored statistics come from a few batches, so they differ from exact ones by chance, differently for
each channel. All variances may be slightly low, because the mean of each batch was subtracted. Two
hypotheses are compared channel by channel (Vuong 1989): z = √n · mean(d) / σ(d), with d the
difference of their losses in a channel.
"""

import math

import numpy as np

from ganinv_cli.formats.weights.inference.measure import Moments

TOLERANCE = 0.05  # difference of a channel's moments that chance explains
LOW_VARIANCE = 0.07  # relative; batches of 16 with equal pixels underestimate variances by this
HIGH_VARIANCE = (
    0.02  # relative; variances from before the last training steps may be so much higher
)
CLEARLY = 4.0  # z above which one hypothesis fits better
MAX_INDEPENDENT = 64  # channels that count as independent: all come from the same batches


def compute_losses(moments: Moments) -> np.ndarray:
    """Return the loss of each channel, ln(1 + (v/t)²) + ln(1 + (m/t)²), with tolerance t.

    v and m are as in `_compute_deviations`. Channels without variance have the largest loss.
    """
    known, ratio, shift = _compute_deviations(moments)
    losses = np.log1p((ratio / TOLERANCE) ** 2) + np.log1p((shift / TOLERANCE) ** 2)
    return np.where(known, losses, 0.0)


def compute_misfit(moments: Moments) -> float:
    """Return the discrepancy beyond what small batches explain; NaN if no channel varies."""
    known, ratio, shift = _compute_deviations(moments)
    if not known.any():
        return math.nan
    return float(np.median(np.abs(ratio[known])) + np.median(np.abs(shift[known])))


def _compute_deviations(moments: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which channels vary, v and m, each (channels,).

    v is the log ratio of the variances, minus the part that all channels share and that small
    batches explain; m is the difference of the means in standard deviations.
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
    """Return the number of standard deviations by which the first losses are lower on average."""
    difference = worse - better
    count = min(difference.size, MAX_INDEPENDENT)
    spread = float(difference.std())
    mean = float(difference.mean())
    if spread < 1e-12:
        return math.copysign(math.inf, mean) if abs(mean) > 1e-9 else 0.0
    return math.sqrt(count) * mean / spread
