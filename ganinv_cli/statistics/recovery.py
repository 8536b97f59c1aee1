"""Which trials recovered z, and the confidence interval of their share.

*Recovered at ε*: ‖z_found − z_true‖² / latent is below ε. *Elsewhere*: the trial converged by its
image loss, but z is not recovered at the smallest ε of the paper's table.
"""

from typing import NamedTuple

import numpy as np

from ganinv_cli.outcome import Outcome
from ganinv_cli.statistics.averages import Booleans, Floats, Integers

EPSILONS = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}  # of the paper's Table 1
SMALLEST_EPSILON = "1e-4"
EXACT_EPSILON = 1e-20  # ε for z refined in float64


class ConfidenceInterval(NamedTuple):
    """A confidence interval of a share, both ends in [0, 1]."""

    low: float
    high: float


def is_recovered(z_error: Floats, epsilon: float) -> Booleans:
    """Return which trials (trials,) recovered z to within ε; those with a NaN error did not."""
    return np.asarray(z_error < epsilon)


def is_elsewhere(z_error: Floats, outcome: Integers) -> Booleans:
    """Return which trials (trials,) converged to a z that is not recovered at the smallest ε."""
    return np.asarray(outcome == Outcome.converged) & ~is_recovered(
        z_error, EPSILONS[SMALLEST_EPSILON]
    )


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> ConfidenceInterval:
    """Return Clopper and Pearson's exact interval of a share, for at least one trial."""
    from scipy.stats import binomtest  # here: a third of the time of all imports but TensorFlow

    found = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return ConfidenceInterval(float(found.low), float(found.high))
