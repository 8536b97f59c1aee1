"""The errors of z for each rule and noise variance, and the Cramér-Rao bound."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.rows import Interval, TableRow, finite_or_none, mean_or_none
from ganinv_cli.report.shared.actions import count_acted, count_actions, count_shared
from ganinv_cli.report.shared.failures import count_outcomes
from ganinv_cli.report.shared.labels import LabelCounts, count_right_labels
from ganinv_cli.report.shared.run import Group, join_root_column, share_gradients
from ganinv_cli.settings.names import variance_group
from ganinv_cli.statistics import Booleans, Floats

if TYPE_CHECKING:
    from ganinv_cli.store import Results

# The ways of counting: after the first start of a trial, and after its restarts.
COLUMN_PREFIXES = {"first_start": "first/", "with_restarts": ""}  # each with its columns' prefix
STATISTICS = {"median": statistics.median, "mean": statistics.mean}

_Intervals = dict[tuple[float, str, str, str], Interval]


@dataclass(frozen=True, kw_only=True)
class ErrorSummary(TableRow):
    """The errors of z, ‖z_found − z_true‖² / latent, over the trials of a cell.

    An error that is no number counts as infinite; None is a value that is not finite.
    """

    median: float | None
    median_interval: Interval  # 95 %, bootstrap over the trials
    mean: float | None
    mean_interval: Interval
    without_number: int  # trials whose z is no finite number
    converged: int  # trials; the fields below are over these
    median_converged: float | None
    ratio: float | None  # mean error over the mean of the same trials' Cramér-Rao bounds
    ratio_interval: Interval


@dataclass(frozen=True, kw_only=True)
class SweepRow(TableRow):
    """The results of a rule at one variance, over all its trials."""

    variance: float  # of the noise, pixels in [-1, 1]
    technique: str  # the rule's name
    trials: int
    cramer_rao: float | None  # mean of the trials' bounds
    first_start: ErrorSummary
    with_restarts: ErrorSummary
    outcomes: dict[str, dict[str, int]]  # trials, by way of counting and outcome
    gradients: float | None  # means per trial
    gradients_first_start: float | None
    gradients_shared: float  # each trial's part of what the run spent once; counted in the others
    restarts: float | None
    redraws: float | None
    acted: int | None  # trials in which the rule changed z; None: the file does not say
    acted_first_start: int | None  # first starts in which it did
    actions: float | None  # mean updates per trial in which it did
    shared: int | None  # trials that are copies of those of none, as the rule would not have acted
    seconds: float | None
    labels: LabelCounts | None = None

    def errors(self, counting: str) -> ErrorSummary:
        """Return the errors for a way of counting."""
        return self.first_start if counting == "first_start" else self.with_restarts

    def acted_count(self, counting: str) -> int | None:
        """Return the trials in which the rule changed z, for a way of counting."""
        return self.acted_first_start if counting == "first_start" else self.acted


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


def list_trial_groups(settings: Mapping[str, Any]) -> list[str]:
    """Return the groups of trials of a run, one per variance and rule, begun or not."""
    return [
        variance_group(variance, rule)
        for variance in settings.get("variances", ())
        for rule in settings.get("clip", ())
    ]


def make_rows(results: "Results", cells: list[Cell]) -> list[SweepRow]:
    """Return a row for each of the results' cells."""
    shared_gradients = share_gradients(results)
    intervals = _compute_intervals(cells)
    return [
        _make_row(cell, intervals, shared_gradients, count_right_labels(results, cell.group))
        for cell in cells
    ]


def _make_row(
    cell: Cell, intervals: _Intervals, shared_gradients: float, labels: LabelCounts | None
) -> SweepRow:
    group = cell.group
    return SweepRow(
        variance=cell.variance,
        technique=cell.rule,
        trials=len(group["trial"]),
        cramer_rao=mean_or_none(cell.bound),
        first_start=_summarize_errors(cell, "first_start", intervals),
        with_restarts=_summarize_errors(cell, "with_restarts", intervals),
        outcomes={
            counting: count_outcomes(group[f"{prefix}outcome"])
            for counting, prefix in COLUMN_PREFIXES.items()
        },
        gradients=mean_or_none(group["gradients"] + shared_gradients),
        gradients_first_start=mean_or_none(group["first/gradients"] + shared_gradients),
        gradients_shared=shared_gradients,
        restarts=mean_or_none(group["restarts"]),
        redraws=mean_or_none(group["redraws"]),
        acted=count_acted(group),
        acted_first_start=count_acted(group, "first/"),
        actions=count_actions(group),
        shared=count_shared(group),
        seconds=mean_or_none(group["seconds"]),
        labels=labels,
    )


def _summarize_errors(cell: Cell, counting: str, intervals: _Intervals) -> ErrorSummary:
    errors, converged = cell.errors(counting), cell.is_converged(counting)
    ratio, ratio_interval = _compare_with_bound(errors[converged], cell.bound[converged])
    return ErrorSummary(
        median=finite_or_none(float(statistics.median(errors))),
        median_interval=intervals[cell.variance, cell.rule, counting, "median"],
        mean=finite_or_none(float(statistics.mean(errors))),
        mean_interval=intervals[cell.variance, cell.rule, counting, "mean"],
        without_number=int(np.sum(np.isinf(errors))),
        converged=int(np.sum(converged)),
        median_converged=finite_or_none(float(statistics.median(errors[converged]))),
        ratio=ratio,
        ratio_interval=ratio_interval,
    )


def _compare_with_bound(errors: Floats, bound: Floats) -> tuple[float | None, Interval]:
    """Return the mean error over the mean bound, and its interval.

    The bound is on the mean of the squared error, which its median may be below. Trials are drawn
    with their bounds. Only those with a bound above 0 count; None if there is none.
    """
    known = np.isfinite(bound) & (bound > 0)
    if not known.any():
        return None, (None, None)
    low, high = _bootstrap_ratio(errors[known].tobytes(), bound[known].tobytes())
    return (
        finite_or_none(float(np.mean(errors[known]) / np.mean(bound[known]))),
        (finite_or_none(float(low)), finite_or_none(float(high))),
    )


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
                intervals[key] = finite_or_none(float(low[at])), finite_or_none(float(high[at]))
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
    error, bound = np.mean(pairs, axis=0)
    return np.asarray(error / bound)
