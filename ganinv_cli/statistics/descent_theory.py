"""Gradient descent near its solution, by linear theory.

If the generator G is linear, z ← z − η ∇ mean((G(z) − x)²) multiplies the error along each
eigenvector of JᵀJ / values by 1 − 2ηλ (Nesterov 2018, *Lectures on Convex Optimization*, section
1.2.3). Here J = dG/dz at the true z, `values` is the number of values of a picture, λ is an
eigenvalue, and η is the rate for the mean over these values. Descent is stable if |1 − 2ηλ| < 1 in
each direction, that is η < 1/λ. Above this limit z stays at some distance from the solution,
because no generator is linear (Cohen et al. 2021, *Gradient Descent on Neural Networks Typically
Occurs at the Edge of Stability*). If halving brings the rate below the limit, descent may still
reach it.

Near z_true the error agrees with theory. From starts drawn from the prior it does not, because
the slow directions of J turn while z moves: most trials are slower than predicted, some are faster
(docs/solvers.md). So theory predicts the rate of the last phase alone.

Functions take eigenvalues float64 (points, latent) of JᵀJ / values, in any order; a point that is
NaN counts as not recovered.
"""

from typing import NamedTuple

import numpy as np

from ganinv_cli.statistics.averages import Booleans, Floats
from ganinv_cli.statistics.recovery import EPSILONS, is_recovered

AUTHORS_RATE = 1.0  # on the mean over a picture's values, halved every HALVE_EVERY updates
HALVE_EVERY = 50_000
DIGITS = 3  # of a stable rate, so that processors that round differently give the same
MAX_HALVINGS = 100  # after which the rate is practically 0 in float64


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


class Prediction(NamedTuple):
    """The predictions of linear theory for trials at random z and random starts."""

    points: int  # random z
    beyond: float  # share of z beyond the limit of stability at the first rate
    beyond_at_end: float  # the same at the last rate
    least: dict[str, float]  # ε -> share of trials below it, if all z beyond at first are lost
    most: dict[str, float]  # the same, if only z beyond at the end are lost


def find_stability_limit(eigenvalues: Floats) -> Floats:
    """Return the rate (points,) above which descent leaves each z; ∞ if J is 0."""
    largest = eigenvalues.max(axis=-1)
    without = np.where(np.isnan(largest), np.nan, np.inf)
    return np.asarray(np.divide(1, largest, out=without, where=largest > 0))


def find_stable_rate(eigenvalues: Floats) -> float:
    """Return 1/(2λ), half of the limit of stability, λ the largest eigenvalue at any point."""
    return float(f"{find_stability_limit(eigenvalues).min() / 2:.{DIGITS}g}")


def is_beyond_limit(eigenvalues: Floats, rate: float) -> Booleans:
    """Return the points (points,), as booleans, at which descent at this rate is unstable."""
    return np.asarray(~(rate < find_stability_limit(eigenvalues)))


def predict_errors(eigenvalues: Floats, start_components: Floats, schedule: Schedule) -> Floats:
    """Return ‖z − z_true‖² / latent (points, starts) after all updates, by the product of factors.

    `start_components` (points, starts, latent) are the squared components of z_start − z_true along
    the eigenvectors. Updates at an unstable rate do not change the error along that direction.
    """
    log_factors = np.zeros_like(eigenvalues)
    with np.errstate(divide="ignore"):  # log 0 = −∞: that direction is solved at once
        for rate, updates in schedule.list_phases():
            log_factors += updates * np.minimum(np.log(np.abs(1 - 2 * rate * eigenvalues)), 0)
    squares = np.exp(2 * log_factors)[:, None] * start_components
    return np.asarray(squares.mean(axis=-1))


def predict(eigenvalues: Floats, start_components: Floats, schedule: Schedule) -> Prediction:
    """Return the predicted shares of trials below each ε; see `predict_errors`."""
    errors = predict_errors(eigenvalues, start_components, schedule)
    phases = schedule.list_phases() or [(schedule.rate, 0)]
    at_first, at_end = (is_beyond_limit(eigenvalues, phases[place][0]) for place in (0, -1))
    return Prediction(
        len(eigenvalues),
        float(at_first.mean()),
        float(at_end.mean()),
        _count_recovered(errors, at_first | at_end),
        _count_recovered(errors, at_end),
    )


def _count_recovered(errors: Floats, lost: Booleans) -> dict[str, float]:
    """Return the share of trials (points, starts) below each ε that are not at a lost point."""
    found = np.where(lost[:, None], np.inf, errors)
    return {name: float(is_recovered(found, each).mean()) for name, each in EPSILONS.items()}
