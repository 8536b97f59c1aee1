"""How far from the true z each rule ends at each noise variance, against the best possible."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.plain_numbers import finite_or_none, mean_or_none
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared.run import Group
from ganinv_cli.settings.names import variance_group
from ganinv_cli.statistics import Booleans, Floats

if TYPE_CHECKING:
    from ganinv_cli.store import Results

COLUMN_PREFIXES = {"first_start": "first/", "with_restarts": ""}  # each with its columns' prefix
STATISTICS = {"median": statistics.median, "mean": statistics.mean}

_Intervals = dict[tuple[float, str, str, str], list[float | None]]


class Cell(NamedTuple):
    """What one rule did at one variance."""

    variance: float  # of the noise, pixels in [-1, 1]
    rule: str
    group: Group
    bound: Floats  # (trials,), the Cramér-Rao bound of ‖z − z_true‖² / latent; NaN: not known

    def errors(self, counting: str) -> Floats:
        """(trials,): ‖z_found − z_true‖² / latent in float64.

        Infinite where a trial found no number, for leaving it out would reward the failure.
        """
        errors = self.group[f"{COLUMN_PREFIXES[counting]}z_error"]
        return np.where(np.isnan(errors), np.inf, errors.astype(np.float64))

    @property
    def changed_by_restarts(self) -> bool:
        """Whether any trial's restarts came to another error than its first start."""
        first, best = map(self.errors, COLUMN_PREFIXES)
        return not np.array_equal(first, best)

    def is_converged(self, counting: str) -> Booleans:
        """(trials,)."""
        return np.asarray(self.group[f"{COLUMN_PREFIXES[counting]}outcome"] == Outcome.converged)


def read_cells(results: "Results") -> list[Cell]:
    """By variance, then in the rules' order; only what has trials."""
    found = []
    for name, group in results.groups.items():
        place, _, technique = name.partition("/")
        if place.startswith("variance=") and technique in RULES and len(group["trial"]):
            variance = float(place.removeprefix("variance="))
            bound = variance * _read_inverse_information(results, group["trial"])
            found.append(Cell(variance, technique, group, bound))
    return sorted(found, key=lambda cell: (cell.variance, list(RULES).index(cell.rule)))


def list_trial_groups(settings: Mapping[str, Any]) -> list[str]:
    """Return the groups of trials of a run, one per variance and rule, begun or not."""
    return [
        variance_group(variance, rule)
        for variance in settings.get("variances", ())
        for rule in settings.get("clip", ())
    ]


def make_rows(cells: list[Cell], shared_gradients: float) -> list[Row]:
    """One a variance and rule; `shared` is each trial's part of what the run spent once."""
    ends = _compute_intervals(cells)
    return [_make_row(cell, ends, shared_gradients) for cell in cells]


def _make_row(cell: Cell, intervals: _Intervals, shared_gradients: float) -> Row:
    group = cell.group
    return {
        "variance": cell.variance,
        "technique": cell.rule,
        "trials": len(group["trial"]),
        "cramer_rao": mean_or_none(cell.bound),
        "cramer_rao_median": finite_or_none(float(statistics.median(cell.bound))),
        **{counted: _summarize_errors(cell, counted, intervals) for counted in COLUMN_PREFIXES},
        "outcomes": {counted: _count_outcomes(cell, counted) for counted in COLUMN_PREFIXES},
        "gradients": mean_or_none(group["gradients"] + shared_gradients),
        "gradients_first_start": mean_or_none(group["first/gradients"] + shared_gradients),
        "gradients_shared": shared_gradients,
        "restarts": mean_or_none(group["restarts"]),
        "redraws": mean_or_none(group["redraws"]),
        "seconds": mean_or_none(group["seconds"]),
    }


def _summarize_errors(cell: Cell, counting: str, intervals: _Intervals) -> Row:
    """Median and mean with their intervals, and the converged trials against their bounds."""
    errors, converged = cell.errors(counting), cell.is_converged(counting)
    row: Row = {}
    for name, statistic in STATISTICS.items():
        row[name] = finite_or_none(float(statistic(errors)))
        row[f"{name}_interval"] = intervals[cell.variance, cell.rule, counting, name]
    return row | {
        "without_number": int(np.sum(np.isinf(errors))),
        "converged": int(np.sum(converged)),
        "median_converged": finite_or_none(float(statistics.median(errors[converged]))),
        **_summarize_ratios(errors[converged], cell.bound[converged]),
    }


def _summarize_ratios(errors: Floats, bound: Floats) -> Row:
    """Median over the trials of each one's error to its own bound; None without a bound above 0."""
    known = np.isfinite(bound) & (bound > 0)
    ratios = errors[known] / bound[known]
    if not len(ratios):
        return {"ratio": None, "ratio_interval": [None, None]}
    low, high = _bootstrap(ratios.tobytes(), 1, "median")
    return {
        "ratio": finite_or_none(float(statistics.median(ratios))),
        "ratio_interval": [finite_or_none(float(low[0])), finite_or_none(float(high[0]))],
    }


def _compute_intervals(cells: list[Cell]) -> _Intervals:
    """Of every cell's median and mean; those that ran the same trials are resampled at once."""
    alike: dict[bytes, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(cell.group["trial"].tobytes(), []).append(cell)
    ends: _Intervals = {}
    for together in alike.values():
        columns = [(cell, counted) for cell in together for counted in COLUMN_PREFIXES]
        errors = np.stack([cell.errors(counted) for cell, counted in columns], axis=1)
        for name in STATISTICS:
            low, high = _bootstrap(errors.tobytes(), len(columns), name)
            for at, (cell, counted) in enumerate(columns):
                key = cell.variance, cell.rule, counted, name
                ends[key] = [finite_or_none(float(low[at])), finite_or_none(float(high[at]))]
    return ends


@lru_cache(maxsize=256)  # the tables and the figures ask for the same, and it takes seconds
def _bootstrap(errors: bytes, columns: int, statistic: str) -> statistics.Band:
    """Of (trials, columns) float64, given as bytes."""
    values = np.frombuffer(errors, np.float64).reshape(-1, columns)
    return statistics.bootstrap(values, STATISTICS[statistic])


def _count_outcomes(cell: Cell, counting: str) -> dict[str, int]:
    outcomes = cell.group[f"{COLUMN_PREFIXES[counting]}outcome"]
    return {outcome.name: int(np.sum(outcomes == outcome)) for outcome in Outcome}


def _read_inverse_information(results: "Results", trials: NDArray[np.integer]) -> Floats:
    """(trials,): tr((JᵀJ)⁻¹) / latent at each trial's true z, NaN where it is not known."""
    root = results.groups.get("", {})
    values = np.full(len(trials), np.nan)
    if "cramer_rao" in root:
        _, there, here = np.intersect1d(root["trial"], trials, True, return_indices=True)
        values[here] = root["cramer_rao"][there]
    return values
