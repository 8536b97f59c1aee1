"""Tests of the paper's two claims: error in proportion to noise, and one rule more robust."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations, compress

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.noise_sweep.numbers import COLUMN_PREFIXES, STATISTICS, Cell
from ganinv_cli.report.rows import Interval, TableRow, finite_or_none
from ganinv_cli.report.shared.actions import SameRow, count_same_trials

SMALL_VARIANCE = 0.01  # variance up to which noise counts as small
VARIANCE_RANGES = {"all": float("inf"), "small": SMALL_VARIANCE}


@dataclass(frozen=True, kw_only=True)
class SlopeRow(TableRow):
    """The slope of log error against log variance; 1 is growth in proportion to the noise."""

    technique: str  # the rule's name
    counted: str  # the way of counting
    statistic: str  # of STATISTICS, over the trials at each variance
    over: str  # of VARIANCE_RANGES
    variances: int  # that the slope is fitted to
    least_variance: float
    largest_variance: float
    trials: int  # run at every variance
    slope: float | None
    interval: Interval  # 95 %, bootstrap over the trials


@dataclass(frozen=True, kw_only=True)
class ComparisonRow(TableRow):
    """Wilcoxon's signed-rank test of two rules on the same trials at one variance."""

    variance: float
    counted: str  # the way of counting
    first: str  # a rule's name
    second: str
    trials: int  # run with both rules
    median_difference: float | None  # error of the first rule less that of the second
    interval: Interval
    first_nearer: int  # trials in which the first rule has the smaller error
    second_nearer: int
    p: float | None
    p_holm: float  # corrected for all tests of one way of counting


def fit_slopes(cells: Sequence[Cell]) -> list[SlopeRow]:
    """Return a row per rule, way of counting, statistic and range of variances with a slope."""
    return [
        row
        for rule in dict.fromkeys(cell.rule for cell in cells)
        for counting in COLUMN_PREFIXES
        for statistic in STATISTICS
        for range_name in VARIANCE_RANGES
        if (row := _fit_slope(cells, rule, counting, statistic, range_name))
    ]


def _fit_slope(
    cells: Sequence[Cell], rule: str, counting: str, statistic: str, range_name: str
) -> SlopeRow | None:
    """Return the log-log slope of the statistic over the trials run at every variance, or None.

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
    return SlopeRow(
        technique=rule,
        counted=counting,
        statistic=statistic,
        over=range_name,
        variances=found.variances,
        least_variance=used[0].variance,
        largest_variance=used[-1].variance,
        trials=len(errors),
        slope=finite_or_none(found.slope),
        interval=(finite_or_none(found.low), finite_or_none(found.high)),
    )


def find_same_rules(cells: Sequence[Cell]) -> list[SameRow]:
    """Return the pairs of rules that did the same in every trial at a variance."""
    return [
        SameRow(
            counted=counting,
            variance=first.variance,
            first=first.rule,
            second=second.rule,
            trials=trials,
        )
        for counting, prefix in COLUMN_PREFIXES.items()
        for first, second in _list_pairs(cells)
        if (trials := count_same_trials(first.group, second.group, prefix))
    ]


def compare_rules(cells: Sequence[Cell], same: Sequence[SameRow]) -> list[ComparisonRow]:
    """Return a row per variance, way of counting and pair of rules with trials in common.

    Pairs that did the `same` are left out: there is nothing to test. If restarts changed nothing,
    the test of first starts is the same one and not listed again.
    `p_holm` is p after Holm's correction (Holm 1979) for all tests of one way of counting, listed
    or not: if no two rules differ, the probability that any of these tests is significant at some
    level is at most that level.
    """
    copies = {(row.counted, row.variance, row.first, row.second) for row in same}
    pairs = _list_pairs(cells)
    tested = {
        counting: [
            p for p in pairs if (counting, p[0].variance, *(c.rule for c in p)) not in copies
        ]
        for counting in COLUMN_PREFIXES
    }
    apart = [any(cell.changed_by_restarts for cell in pair) for pair in tested["first_start"]]
    first = [
        _compare_pair("first_start" if differs else "with_restarts", *pair)
        for pair, differs in zip(tested["first_start"], apart, strict=True)
    ]
    best = [_compare_pair("with_restarts", *pair) for pair in tested["with_restarts"]]
    return [*compress(_correct_p_values(first), apart), *_correct_p_values(best)]


def _list_pairs(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Return the pairs of cells of one variance that have trials in common."""
    return [
        pair
        for variance in dict.fromkeys(cell.variance for cell in cells)
        for pair in combinations([c for c in cells if c.variance == variance], 2)
        if np.isin(pair[0].group["trial"], pair[1].group["trial"]).any()
    ]


def _correct_p_values(tests: list[ComparisonRow]) -> list[ComparisonRow]:
    adjusted = holm([row.p_holm for row in tests])
    return [replace(row, p_holm=p) for row, p in zip(tests, adjusted, strict=True)]


def _compare_pair(counting: str, first: Cell, second: Cell) -> ComparisonRow:
    left, right = statistics.match_trials(
        first.group["trial"],
        first.errors(counting),
        second.group["trial"],
        second.errors(counting),
    )
    found = statistics.compare_errors(left, right)
    return ComparisonRow(
        variance=first.variance,
        counted=counting,
        first=first.rule,
        second=second.rule,
        trials=len(left),
        median_difference=finite_or_none(found.median_difference),
        interval=(finite_or_none(found.low), finite_or_none(found.high)),
        first_nearer=int(np.sum(left < right)),
        second_nearer=int(np.sum(left > right)),
        p=finite_or_none(found.p),
        p_holm=found.p,  # until `_correct_p_values` corrects it
    )


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's step-down p values in the given order: p₍ₖ₎ · (n − k + 1), made monotone."""
    tests, adjusted, largest = len(p), [0.0] * len(p), 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (tests - rank) * p[index]))
        adjusted[index] = largest
    return adjusted
