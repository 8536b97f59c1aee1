"""How far from the true z each rule ends at each noise variance, against the best possible."""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.plain_numbers import finite, mean
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared.run import Group
from ganinv_cli.settings.names import RULES, variance_group
from ganinv_cli.statistics import Booleans, Floats

if TYPE_CHECKING:
    from ganinv_cli.store import Results

COUNTED = {"first_start": "first/", "with_restarts": ""}  # each with its columns' prefix
STATISTICS = {"median": statistics.median, "mean": statistics.mean}

_Ends = dict[tuple[float, str, str, str], list[float | None]]


class Cell(NamedTuple):
    """What one rule did at one variance."""

    variance: float  # of the noise, pixels in [-1, 1]
    technique: str
    group: Group
    bound: Floats  # (trials,), the Cramér-Rao bound of ‖z − z_true‖² / latent; NaN: not known

    def errors(self, counted: str) -> Floats:
        """(trials,): ‖z_found − z_true‖² / latent in float64.

        Infinite where a trial found no number, for leaving it out would reward the failure.
        """
        errors = self.group[f"{COUNTED[counted]}z_error"]
        return np.where(np.isnan(errors), np.inf, errors.astype(np.float64))

    @property
    def restarted(self) -> bool:
        """Whether any trial's restarts came to another error than its first start."""
        first, best = map(self.errors, COUNTED)
        return not np.array_equal(first, best)

    def converged(self, counted: str) -> Booleans:
        """(trials,)."""
        return np.asarray(self.group[f"{COUNTED[counted]}outcome"] == Outcome.converged)


def cells(results: "Results") -> list[Cell]:
    """By variance, then in the rules' order; only what has trials."""
    found = []
    for name, group in results.groups.items():
        place, _, technique = name.partition("/")
        if place.startswith("variance=") and technique in RULES and len(group["trial"]):
            variance = float(place.removeprefix("variance="))
            bound = variance * _information(results, group["trial"])
            found.append(Cell(variance, technique, group, bound))
    return sorted(found, key=lambda cell: (cell.variance, RULES.index(cell.technique)))


def groups(results: "Results") -> list[str]:
    """Of the results file, for every variance and rule that the run asks for."""
    config = results.attributes.get("config", {})
    return [
        variance_group(variance, rule)
        for variance in config.get("variances", ())
        for rule in config.get("clip", ())
    ]


def rows(given: list[Cell], shared: float) -> list[Row]:
    """One a variance and rule; `shared` is each trial's part of what the run spent once."""
    ends = _intervals(given)
    return [_row(cell, ends, shared) for cell in given]


def _row(cell: Cell, ends: _Ends, shared: float) -> Row:
    group = cell.group
    return {
        "variance": cell.variance,
        "technique": cell.technique,
        "trials": len(group["trial"]),
        "cramer_rao": mean(cell.bound),
        "cramer_rao_median": finite(float(statistics.median(cell.bound))),
        **{counted: _errors(cell, counted, ends) for counted in COUNTED},
        "outcomes": {counted: _outcomes(cell, counted) for counted in COUNTED},
        "gradients": mean(group["gradients"] + shared),
        "gradients_first_start": mean(group["first/gradients"] + shared),
        "gradients_shared": shared,
        "restarts": mean(group["restarts"]),
        "redraws": mean(group["redraws"]),
        "seconds": mean(group["seconds"]),
    }


def _errors(cell: Cell, counted: str, ends: _Ends) -> Row:
    """Median and mean with their intervals, and the converged trials against their bounds."""
    errors, converged = cell.errors(counted), cell.converged(counted)
    row: Row = {}
    for name, statistic in STATISTICS.items():
        row[name] = finite(float(statistic(errors)))
        row[f"{name}_interval"] = ends[cell.variance, cell.technique, counted, name]
    return row | {
        "without_number": int(np.sum(np.isinf(errors))),
        "converged": int(np.sum(converged)),
        "median_converged": finite(float(statistics.median(errors[converged]))),
        **_ratio(errors[converged], cell.bound[converged]),
    }


def _ratio(errors: Floats, bound: Floats) -> Row:
    """Median over the trials of each one's error to its own bound; None without a bound above 0."""
    known = np.isfinite(bound) & (bound > 0)
    ratios = errors[known] / bound[known]
    if not len(ratios):
        return {"ratio": None, "ratio_interval": [None, None]}
    low, high = _band(ratios.tobytes(), 1, "median")
    return {
        "ratio": finite(float(statistics.median(ratios))),
        "ratio_interval": [finite(float(low[0])), finite(float(high[0]))],
    }


def _intervals(given: list[Cell]) -> _Ends:
    """Of every cell's median and mean; those that ran the same trials are resampled at once."""
    alike: dict[bytes, list[Cell]] = {}
    for cell in given:
        alike.setdefault(cell.group["trial"].tobytes(), []).append(cell)
    ends: _Ends = {}
    for together in alike.values():
        columns = [(cell, counted) for cell in together for counted in COUNTED]
        errors = np.stack([cell.errors(counted) for cell, counted in columns], axis=1)
        for name in STATISTICS:
            low, high = _band(errors.tobytes(), len(columns), name)
            for at, (cell, counted) in enumerate(columns):
                key = cell.variance, cell.technique, counted, name
                ends[key] = [finite(float(low[at])), finite(float(high[at]))]
    return ends


@lru_cache(maxsize=256)  # the tables and the figures ask for the same, and it takes seconds
def _band(errors: bytes, columns: int, statistic: str) -> statistics.Band:
    """Of (trials, columns) float64, given as bytes."""
    values = np.frombuffer(errors, np.float64).reshape(-1, columns)
    return statistics.bootstrap(values, STATISTICS[statistic])


def _outcomes(cell: Cell, counted: str) -> dict[str, int]:
    ended = cell.group[f"{COUNTED[counted]}outcome"]
    return {outcome.name: int(np.sum(ended == outcome)) for outcome in Outcome}


def _information(results: "Results", trials: NDArray[np.integer]) -> Floats:
    """(trials,): tr((JᵀJ)⁻¹) / latent at each trial's true z, NaN where it is not known."""
    root = results.groups.get("", {})
    values = np.full(len(trials), np.nan)
    if "cramer_rao" in root:
        _, there, here = np.intersect1d(root["trial"], trials, True, return_indices=True)
        values[here] = root["cramer_rao"][there]
    return values
