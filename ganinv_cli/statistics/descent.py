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

from typing import NamedTuple

import numpy as np

from ganinv_cli.statistics.averages import Floats

AUTHORS_RATE = 1.0  # on the mean over a picture's values, halved every HALVE_EVERY updates
HALVE_EVERY = 50_000
DIGITS = 3  # of a stable rate, so that processors that round differently give the same
MAX_HALVINGS = 100  # after which the rate is practically 0 in float64
POINTS = (10_000, 20_000)  # updates, between which the factor is read


class Schedule(NamedTuple):
    """The rates of a run of descent."""

    rate: float  # at first, on the mean over a picture's values
    updates: int
    halve_every: int = HALVE_EVERY  # updates; 0: never

    def list_phases(self) -> list[tuple[float, int]]:
        """Return each rate and the number of updates at it."""
        length = self.halve_every or max(self.updates, 1)
        starts = range(0, min(self.updates, MAX_HALVINGS * length), length)
        return [
            (self.rate * 0.5**number, min(length, self.updates - start))
            for number, start in enumerate(starts)
        ]


def find_stable_rate(eigenvalues: Floats) -> float:
    """Return 1/(2λ), half of the limit of stability, λ the largest of (points, latent)."""
    return float(f"{1 / (2 * eigenvalues.max()):.{DIGITS}g}")


def extrapolate_errors(first: Floats, second: Floats, schedule: Schedule) -> Floats:
    """Return ‖z − z_true‖² / latent (trials,) after all updates of a schedule.

    `first` and `second` are the errors (trials,) after POINTS. An error that does not fall between
    them stays as it is: that trial has stopped, or the rate is too large for it.
    """
    reached = _count_updates(schedule._replace(updates=POINTS[1]))
    step = reached - _count_updates(schedule._replace(updates=POINTS[0]))
    remaining = (_count_updates(schedule) - reached) / step
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.minimum(second / first, 1)
    return np.asarray(second * np.nan_to_num(factor, nan=1.0) ** remaining)


def _count_updates(schedule: Schedule) -> float:
    """Return the number of updates, each in units of one at the first rate."""
    return sum(rate / schedule.rate * updates for rate, updates in schedule.list_phases())
