"""Finished trials as columns of the results file."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ganinv_cli.loop.trial import StartResult, Trial
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Prior
from ganinv_cli.refine import Refined
from ganinv_cli.store import join_rows

Columns = dict[str, np.ndarray]
Groups = dict[str, Columns]


def make_rule_rows(
    trials: Sequence[Trial], get_group: Callable[[int, str], str], prior: Prior, has_bounds: bool
) -> Groups:
    """Return the rows of some trials by their groups, `get_group(case, rule)`.

    With `has_bounds`, the final loss of a start bounds the error of its z.
    """
    trials_by_group: dict[str, list[Trial]] = {}
    for trial in trials:
        trials_by_group.setdefault(get_group(trial.job.case, trial.rule), []).append(trial)
    return {
        name: _make_rows(trials_by_group[name], prior, has_bounds)
        for name in sorted(trials_by_group)
    }


def make_truth_rows(trials: Sequence[Trial]) -> Groups:
    """Return the true z of each trial, the rows of "/"."""
    by_number = {trial.job.trial: trial for trial in trials}
    rows = {
        "trial": np.array(list(by_number)),
        "z_true": np.stack([trial.z_true for trial in by_number.values()]),
        **_make_label_column([trial.label for trial in by_number.values()]),
    }
    return {"": rows}


def join_groups(parts: Sequence[Groups]) -> Groups:
    """Join rows by group; of several rows of one trial, the first is kept."""
    names = dict.fromkeys(name for piece in parts for name in piece)
    return {name: join_rows([p[name] for p in parts if name in p]) for name in names}


def _make_label_column(labels: Sequence[int]) -> Columns:
    """Return the label column, if there are labels."""
    return {"label": np.array(labels, np.int32)} if max(labels) >= 0 else {}


def z_error(found: np.ndarray, true: np.ndarray) -> float:
    """Return ‖found − true‖² / latent in float64, the error of the paper's Table 1."""
    return float(np.mean((found.astype(np.float64) - true) ** 2))


def _make_rows(trials: Sequence[Trial], prior: Prior, has_bounds: bool) -> Columns:
    def column(value: Callable[[Trial], Any], dtype: Any = None) -> np.ndarray:
        return np.array([value(trial) for trial in trials], dtype)

    truths = [trial.z_true for trial in trials]
    best = _make_end_columns([trial.best for trial in trials], truths, has_bounds)
    first = _make_end_columns([trial.start_results[0] for trial in trials], truths, has_bounds)
    return {
        "trial": column(lambda trial: trial.job.trial),
        "z_start": column(lambda trial: trial.z_start),
        **best,
        "outcome": column(lambda trial: trial.outcome, np.uint8),
        "gradients": column(lambda trial: trial.gradients, np.float64),
        "redraws": column(lambda trial: sum(end.redraws for end in trial.start_results), np.int32),
        **_make_action_columns(
            [sum(end.actions for end in trial.start_results) for trial in trials]
        ),
        "seconds": column(
            lambda trial: sum(end.seconds for end in trial.start_results), np.float64
        ),
        "restarts": column(lambda trial: len(trial.start_results) - 1, np.int32),
        "shared": column(lambda trial: trial.is_copy, np.uint8),
        **_make_curve_columns(trials, column),
        **{f"first/{name}": values for name, values in first.items()},
        "first/at_bound": column(
            lambda trial: int(prior.is_outside(trial.start_results[0].z).sum()), np.int32
        ),
        **_make_refined_columns(trials),
    }


def _make_end_columns(
    ends: Sequence[StartResult], truths: Sequence[np.ndarray], has_bounds: bool
) -> Columns:
    errors = np.array([z_error(end.z, true) for end, true in zip(ends, truths, strict=True)])
    bounds = np.array([end.bound for end in ends], np.float64)
    return {
        "z_found": np.array([end.z for end in ends]),
        **_make_label_column([end.label for end in ends]),
        **({} if np.isnan(truths).any() else {"z_error": errors}),
        **({"error_bound": bounds} if has_bounds else {}),
        "image_loss": np.array([end.image_loss for end in ends], np.float64),
        "outcome": np.array([end.outcome for end in ends], np.uint8),
        "gradients": np.array([end.gradients for end in ends], np.float64),
        "redraws": np.array([end.redraws for end in ends], np.int32),
        **_make_action_columns([end.actions for end in ends]),
        "seconds": np.array([end.seconds for end in ends], np.float64),
    }


def _make_action_columns(counts: Sequence[int]) -> Columns:
    actions = np.array(counts, np.int32)
    return {"acted": (actions > 0).astype(np.uint8), "actions": actions}


def _make_curve_columns(trials: Sequence[Trial], column: Callable[..., np.ndarray]) -> Columns:
    """Return the columns of the record points, if there are any."""
    if not len(trials[0].record_points.curve):
        return {}
    return {
        "z_error_least": column(lambda trial: trial.least_error, np.float64),
        "curve_loss": column(lambda trial: trial.curve_loss),
        "curve_error": column(lambda trial: trial.curve_error),
        "z_snapshots": column(lambda trial: trial.snapshots),
    }


def _make_refined_columns(trials: Sequence[Trial]) -> Columns:
    """Return the columns of refined z, if any; NaN, and outcome 0, for trials without one.

    Without a true z there is no error, and without a test for a minimum no column for the test.
    """
    if not any(trial.refined for trial in trials):
        return {}
    unknown = np.full(len(trials[0].z_true), np.nan)
    missing = Refined(unknown, np.nan, np.nan, np.nan, np.nan, np.nan, Outcome.stalled)
    refined = [trial.refined or missing for trial in trials]
    columns = {
        "z_found": np.array([each.z for each in refined]),
        "z_error": np.array([z_error(e.z, t.z_true) for e, t in zip(refined, trials, strict=True)]),
        "image_loss": np.array([each.image_loss for each in refined], np.float64),
        "gradient_norm": np.array([each.gradient_norm for each in refined], np.float64),
        "steepness": np.array([each.goldstein_norm for each in refined], np.float64),
        "gradients": np.array([each.gradients for each in refined], np.float64),
        "seconds": np.array([each.seconds for each in refined], np.float64),
        "outcome": np.array([0 if e is missing else e.outcome for e in refined], np.uint8),
    }
    optional = ("z_error", "gradient_norm", "steepness")
    empty = {name for name in optional if np.isnan(columns[name]).all()}
    return {f"polished/{name}": columns[name] for name in columns if name not in empty}
