"""Errors of z at the end of gradient descent, from those on the way.

Linear theory (descent_theory.py) fails on the way, because the slow directions of J turn while z
moves. But after some 10,000 updates the error of z falls by a steady factor, so its logarithm is
extrapolated along a line through two points. An update counts by its rate: after a halving, half.
"""

import numpy as np

from ganinv_cli.statistics.averages import Floats
from ganinv_cli.statistics.descent_theory import Schedule

POINTS = (10_000, 20_000)  # updates, between which the factor is read


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
