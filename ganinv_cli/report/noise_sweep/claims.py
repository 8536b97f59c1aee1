"""Does the error grow in proportion to the noise, and does one rule stand it better?"""

from collections.abc import Sequence
from functools import reduce
from itertools import combinations, compress

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.noise_sweep.numbers import COLUMN_PREFIXES, STATISTICS, Cell
from ganinv_cli.report.output.plain_numbers import finite_or_none
from ganinv_cli.report.report import Row

SMALL_VARIANCE = 0.01  # variance up to which noise counts as small
VARIANCE_RANGES = {"all": float("inf"), "small": SMALL_VARIANCE}


def fit_slopes(cells: Sequence[Cell]) -> list[Row]:
    """One a rule, way of counting, statistic and range of variances that has a slope."""
    return [
        row
        for technique in dict.fromkeys(cell.rule for cell in cells)
        for counted in COLUMN_PREFIXES
        for statistic in STATISTICS
        for over in VARIANCE_RANGES
        if (row := _fit_slope(cells, technique, counted, statistic, over))
    ]


def _fit_slope(
    cells: Sequence[Cell], rule: str, counting: str, statistic: str, range_name: str
) -> Row | None:
    """Of the statistic's logarithm against the variance's, over the trials run at every variance.

    A variance of 0 has no logarithm and is left out.
    """
    used = [c for c in cells if c.rule == rule and 0 < c.variance <= VARIANCE_RANGES[range_name]]
    if len(used) < 2:
        return None
    trials = reduce(np.intersect1d, [cell.group["trial"] for cell in used])
    errors = np.stack([c.errors(counting)[np.isin(c.group["trial"], trials)] for c in used], axis=1)
    variances = np.array([cell.variance for cell in used])
    found = statistics.fit_slope(variances, errors, STATISTICS[statistic])
    if found is None:
        return None
    return {
        "technique": rule,
        "counted": counting,
        "statistic": statistic,
        "over": range_name,
        "variances": found.variances,
        "least_variance": used[0].variance,
        "largest_variance": used[-1].variance,
        "trials": len(errors),
        "slope": finite_or_none(found.slope),
        "interval": [finite_or_none(found.low), finite_or_none(found.high)],
    }


def compare_rules(cells: Sequence[Cell]) -> list[Row]:
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
    apart = [any(cell.changed_by_restarts for cell in pair) for pair in pairs]
    best = [_compare_pair("with_restarts", *pair) for pair in pairs]
    first = [
        _compare_pair("first_start", *pair) if differs else row
        for row, pair, differs in zip(best, pairs, apart, strict=True)
    ]
    return [*compress(_correct_p_values(first), apart), *_correct_p_values(best)]


def _correct_p_values(tests: list[Row]) -> list[Row]:
    adjusted = holm([row["p"] for row in tests])
    return [row | {"p_holm": p} for row, p in zip(tests, adjusted, strict=True)]


def _compare_pair(counting: str, first: Cell, second: Cell) -> Row:
    left, right = statistics.match_trials(
        first.group["trial"],
        first.errors(counting),
        second.group["trial"],
        second.errors(counting),
    )
    found = statistics.compare_errors(left, right)
    return {
        "variance": first.variance,
        "counted": counting,
        "first": first.rule,
        "second": second.rule,
        "trials": len(left),
        "median_difference": finite_or_none(found.median_difference),
        "interval": [finite_or_none(found.low), finite_or_none(found.high)],
        "first_nearer": int(np.sum(left < right)),
        "second_nearer": int(np.sum(left > right)),
        "p": finite_or_none(found.p),
    }


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down p values, in the order given: the k-th least times the tests from it on."""
    tests, adjusted, largest = len(p), [0.0] * len(p), 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (tests - rank) * p[index]))
        adjusted[index] = largest
    return adjusted
