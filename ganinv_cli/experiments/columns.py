"""Finished trials as columns of the results file."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ganinv_cli.prior import Uniform
from ganinv_cli.solvers.trial import Ending, Trial

Columns = dict[str, np.ndarray]


def by_group(trials: Sequence[Trial], prior: Uniform) -> dict[str, Columns]:
    """The rows of every rule, and of "" the true z of each trial."""
    rules = sorted({trial.job.rule for trial in trials})
    groups = {
        rule: _rule([trial for trial in trials if trial.job.rule == rule], prior) for rule in rules
    }
    truths = {trial.job.trial: trial.z_true for trial in trials}
    groups[""] = {"trial": np.array(list(truths)), "z_true": np.stack(list(truths.values()))}
    return groups


def z_error(found: np.ndarray, true: np.ndarray) -> float:
    """‖found − true‖² / latent, in float64: the figure of the paper's Table 1."""
    return float(np.mean((found.astype(np.float64) - true) ** 2))


def _rule(trials: Sequence[Trial], prior: Uniform) -> Columns:
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
        "z_error_least": column(lambda trial: trial.least_error, np.float64),
        "curve_loss": column(lambda trial: trial.curve_loss),
        "curve_error": column(lambda trial: trial.curve_error),
        "z_snapshots": column(lambda trial: trial.snapshots),
        **{f"first/{name}": values for name, values in _ends(firsts).items()},
        "first/at_bound": column(lambda trial: int(prior.outside(trial.ends[0].z).sum()), np.int32),
    }


def _ends(ends: Sequence[tuple[Ending, np.ndarray]]) -> Columns:
    return {
        "z_found": np.array([end.z for end, _ in ends]),
        "z_error": np.array([z_error(end.z, true) for end, true in ends]),
        "image_loss": np.array([end.image_loss for end, _ in ends], np.float64),
        "outcome": np.array([end.outcome for end, _ in ends], np.uint8),
        "gradients": np.array([end.gradients for end, _ in ends], np.float64),
        "redraws": np.array([end.redraws for end, _ in ends], np.int32),
        "seconds": np.array([end.seconds for end, _ in ends], np.float64),
    }
