"""Whether recoveries of one image agree: how far apart they lie, how many minima they are.

A distance is the paper's: ‖zᵢ − zⱼ‖₂ / latent, not squared.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform
from scipy.special import erf

from ganinv_cli.statistics.arrays import Booleans, Floats, Integers


class Spread(NamedTuple):
    """Of the distances between pairs of recoveries; NaN without a pair."""

    pairs: int
    mean: float  # E‖zᵢ − zⱼ‖₂ / latent, of the paper's Table 2
    median: float
    mean_squared: float  # E‖zᵢ − zⱼ‖₂² / latent


def pairwise(z: Floats) -> Floats:
    """‖zᵢ − zⱼ‖₂ / latent of the rows of z (n, latent), in float64: (n(n − 1)/2,).

    In the order of `scipy.spatial.distance.squareform`, which gives them as (n, n). From
    differences: ‖zᵢ‖² + ‖zⱼ‖² − 2 zᵢᵀzⱼ would lose distances below about 1e-8 to rounding.
    """
    return np.asarray(pdist(z) / z.shape[1])


def spread(distances: Floats, latent: int) -> Spread:
    """What the distances of `pairwise`, (pairs,), come to."""
    if not len(distances):
        return Spread(0, np.nan, np.nan, np.nan)
    squared = float(np.mean(distances**2)) * latent  # (‖·‖ / latent)² · latent = ‖·‖² / latent
    return Spread(len(distances), float(np.mean(distances)), float(np.median(distances)), squared)


def baseline(latent: int, low: float = -1.0, high: float = 1.0) -> float:
    """E‖u − v‖₂ / latent of independent u, v, uniform in [low, high]^latent: .0815 for 100.

    With S = ‖u − v‖² and w = high − low, E√S = 1/(2√π) ∫₀^∞ (1 − E e^(−tS)) t^(−3/2) dt, which is
    w/√π ∫₀^∞ (1 − g(a)^latent) / a² da, g(a) = E e^(−(ad)²) of one component's difference d / w.
    """
    scale = np.sqrt(6 / latent)  # where g(a)^latent ≈ e^(−latent a²/6) falls
    rising, _ = quad(_missing, 0, scale, args=(latent,))
    falling, _ = quad(_missing, scale, np.inf, args=(latent,))
    return float((high - low) / np.sqrt(np.pi) * (rising + falling) / latent)


def clusters(z: Floats, tolerance: float) -> Integers:
    """(n,): which minimum each row of z (n, latent) belongs to, 0 the largest.

    Two belong together when steps from row to row, each shorter than the tolerance (in the paper's
    distance), lead from one to the other. Clusters of one size come in the order of their first
    members. A row that is not finite is a cluster of its own.
    """
    if not len(z):
        return np.zeros(0, np.int64)
    near = csr_array(squareform(pairwise(z) < tolerance))
    _, labels = connected_components(near, directed=False)
    _, firsts, members, sizes = np.unique(labels, True, True, True)
    order = np.lexsort((firsts, -sizes))
    return np.asarray(np.argsort(order)[members])


def reached(losses: Floats, share: float = 1e-3, floor: float = 0.0) -> Booleans:
    """(n,): whose image loss is the least of all to within that share of it, or at most `floor`.

    The floor, in units of the loss, is what is as good as 0: of a least loss near 0 a share is
    nothing. A loss that is not finite has not reached it.
    """
    finite = np.isfinite(losses)
    least = float(np.min(losses, initial=np.inf, where=finite))
    return np.asarray(finite & (losses <= max((1 + share) * least, floor)))


def _missing(a: float, latent: int) -> float:
    """(1 − g(a)^latent) / a², g(a) = ∫ (1 − |d|) e^(−(ad)²) dd over [−1, 1]."""
    if a < 0.02:  # where the closed form cancels: 1 − a²/6 + a⁴/30 − a⁶/168
        less = -(a**2) / 6 + a**4 / 30 - a**6 / 168
    else:
        less = np.sqrt(np.pi) * erf(a) / a + np.expm1(-(a**2)) / a**2 - 1
    return float(-np.expm1(latent * np.log1p(less)) / a**2)
