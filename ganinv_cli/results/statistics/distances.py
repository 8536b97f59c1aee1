"""Agreement of the recoveries of one image: distances, clusters, and the lengths of draws.

The distance is the paper's: ‖zᵢ − zⱼ‖₂ / latent, not squared. It is not defined between z of
different labels of a conditional generator.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import erf

from ganinv_cli.prior import Normal, Prior, Uniform
from ganinv_cli.results.statistics.arrays import Booleans, Floats, Integers

OUTSIDE_SHARE = 1e-6  # share of draws with ‖z‖ outside its range, half of them on either side
_BINS = 2**16  # of Σ zᵢ², at least 64 for each component
_PAPER_PRIOR = Uniform()
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(60)  # for an integral over [−1, 1]


def pairwise_distances(z: Floats, labels: Integers | None = None) -> Floats:
    """Return ‖zᵢ − zⱼ‖₂ / latent for all pairs of rows of z (n, latent): float64 (n(n − 1)/2,).

    The order is as in `scipy.spatial.distance.squareform`. With `labels` (n,), only pairs with
    equal labels are returned. Distances are computed from differences, because with
    ‖zᵢ‖² + ‖zⱼ‖² − 2 zᵢᵀzⱼ rounding would hide distances below about 1e-8.
    """
    from scipy.spatial.distance import pdist  # here: slow to import

    distances = np.asarray(pdist(z) / z.shape[1])
    return distances if labels is None else distances[pdist(labels[:, None]) == 0]


@lru_cache(maxsize=64)
def expected_distance(latent: int, prior: Prior = _PAPER_PRIOR) -> float:
    """Return E‖u − v‖₂ / latent of independent draws u, v from the prior (uniform, 100: .0815).

    With S = ‖u − v‖² and w = high − low, E√S = 1/(2√π) ∫₀^∞ (1 − E e^(−tS)) t^(−3/2) dt, which is
    w/√π ∫₀^∞ (1 − g(a)^latent) / a² da, g(a) = E e^(−(ad)²) of one component's difference d / w.
    """
    from scipy.integrate import quad  # here: slow to import

    scale = np.sqrt(6 / latent)  # about the a at which g(a)^latent ≈ e^(−latent a²/6) falls
    rising, _ = quad(_integrand, 0, scale, args=(latent, prior))
    falling, _ = quad(_integrand, scale, np.inf, args=(latent, prior))
    return float((prior.high - prior.low) / np.sqrt(np.pi) * (rising + falling) / latent)


def assign_clusters(z: Floats, tolerance: float, labels: Integers | None = None) -> Integers:
    """Return the number of the cluster (n,) of each row of z (n, latent), 0 the largest.

    Single linkage: rows closer than the tolerance, in the paper's distance, are in one cluster;
    with `labels` (n,), only if their labels are equal. Clusters of equal size are in the order of
    their first members. A row that is not finite is a cluster of its own.
    """
    from scipy.sparse import csr_array  # here: slow to import
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial.distance import squareform

    if not len(z):
        return np.zeros(0, np.int64)
    near = squareform(pairwise_distances(z) < tolerance)
    if labels is not None:
        near &= labels[:, None] == labels
    _, members = connected_components(csr_array(near), directed=False)
    _, firsts, members, sizes = np.unique(members, True, True, True)
    order = np.lexsort((firsts, -sizes))
    return np.asarray(np.argsort(order)[members])


def is_lowest(losses: Floats, rtol: float = 1e-3, atol: float = 0.0) -> Booleans:
    """Return which image losses (n,) are at most (1 + rtol) times the least, or at most `atol`.

    `atol`, in units of the loss, is needed if the least loss is about 0. A loss that is not finite
    never counts.
    """
    finite = np.isfinite(losses)
    least = float(np.min(losses, initial=np.inf, where=finite))
    return np.asarray(finite & (losses <= max((1 + rtol) * least, atol)))


@lru_cache(maxsize=64)
def find_norm_range(prior: Prior, latent: int) -> tuple[float, float]:
    """Return the ends of the range that holds ‖z‖ of all but OUTSIDE_SHARE of the draws.

    The distribution of one zᵢ², in bins, is convolved with itself by a fast Fourier transform. This
    gives the distribution of Σ zᵢ². Unlike the χ distribution, it respects the bounds of the prior.
    A prior of draws that are not independent states its own range.
    """
    if isinstance(prior, Normal) and prior.lengths:
        return prior.lengths
    bins = max(64, _BINS // latent)
    width = max(prior.low**2, prior.high**2) / (bins - 1)  # of a bin, whose number is its middle
    roots = np.sqrt(width * (np.arange(bins) + 0.5))
    shares = np.diff(prior.share_below(roots) - prior.share_below(-roots), prepend=0.0)
    cumulative = np.cumsum(_convolve(shares, latent))
    low = int(np.searchsorted(cumulative, OUTSIDE_SHARE / 2))
    high = int(np.searchsorted(cumulative, 1 - OUTSIDE_SHARE / 2))
    return float(np.sqrt(low * width)), float(np.sqrt(high * width))


def _integrand(a: float, latent: int, prior: Prior) -> float:
    """Return (1 − g(a)^latent) / a², g(a) − 1 = ∫ p(d) (e^(−(ad)²) − 1) dd over [0, 1]."""
    narrow = min(1.0, 6 / a)  # e^(−(ad)²) is negligible beyond
    less = 0.0
    for low, high in ((0.0, narrow), (narrow, 1.0)):
        d = low + (high - low) * (1 + _NODES) / 2
        values = _find_density(d, prior) * np.expm1(-((a * d) ** 2))
        less += (high - low) / 2 * float(_WEIGHTS @ values)
    return float(-np.expm1(latent * np.log1p(less)) / a**2)


def _find_density(d: Floats, prior: Prior) -> Floats:
    """Return p(d) of the size d of a component's difference of two draws, over high − low.

    It is 2 (1 − d) for a uniform prior. For a normal one, with h = high / σ, it is
    2h e^(−(hd)²) erf(h(1 − d)) / (√π erf(h/√2)²): the product of two normal densities is a density
    of their mean, which the bounds limit, times a density of their difference.
    """
    if not isinstance(prior, Normal):
        return 2 * (1 - d)
    h = prior.high / prior.sigma
    density = 2 * h * np.exp(-((h * d) ** 2)) * erf(h * (1 - d))
    return np.asarray(density / (np.sqrt(np.pi) * erf(h / np.sqrt(2)) ** 2))


def _convolve(probabilities: Floats, times: int) -> Floats:
    """Return the distribution of the sum of `times` independent draws of a bin's number."""
    length = next_fast_len(times * (len(probabilities) - 1) + 1, real=True)
    return np.asarray(np.maximum(irfft(rfft(probabilities, length) ** times, length), 0.0))
