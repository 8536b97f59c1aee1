"""Which trials recovered z, the interval of their share, and paired tests of two rules.

*Recovered at ε*: ‖z_found − z_true‖² / latent is below ε.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv

from ganinv_cli.results.statistics.arrays import Booleans, Floats, Integers
from ganinv_cli.results.statistics.bootstrap import RESAMPLES, Scalar, bootstrap, median

EPSILONS = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}  # of the paper's Table 1
POLISHED_EPSILON = 1e-20  # ε for z polished in float64
SIGNIFICANCE = 0.05  # p below which two rules differ


class ConfidenceInterval(NamedTuple):
    """A confidence interval of a share, both ends in [0, 1]."""

    low: float
    high: float


def is_recovered(z_error: Floats, epsilon: float) -> Booleans:
    """Return which trials (trials,) recovered z to within ε; those with a NaN error did not."""
    return np.asarray(z_error < epsilon)


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> ConfidenceInterval:
    """Return Clopper and Pearson's exact interval of a share, for at least one trial."""
    tail, failures = (1 - confidence) / 2, trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return ConfidenceInterval(float(low), float(high))


class McNemarResult(NamedTuple):
    """McNemar's exact test of two rules on the same trials."""

    trials: int  # run by both
    only_first: int  # recovered by the first rule alone
    only_second: int
    p: float  # two-sided; 1 if no trial differs


class WilcoxonResult(NamedTuple):
    """The difference of two rules' errors on the same trials; below 0 the first is closer."""

    trials: int  # run by both
    median_difference: float  # first − second, trial by trial; NaN without a trial
    low: float  # bootstrap interval of the median difference; NaN below two trials
    high: float
    p: float  # Wilcoxon's signed-rank test, two-sided; 1 if no trial differs


def match_trials(
    first_trials: Integers,
    first: NDArray[Scalar],
    second_trials: Integers,
    second: NDArray[Scalar],
) -> tuple[NDArray[Scalar], NDArray[Scalar]]:
    """Return the values of the trials that both rules ran, in the same order."""
    _, left, right = np.intersect1d(first_trials, second_trials, True, return_indices=True)
    return first[left], second[right]


def mcnemar(first: Booleans, second: Booleans) -> McNemarResult:
    """Test exactly whether two rules succeed equally often on the same trials (trials,)."""
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    # twice the tail of the binomial distribution with p = 1/2
    tail = bdtr(min(only_first, only_second), only_first + only_second, 0.5)
    p = min(1.0, 2 * float(tail))
    return McNemarResult(len(first), only_first, only_second, p)


def wilcoxon(
    first: Floats,
    second: Floats,
    *,
    resamples: int = RESAMPLES,
) -> WilcoxonResult:
    """Compare two rules' errors, (trials,) each, trial by trial.

    p is from Wilcoxon's signed-rank test (1945) that first − second is symmetric about 0.
    Differences of 0 are left out (`zero_method="wilcox"`). The test is exact for up to 50 other
    differences without ties and up to 13 with ties, and a normal approximation beyond.

    Failed trials count, otherwise failing would be an advantage: a NaN error is infinite, and two
    infinite errors do not differ.
    """
    left, right = _nan_to_infinity(first), _nan_to_infinity(second)
    difference = np.subtract(left, right, out=np.zeros(left.shape), where=left != right)
    band = bootstrap(difference, median, resamples=resamples)
    differing = difference[difference != 0]
    p = 1.0
    if len(differing):
        from scipy import stats  # here: slow to import

        p = float(stats.wilcoxon(differing).pvalue)
    middle = float(median(difference))
    return WilcoxonResult(len(difference), middle, float(band.low), float(band.high), p)


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's step-down p values in the given order: p₍ₖ₎ · (n − k + 1), made monotone.

    If no two rules differ, the probability that any of these tests is significant at some level is
    at most that level (Holm 1979). SciPy has no such correction.
    """
    tests, adjusted, largest = len(p), [0.0] * len(p), 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (tests - rank) * p[index]))
        adjusted[index] = largest
    return adjusted


def count_trials_needed(tests: int = 1) -> int:
    """Return the least number of trials with which one of several paired tests can be significant.

    If n trials all differ in one direction, McNemar's and Wilcoxon's p are 2^(1 − n), the least
    possible. Holm's correction multiplies the least p by the number of tests.
    """
    return math.floor(math.log2(tests / SIGNIFICANCE)) + 2


def _nan_to_infinity(errors: Floats) -> Floats:
    return np.where(np.isnan(errors), np.inf, errors.astype(np.float64))
