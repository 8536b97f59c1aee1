"""Gradient descent on the mean over a picture's values: its stable rate, and where it will end.

If the generator G is linear, z ← z − η ∇ mean((G(z) − x)²) multiplies the error along each
eigenvector of JᵀJ / values by 1 − 2ηλ (Nesterov 2018, *Lectures on Convex Optimization*, section
1.2.3). Here J = dG/dz at the true z, `values` is the number of values of a picture, λ is an
eigenvalue, and η is the rate. Descent is stable if |1 − 2ηλ| < 1 in each direction, that is
η < 1/λ. Above this limit z stays at some distance from the solution (Cohen et al. 2021, *Gradient
Descent on Neural Networks Typically Occurs at the Edge of Stability*).

On the way the product of these factors predicts too much, because the slow directions of J turn
while z moves. But after some 10,000 updates the error of z falls by a steady factor, so its
logarithm is extrapolated along a line through two points.
"""

import numpy as np

from ganinv_cli.statistics.averages import Floats

AUTHORS_RATE = 1.0  # on the mean over a picture's values, halved every HALVE_EVERY updates
HALVE_EVERY = 50_000
DIGITS = 3  # of a stable rate, so that processors that round differently give the same
POINTS = (10_000, 20_000)  # updates, between which the factor is read


def find_stable_rate(eigenvalues: Floats) -> float:
    """Return 1/(2λ), half of the limit of stability, λ the largest of (points, latent)."""
    return float(f"{1 / (2 * eigenvalues.max()):.{DIGITS}g}")


def extrapolate_errors(first: Floats, second: Floats, updates: int, halve_every: int) -> Floats:
    """Return ‖z − z_true‖² / latent (trials,) after so many updates.

    `first` and `second` are the errors (trials,) after POINTS. The rate is halved every
    `halve_every` updates, never if that is 0. An error that does not fall between POINTS stays as
    it is: that trial has stopped, or the rate is too large for it.
    """
    begun, reached, end = (_weigh_updates(each, halve_every) for each in (*POINTS, updates))
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.minimum(second / first, 1)
    remaining = (end - reached) / (reached - begun)
    return np.asarray(second * np.nan_to_num(factor, nan=1.0) ** remaining)


def _weigh_updates(updates: int, halve_every: int) -> float:
    """Return the number of updates, each in units of one at the first rate."""
    if not halve_every:
        return updates
    halvings, rest = divmod(updates, halve_every)
    last_rate = 0.5**halvings  # over the first
    return 2 * halve_every * (1 - last_rate) + rest * last_rate
