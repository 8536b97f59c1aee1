"""The numbers of trials with noise: an entry each, for every format."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.trial_sets import TrialSet
from ganinv_cli.results.number_format import format_scientific
from ganinv_cli.results.report.measures import COSTS, LABELS, NAMES, OUTCOMES, Measure
from ganinv_cli.results.report.table import Row
from ganinv_cli.results.statistics import Floats


def _summarize_errors(trial_set: TrialSet) -> Row:
    """Return the errors over all trials, and over the mean bound of those converged."""
    errors, converged = trial_set.errors, trial_set.has_converged
    row: Row = {}
    for name, statistic in {"median": statistics.median, "mean": statistics.mean}.items():
        row |= {
            name: statistic(errors),
            f"{name}_interval": statistics.bootstrap(errors, statistic),
        }
    ratio, interval = _compare_with_bound(errors[converged], find_bound(trial_set)[converged])
    return row | {
        "without_number": int(np.sum(np.isinf(errors))),  # trials whose z is not a finite number
        "converged": int(np.sum(converged)),  # trials; the following is over these
        "median_converged": statistics.median(errors[converged]),
        "ratio": ratio,  # mean error over the mean of the same trials' Cramér-Rao bounds
        "ratio_interval": interval,
    }


def find_bound(trial_set: TrialSet) -> Floats:
    """Return the Cramér-Rao bound of ‖z − z_true‖² / latent, (trials,); NaN: not known."""
    # at variance 1: tr((JᵀJ)⁻¹) / latent, with J at each trial's true z
    unit_bound = trial_set.truth.get("cramer_rao", np.full(trial_set.trials, np.nan))
    return np.asarray(trial_set.number.value * unit_bound)


def _compare_with_bound(errors: Floats, bound: Floats) -> tuple[float | None, Sequence[Any]]:
    """Return the mean error over the mean bound, and its interval.

    The bound is on the mean of the squared error, which its median may be below. Trials are drawn
    with their bounds. Only those with a bound above 0 count; None if there is none.
    """
    known = np.isfinite(bound) & (bound > 0)
    if not known.any():
        return None, (None, None)
    pairs = np.stack([errors[known], bound[known]], axis=1)
    return float(_divide_means(pairs)), statistics.bootstrap(pairs, _divide_means)


def _divide_means(pairs: Floats) -> Floats:
    means = np.mean(pairs, axis=0)
    return np.asarray(means[..., 0] / means[..., 1])


NOISE_SWEEP = (
    Measure("{number}", lambda trials: trials.number.value, always=True),
    *NAMES,
    Measure(
        "cramer_rao",
        lambda trials: statistics.mean(find_bound(trials)),
        "bound,\nmean",
        "Bound: Cramér-Rao's; no unbiased estimate has a smaller mean error.",
        show=format_scientific,
    ),
    Measure("cramer_rao_median", lambda trials: statistics.median(find_bound(trials))),
    Measure("{start}", _summarize_errors),
    OUTCOMES,
    *COSTS,
    LABELS,
)
