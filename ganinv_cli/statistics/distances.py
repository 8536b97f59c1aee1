"""Whether recoveries of one image agree: how far apart they lie, how many minima they are.

A distance is the paper's: ‖zᵢ − zⱼ‖₂ / latent, not squared. Under different labels of a conditional
generator z means different things, so there is none between them.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform
from scipy.special import erf

from ganinv_cli.prior import Normal, Prior, Uniform
from ganinv_cli.statistics.averages import Booleans, Floats, Integers

_PAPER_PRIOR = Uniform()
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(60)  # for an integral over [−1, 1]


class DistanceSummary(NamedTuple):
    """Of the distances between pairs of recoveries; NaN without a pair."""

    pairs: int
    mean: float  # E‖zᵢ − zⱼ‖₂ / latent, of the paper's Table 2
    median: float
    mean_squared: float  # E‖zᵢ − zⱼ‖₂² / latent


def pairwise_distances(z: Floats, labels: Integers | None = None) -> Floats:
    """‖zᵢ − zⱼ‖₂ / latent of the rows of z (n, latent), in float64: (n(n − 1)/2,).

    In the order of `scipy.spatial.distance.squareform`, which gives them as (n, n); where there are
    `labels`, (n,), only of the pairs that have the same one. From differences:
    ‖zᵢ‖² + ‖zⱼ‖² − 2 zᵢᵀzⱼ would lose distances below about 1e-8 to rounding.
    """
    distances = np.asarray(pdist(z) / z.shape[1])
    return distances if labels is None else distances[pdist(labels[:, None]) == 0]


def summarize_distances(distances: Floats, latent: int) -> DistanceSummary:
    """What the distances of `pairwise`, (pairs,), come to."""
    if not len(distances):
        return DistanceSummary(0, np.nan, np.nan, np.nan)
    squared = float(np.mean(distances**2)) * latent  # (‖·‖ / latent)² · latent = ‖·‖² / latent
    return DistanceSummary(
        len(distances), float(np.mean(distances)), float(np.median(distances)), squared
    )


def expected_distance(latent: int, prior: Prior = _PAPER_PRIOR) -> float:
    """E‖u − v‖₂ / latent of independent draws u, v from the prior: .0815 for 100 uniform ones.

    With S = ‖u − v‖² and w = high − low, E√S = 1/(2√π) ∫₀^∞ (1 − E e^(−tS)) t^(−3/2) dt, which is
    w/√π ∫₀^∞ (1 − g(a)^latent) / a² da, g(a) = E e^(−(ad)²) of one component's difference d / w.
    """
    scale = np.sqrt(6 / latent)  # about where g(a)^latent falls, as e^(−latent a²/6) if uniform
    rising, _ = quad(_integrand, 0, scale, args=(latent, prior))
    falling, _ = quad(_integrand, scale, np.inf, args=(latent, prior))
    return float((prior.high - prior.low) / np.sqrt(np.pi) * (rising + falling) / latent)


def assign_clusters(z: Floats, tolerance: float, labels: Integers | None = None) -> Integers:
    """(n,): which minimum each row of z (n, latent) belongs to, 0 the largest.

    Two belong together when steps from row to row, each shorter than the tolerance (in the paper's
    distance), lead from one to the other; where there are `labels`, (n,), only if they have the
    same one. Clusters of one size come in the order of their first members. A row that is not
    finite is a cluster of its own.
    """
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
    """(n,): whose image loss is the least of all to within that share of it, or at most `floor`.

    The floor, in units of the loss, is what is as good as 0: of a least loss near 0 a share is
    nothing. A loss that is not finite has not reached it.
    """
    finite = np.isfinite(losses)
    least = float(np.min(losses, initial=np.inf, where=finite))
    return np.asarray(finite & (losses <= max((1 + rtol) * least, atol)))


def _integrand(a: float, latent: int, prior: Prior) -> float:
    """(1 − g(a)^latent) / a²."""
    less = _normal_g_minus_1(a, prior) if isinstance(prior, Normal) else _uniform_g_minus_1(a)
    return float(-np.expm1(latent * np.log1p(less)) / a**2)


def _uniform_g_minus_1(a: float) -> float:
    """g(a) − 1, g(a) = ∫ (1 − |d|) e^(−(ad)²) dd over [−1, 1]."""
    if a < 0.02:  # where the closed form cancels: 1 − a²/6 + a⁴/30 − a⁶/168
        return -(a**2) / 6 + a**4 / 30 - a**6 / 168
    return float(np.sqrt(np.pi) * erf(a) / a + np.expm1(-(a**2)) / a**2 - 1)


def _normal_g_minus_1(a: float, prior: Normal) -> float:
    """g(a) − 1 = ∫ p(d) (e^(−(ad)²) − 1) dd over [0, 1].

    For h = high / σ, the size of the difference d has the density
    p(d) = 2h e^(−(hd)²) erf(h(1 − d)) / (√π erf(h/√2)²): the product of two normal densities is
    one of their mean, which the bounds cut, times one of their difference.
    """
    h = prior.high / prior.sigma
    narrow = min(1.0, 6 / a)  # e^(−(ad)²) is nothing beyond
    total = 0.0
    for low, high in ((0.0, narrow), (narrow, 1.0)):
        d = low + (high - low) * (1 + _NODES) / 2
        density = 2 * h * np.exp(-((h * d) ** 2)) * erf(h * (1 - d))
        density /= np.sqrt(np.pi) * erf(h / np.sqrt(2)) ** 2
        total += (high - low) / 2 * float(_WEIGHTS @ (density * np.expm1(-((a * d) ** 2))))
    return total
