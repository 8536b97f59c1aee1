"""Whether two techniques differ, from trials that both ran."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, wilcoxon

from ganinv_cli.statistics.averages import Booleans, Floats, Integers, Scalar, median
from ganinv_cli.statistics.bootstrap import CONFIDENCE, RESAMPLES, bootstrap


class McNemarResult(NamedTuple):
    """McNemar's exact test of two techniques on the same trials."""

    trials: int  # run by both
    only_first: int  # the first recovered them, the second did not
    only_second: int
    p: float  # two-sided; 1 when no trial tells the two apart


class Comparison(NamedTuple):
    """Of two techniques' errors on the same trials; below 0 the first is the closer one."""

    trials: int  # run by both
    median_difference: float  # first − second, trial by trial; NaN without a trial
    low: float  # bootstrap interval of the median difference; NaN below two trials
    high: float
    p: float  # Wilcoxon's signed ranks, two-sided; 1 when no trial tells the two apart


def match_trials(
    first_trials: Integers,
    first: NDArray[Scalar],
    second_trials: Integers,
    second: NDArray[Scalar],
) -> tuple[NDArray[Scalar], NDArray[Scalar]]:
    """The values of the trials that both have, in the same order."""
    _, left, right = np.intersect1d(first_trials, second_trials, True, return_indices=True)
    return first[left], second[right]


def mcnemar(first: Booleans, second: Booleans) -> McNemarResult:
    """Exact test that two techniques, tried on the same trials, succeed equally often."""
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemarResult(len(first), only_first, only_second, p)


def compare_errors(
    first: Floats,
    second: Floats,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """How much two techniques' errors, (trials,) each, differ trial by trial.

    p is that of Wilcoxon's signed-rank test (1945) that first − second lies symmetrically about 0.
    Differences of 0 are left out of it, as by Wilcoxon (`zero_method="wilcox"`); it is exact up to
    50 of the others without ties and up to 13 with them, else its normal approximation.

    A trial that failed is not left out, or failing would be rewarded: an error that is not a
    number counts as infinite, and two that are infinite do not differ.
    """
    difference = _subtract(_nan_to_infinity(first), _nan_to_infinity(second))
    band = bootstrap(difference, median, seed=seed, resamples=resamples, confidence=confidence)
    differing = difference[difference != 0]
    p = float(wilcoxon(differing).pvalue) if len(differing) else 1.0
    middle = float(median(difference))
    return Comparison(len(difference), middle, float(band.low), float(band.high), p)


def _nan_to_infinity(errors: Floats) -> Floats:
    return np.where(np.isnan(errors), np.inf, errors.astype(np.float64))


def _subtract(first: Floats, second: Floats) -> Floats:
    """First − second, 0 where they are the same: ∞ − ∞ too."""
    return np.subtract(first, second, out=np.zeros(first.shape), where=first != second)
