"""Columns of a run that reports and verdicts share."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.statistics import Floats
from ganinv_cli.store.rows import Group

if TYPE_CHECKING:
    from ganinv_cli.store import Results

Pixels = NDArray[np.uint8]  # (height, width, channels)

__all__ = ["Group", "Pixels", "join_root_column", "share_gradients"]


def share_gradients(results: "Results") -> float:
    """Return each trial's share of the gradients that the run spent once.

    All trials of the file share alike, of whatever rule, variance and image; 0 without a trial.
    """
    trials = sum(len(group["trial"]) for group in results.groups.values() if "seconds" in group)
    return float(results.constants.get("shared_gradients", 0)) / max(trials, 1)


def join_root_column(results: "Results", column: str, trials: NDArray[np.integer]) -> Floats:
    """Return a column of the root group for these trials, (trials,) float64; NaN if it has none."""
    root = results.groups.get("", {})
    values = np.full(len(trials), np.nan)
    if column in root:
        _, there, here = np.intersect1d(root["trial"], trials, True, return_indices=True)
        values[here] = root[column][there]
    return values
