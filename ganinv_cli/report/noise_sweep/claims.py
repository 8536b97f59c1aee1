"""Does the error grow in proportion to the noise, and does one rule stand it better?"""

from collections.abc import Sequence
from functools import reduce
from itertools import combinations, compress

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.noise_sweep.numbers import COUNTED, STATISTICS, Cell
from ganinv_cli.report.output.plain_numbers import finite
from ganinv_cli.report.report import Row

SMALL = 0.01  # variance up to which noise counts as small
RANGES = {"all": float("inf"), "small": SMALL}


def slopes(cells: Sequence[Cell]) -> list[Row]:
    """One a rule, way of counting, statistic and range of variances that has a slope."""
    return [
        row
        for technique in dict.fromkeys(cell.technique for cell in cells)
        for counted in COUNTED
        for statistic in STATISTICS
        for over in RANGES
        if (row := _slope(cells, technique, counted, statistic, over))
    ]


def _slope(
    cells: Sequence[Cell], technique: str, counted: str, statistic: str, over: str
) -> Row | None:
    """Of the statistic's logarithm against the variance's, over the trials run at every variance.

    A variance of 0 has no logarithm and is left out.
    """
    used = [c for c in cells if c.technique == technique and 0 < c.variance <= RANGES[over]]
    if len(used) < 2:
        return None
    trials = reduce(np.intersect1d, [cell.group["trial"] for cell in used])
    errors = np.stack([c.errors(counted)[np.isin(c.group["trial"], trials)] for c in used], axis=1)
    variances = np.array([cell.variance for cell in used])
    found = statistics.slope(variances, errors, STATISTICS[statistic])
    if found is None:
        return None
    return {
        "technique": technique,
        "counted": counted,
        "statistic": statistic,
        "over": over,
        "variances": found.variances,
        "least_variance": used[0].variance,
        "largest_variance": used[-1].variance,
        "trials": len(errors),
        "slope": finite(found.slope),
        "interval": [finite(found.low), finite(found.high)],
    }


def comparisons(cells: Sequence[Cell]) -> list[Row]:
    """One a variance, way of counting and pair of rules with trials in common.

    First starts that ended as with restarts are the same test, and not listed again. `p_holm` is p
    after Holm's correction (Holm 1979) for all tests of one way of counting, those that are the
    same among them: the chance that any of these is called significant at some level, though no
    two rules differ, is at most that level.
    """
    pairs = [
        pair
        for variance in dict.fromkeys(cell.variance for cell in cells)
        for pair in combinations([c for c in cells if c.variance == variance], 2)
        if np.isin(pair[0].group["trial"], pair[1].group["trial"]).any()
    ]
    apart = [any(cell.restarted for cell in pair) for pair in pairs]
    best = [_comparison("with_restarts", *pair) for pair in pairs]
    first = [
        _comparison("first_start", *pair) if differs else row
        for row, pair, differs in zip(best, pairs, apart, strict=True)
    ]
    return [*compress(_corrected(first), apart), *_corrected(best)]


def _corrected(tests: list[Row]) -> list[Row]:
    adjusted = holm([row["p"] for row in tests])
    return [row | {"p_holm": p} for row, p in zip(tests, adjusted, strict=True)]


def _comparison(counted: str, first: Cell, second: Cell) -> Row:
    left, right = statistics.shared(
        first.group["trial"],
        first.errors(counted),
        second.group["trial"],
        second.errors(counted),
    )
    found = statistics.compared(left, right)
    return {
        "variance": first.variance,
        "counted": counted,
        "first": first.technique,
        "second": second.technique,
        "trials": len(left),
        "median_difference": finite(found.median_difference),
        "interval": [finite(found.low), finite(found.high)],
        "first_nearer": int(np.sum(left < right)),
        "second_nearer": int(np.sum(left > right)),
        "p": finite(found.p),
    }


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down p values, in the order given: the k-th least times the tests from it on."""
    tests, adjusted, largest = len(p), [0.0] * len(p), 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (tests - rank) * p[index]))
        adjusted[index] = largest
    return adjusted
