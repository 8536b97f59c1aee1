"""The errors of z for each rule and noise variance, the Cramér-Rao bound, slopes and tests."""

from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import combinations, compress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Group, join_root_column, share_gradients
from ganinv_cli.clipping import RULES
from ganinv_cli.number_format import Interval
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.rules import (
    count_outcomes,
    count_right_labels,
    count_same_trials,
    summarize_costs,
)
from ganinv_cli.report.table import Row, mean_or_none, to_plain
from ganinv_cli.statistics import Booleans, Floats

if TYPE_CHECKING:
    from ganinv_cli.store import Results

# The ways of counting: after the first start of a trial, and after its restarts.
COLUMN_PREFIXES = {"first_start": "first/", "with_restarts": ""}  # each with its columns' prefix
STATISTICS = {"median": statistics.median, "mean": statistics.mean}
SMALL_VARIANCE = 0.01  # variance up to which noise counts as small
VARIANCE_RANGES = {"all": float("inf"), "small": SMALL_VARIANCE}

_Intervals = dict[tuple[float, str, str, str], Interval]


class Cell(NamedTuple):
    """The trials of one rule at one variance."""

    variance: float  # of the noise, pixels in [-1, 1]
    rule: str
    group: Group
    bound: Floats  # (trials,), the Cramér-Rao bound of ‖z − z_true‖² / latent; NaN: not known

    def errors(self, counting: str) -> Floats:
        """Return ‖z_found − z_true‖² / latent of each trial, (trials,) float64.

        The error is infinite if z is not finite: leaving it out would reward the failure.
        """
        errors = self.group[f"{COLUMN_PREFIXES[counting]}z_error"]
        return np.where(np.isnan(errors), np.inf, errors.astype(np.float64))

    @property
    def changed_by_restarts(self) -> bool:
        """Whether restarts changed the error of any trial."""
        first, best = map(self.errors, COLUMN_PREFIXES)
        return not np.array_equal(first, best)

    def is_converged(self, counting: str) -> Booleans:
        """Return which trials converged, (trials,)."""
        return np.asarray(self.group[f"{COLUMN_PREFIXES[counting]}outcome"] == Outcome.converged)


def read_cells(results: "Results") -> list[Cell]:
    """Return the cells that have trials, by variance, then in the order of RULES."""
    cells = []
    for name, group in results.groups.items():
        place, _, rule = name.partition("/")
        if place.startswith("variance=") and rule in RULES and len(group["trial"]):
            variance = float(place.removeprefix("variance="))
            # at variance 1: tr((JᵀJ)⁻¹) / latent, with J at each trial's true z
            unit_bound = join_root_column(results, "cramer_rao", group["trial"])
            cells.append(Cell(variance, rule, group, variance * unit_bound))
    order = list(RULES)
    return sorted(cells, key=lambda cell: (cell.variance, order.index(cell.rule)))


def make_rows(results: "Results", cells: list[Cell]) -> list[Row]:
    """Return a row for each of the results' cells."""
    shared = share_gradients(results)
    intervals = _compute_intervals(cells)
    return [
        to_plain(_make_row(cell, intervals, shared) | count_right_labels(results, cell.group))
        for cell in cells
    ]


def _make_row(cell: Cell, intervals: _Intervals, shared: float) -> Row:
    """Return the results of a rule at one variance, over all its trials."""
    group = cell.group
    return {
        "variance": cell.variance,
        "technique": cell.rule,
        "trials": len(group["trial"]),
        "cramer_rao": mean_or_none(cell.bound),
        "first_start": _summarize_errors(cell, "first_start", intervals),
        "with_restarts": _summarize_errors(cell, "with_restarts", intervals),
        "outcomes": {
            counting: count_outcomes(group[f"{prefix}outcome"])
            for counting, prefix in COLUMN_PREFIXES.items()
        },
        **summarize_costs(group, shared),
    }


def _summarize_errors(cell: Cell, counting: str, intervals: _Intervals) -> Row:
    """Return the errors ‖z_found − z_true‖² / latent over the trials of a cell."""
    errors, converged = cell.errors(counting), cell.is_converged(counting)
    ratio, ratio_interval = _compare_with_bound(errors[converged], cell.bound[converged])
    return {
        "median": statistics.median(errors).item(),
        "median_interval": intervals[cell.variance, cell.rule, counting, "median"],
        "mean": statistics.mean(errors).item(),
        "mean_interval": intervals[cell.variance, cell.rule, counting, "mean"],
        "without_number": int(np.sum(np.isinf(errors))),  # trials whose z is no finite number
        "converged": int(np.sum(converged)),  # trials; the following is over these
        "median_converged": statistics.median(errors[converged]).item(),
        "ratio": ratio,  # mean error over the mean of the same trials' Cramér-Rao bounds
        "ratio_interval": ratio_interval,
    }


def _compare_with_bound(errors: Floats, bound: Floats) -> tuple[float | None, Interval]:
    """Return the mean error over the mean bound, and its interval.

    The bound is on the mean of the squared error, which its median may be below. Trials are drawn
    with their bounds. Only those with a bound above 0 count; None if there is none.
    """
    known = np.isfinite(bound) & (bound > 0)
    if not known.any():
        return None, (None, None)
    low, high = _bootstrap_ratio(errors[known].tobytes(), bound[known].tobytes())
    return float(np.mean(errors[known]) / np.mean(bound[known])), (float(low), float(high))


