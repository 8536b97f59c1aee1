"""Which trials recovered z, how sure a share of them is, and whether two techniques differ.

*Recovered at ε*: ‖z_found − z_true‖² / latent is below ε. *Elsewhere*: the image loss converged,
yet z is not recovered at the smallest ε of the paper's table.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from ganinv_cli.outcome import Outcome

EPSILONS = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}  # of the paper's Table 1
SMALLEST = "1e-4"

Booleans = NDArray[np.bool_]
Floats = NDArray[np.floating]
Scalar = TypeVar("Scalar", bound=np.generic)


class Interval(NamedTuple):
    """Of a share, both ends in [0, 1]."""

    low: float
    high: float


class Paired(NamedTuple):
    """McNemar's exact test of two techniques on the same trials."""

    trials: int  # run by both
    only_first: int  # the first recovered them, the second did not
    only_second: int
    p: float  # two-sided; 1 when no trial tells the two apart


def recovered(z_error: Floats, epsilon: float) -> Booleans:
    """(trials,): whose z is right to within ε; an error that is not a number is not."""
    return np.asarray(z_error < epsilon)


def elsewhere(z_error: Floats, outcome: NDArray[np.integer]) -> Booleans:
    """(trials,): which converged by image loss, to a z not recovered at the smallest ε."""
    return np.asarray(outcome == Outcome.converged) & ~recovered(z_error, EPSILONS[SMALLEST])


def interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Clopper and Pearson's exact interval of a share; needs a trial."""
    found = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return Interval(float(found.low), float(found.high))


def mcnemar(first: Booleans, second: Booleans) -> Paired:
    """Exact test that two techniques, tried on the same trials, succeed equally often."""
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return Paired(len(first), only_first, only_second, p)


def shared(
    first_trials: NDArray[np.integer],
    first: NDArray[Scalar],
    second_trials: NDArray[np.integer],
    second: NDArray[Scalar],
) -> tuple[NDArray[Scalar], NDArray[Scalar]]:
    """The values of the trials that both have, in the same order."""
    _, left, right = np.intersect1d(first_trials, second_trials, True, return_indices=True)
    return first[left], second[right]


def carried(curves: Floats, ends: Floats) -> Floats:
    """(trials, points): each curve with its trial's end, (trials,), where it holds NaN.

    Without this a median over the trials would be that of those still running: the slow ones.
    """
    return np.asarray(np.where(np.isnan(curves), ends[:, None], curves))
