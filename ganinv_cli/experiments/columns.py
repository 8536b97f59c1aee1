"""Finished trials as columns of the results file."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ganinv_cli.prior import Uniform
from ganinv_cli.solvers.trial import Ending, Job, Trial

Columns = dict[str, np.ndarray]
Groups = dict[str, Columns]


def by_group(trials: Sequence[Trial], group: Callable[[Job], str], prior: Uniform) -> Groups:
    """The rows of each group that some of the trials belong to."""
    sorted_out: dict[str, list[Trial]] = {}
    for trial in trials:
        sorted_out.setdefault(group(trial.job), []).append(trial)
    return {name: _rows(sorted_out[name], prior) for name in sorted(sorted_out)}


def truths(trials: Sequence[Trial]) -> Groups:
    """The true z of each trial, the rows of "/"."""
    known = {trial.job.trial: trial.z_true for trial in trials}
    return {"": {"trial": np.array(list(known)), "z_true": np.stack(list(known.values()))}}


def of(rows: Columns, column: str, trials: np.ndarray) -> np.ndarray:
    """A stored column's values for some trials, whichever others a run has finished."""
    return rows[column][np.searchsorted(rows["trial"], trials)]


def z_error(found: np.ndarray, true: np.ndarray) -> float:
    """‖found − true‖² / latent, in float64: the figure of the paper's Table 1."""
    return float(np.mean((found.astype(np.float64) - true) ** 2))


def _rows(trials: Sequence[Trial], prior: Uniform) -> Columns:
    def column(value: Callable[[Trial], Any], dtype: Any = None) -> np.ndarray:
        return np.array([value(trial) for trial in trials], dtype)

    firsts = [(trial.ends[0], trial.z_true) for trial in trials]
    bests = [(trial.best, trial.z_true) for trial in trials]
    return {
        "trial": column(lambda trial: trial.job.trial),
        "z_start": column(lambda trial: trial.z_start),
        **_ends(bests),
        "outcome": column(lambda trial: trial.outcome, np.uint8),
        "gradients": column(lambda trial: trial.gradients, np.float64),
        "redraws": column(lambda trial: sum(end.redraws for end in trial.ends), np.int32),
        "seconds": column(lambda trial: sum(end.seconds for end in trial.ends), np.float64),
        "restarts": column(lambda trial: len(trial.ends) - 1, np.int32),
        **_observed(trials, column),
        **{f"first/{name}": values for name, values in _ends(firsts).items()},
        "first/at_bound": column(lambda trial: int(prior.outside(trial.ends[0].z).sum()), np.int32),
        **_polished(trials),
    }


def _ends(ends: Sequence[tuple[Ending, np.ndarray]]) -> Columns:
    errors = np.array([z_error(end.z, true) for end, true in ends])
    return {
        "z_found": np.array([end.z for end, _ in ends]),
        **({} if np.isnan([true for _, true in ends]).any() else {"z_error": errors}),
        "image_loss": np.array([end.image_loss for end, _ in ends], np.float64),
        "outcome": np.array([end.outcome for end, _ in ends], np.uint8),
        "gradients": np.array([end.gradients for end, _ in ends], np.float64),
        "redraws": np.array([end.redraws for end, _ in ends], np.int32),
        "seconds": np.array([end.seconds for end, _ in ends], np.float64),
    }


def _observed(trials: Sequence[Trial], column: Callable[..., np.ndarray]) -> Columns:
    """What was noted on the way, where marks were set."""
    if not len(trials[0].marks.curve):
        return {}
    return {
        "z_error_least": column(lambda trial: trial.least_error, np.float64),
        "curve_loss": column(lambda trial: trial.curve_loss),
        "curve_error": column(lambda trial: trial.curve_error),
        "z_snapshots": column(lambda trial: trial.snapshots),
    }


def _polished(trials: Sequence[Trial]) -> Columns:
    done = [trial.polished for trial in trials if trial.polished]
    if len(done) < len(trials):
        return {}
    return {
        "polished/z_found": np.array([each.z for each in done]),
        "polished/image_loss": np.array([each.image_loss for each in done], np.float64),
        "polished/gradient_norm": np.array([each.gradient_norm for each in done], np.float64),
        "polished/steepness": np.array([each.steepness for each in done], np.float64),
        "polished/gradients": np.array([each.gradients for each in done], np.float64),
        "polished/seconds": np.array([each.seconds for each in done], np.float64),
        "polished/outcome": np.array([each.outcome for each in done], np.uint8),
    }