def _compute_intervals(cells: list[Cell]) -> _Intervals:
    """Return the intervals of all medians and means; cells of the same trials resample at once."""
    cells_by_trials: dict[bytes, list[Cell]] = {}
    for cell in cells:
        cells_by_trials.setdefault(cell.group["trial"].tobytes(), []).append(cell)
    intervals: _Intervals = {}
    for together in cells_by_trials.values():
        columns = [(cell, counting) for cell in together for counting in COLUMN_PREFIXES]
        errors = np.stack([cell.errors(counting) for cell, counting in columns], axis=1)
        for name in STATISTICS:
            low, high = _bootstrap(errors.tobytes(), len(columns), name)
            for at, (cell, counting) in enumerate(columns):
                key = cell.variance, cell.rule, counting, name
                intervals[key] = float(low[at]), float(high[at])
    return intervals


@lru_cache(maxsize=256)  # the tables and the figures ask for the same, and it takes seconds
def _bootstrap(errors: bytes, columns: int, statistic: str) -> statistics.Band:
    """Return the band of a statistic of (trials, columns) float64, given as bytes."""
    values = np.frombuffer(errors, np.float64).reshape(-1, columns)
    return statistics.bootstrap(values, STATISTICS[statistic])


@lru_cache(maxsize=256)
def _bootstrap_ratio(errors: bytes, bound: bytes) -> statistics.Band:
    """Return the band of mean error over mean bound of (trials,) float64, given as bytes."""
    pairs = np.stack([np.frombuffer(errors), np.frombuffer(bound)], axis=1)
    return statistics.bootstrap(pairs, _divide_means)


def _divide_means(pairs: Floats) -> Floats:
    means = np.mean(pairs, axis=0)
    return np.asarray(means[..., 0] / means[..., 1])


def fit_slopes(cells: Sequence[Cell]) -> list[Row]:
    """Return a row per rule, way of counting, statistic and range of variances with a slope."""
    rows = [
        _fit_slope(cells, rule, counting, statistic, range_name)
        for rule in dict.fromkeys(cell.rule for cell in cells)
        for counting in COLUMN_PREFIXES
        for statistic in STATISTICS
        for range_name in VARIANCE_RANGES
    ]
    return [to_plain(row) for row in rows if row]


def _fit_slope(
    cells: Sequence[Cell], rule: str, counting: str, statistic: str, range_name: str
) -> Row | None:
    """Return the slope of log error against log variance, or None; 1 is growth in proportion.

    It is fitted to the statistic over the trials that were run at every variance. A variance of 0
    has no logarithm and is left out.
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
        "variances": found.variances,  # that the slope is fitted to
        "least_variance": used[0].variance,
        "largest_variance": used[-1].variance,
        "trials": len(errors),
        "slope": found.slope,
        "interval": (found.low, found.high),  # 95 %, bootstrap over the trials
    }


def find_same_rules(cells: Sequence[Cell]) -> list[Row]:
    """Return the pairs of rules that did the same in every trial at a variance."""
    return [
        {
            "counted": counting,
            "first": first.rule,
            "second": second.rule,
            "trials": trials,
            "variance": first.variance,
        }
        for counting, prefix in COLUMN_PREFIXES.items()
        for first, second in _list_pairs(cells)
        if (trials := count_same_trials(first.group, second.group, prefix))
    ]


def compare_rules(cells: Sequence[Cell], same: Sequence[Row]) -> list[Row]:
    """Return a row per variance, way of counting and pair of rules with trials in common.

    Pairs that did the `same` are left out: there is nothing to test. If restarts changed nothing,
    the test of first starts is the same one and not listed again.
    `p_holm` is p after Holm's correction (Holm 1979) for all tests of one way of counting, listed
    or not: if no two rules differ, the probability that any of these tests is significant at some
    level is at most that level.
    """
    copies = {(row["counted"], row["variance"], row["first"], row["second"]) for row in same}
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


def _correct_p_values(tests: list[Row]) -> list[Row]:
    """Return the tests with `p_holm` added, from p before it is made plain."""
    adjusted = holm([row["p"] for row in tests])
    return [to_plain(row | {"p_holm": p}) for row, p in zip(tests, adjusted, strict=True)]


def _compare_pair(counting: str, first: Cell, second: Cell) -> Row:
    """Return Wilcoxon's signed-rank test of two rules on the same trials at one variance."""
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
        "median_difference": found.median_difference,  # error of the first less the second's
        "interval": (found.low, found.high),
        "first_nearer": int(np.sum(left < right)),  # trials with the smaller error
        "second_nearer": int(np.sum(left > right)),
        "p": found.p,
    }


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm's step-down p values in the given order: p₍ₖ₎ · (n − k + 1), made monotone."""
    tests, adjusted, largest = len(p), [0.0] * len(p), 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (tests - rank) * p[index]))
        adjusted[index] = largest
    return adjusted
