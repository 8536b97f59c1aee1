"""The range of ‖z‖ over draws from the prior."""

from functools import lru_cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from ganinv_cli.prior import Prior
from ganinv_cli.statistics.averages import Floats

OUTSIDE_SHARE = 1e-6  # share of draws with ‖z‖ outside the range, half of them on either side
_BINS = 2**16  # of Σ zᵢ², at least 64 for each component


@lru_cache(maxsize=64)
def find_norm_range(prior: Prior, latent: int) -> tuple[float, float]:
    """Return the ends of the range that holds ‖z‖ of all but OUTSIDE_SHARE of the draws.

    The distribution of one zᵢ², in bins, is convolved with itself by a fast Fourier transform. This
    gives the distribution of Σ zᵢ². Unlike the χ distribution, it respects the bounds of the prior.
    """
    bins = max(64, _BINS // latent)
    width = max(prior.low**2, prior.high**2) / (bins - 1)  # of a bin, whose number is its middle
    roots = np.sqrt(width * (np.arange(bins) + 0.5))
    shares = np.diff(prior.share_below(roots) - prior.share_below(-roots), prepend=0.0)
    cumulative = np.cumsum(_convolve(shares, latent))
    low = int(np.searchsorted(cumulative, OUTSIDE_SHARE / 2))
    high = int(np.searchsorted(cumulative, 1 - OUTSIDE_SHARE / 2))
    return float(np.sqrt(low * width)), float(np.sqrt(high * width))


def _convolve(probabilities: Floats, times: int) -> Floats:
    """Return the distribution of the sum of `times` independent draws of a bin's number."""
    length = next_fast_len(times * (len(probabilities) - 1) + 1, real=True)
    return np.asarray(np.maximum(irfft(rfft(probabilities, length) ** times, length), 0.0))
