"""Quantiles of the error curves of many trials, computed block by block."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ganinv_cli.statistics import Booleans, Floats, Integers, carry_forward

BLOCK_BYTES = 1 << 26  # of curves in memory at a time
QUANTILES = (0.1, 0.5, 0.9)


class Curves(NamedTuple):
    """The error curves of one rule's trials."""

    gradients: Floats  # (points,)
    errors: Callable[[slice], Floats]  # z error of some trials, (some, points), NaN after their end
    final_errors: Floats  # (trials,), the z error of what was found


class ErrorQuantiles(NamedTuple):
    """Quantiles at the points at which a trial was running, and at the next one."""

    gradients: Floats  # (points,), above 0, which has no logarithm
    quantiles: Floats  # (3, points), at QUANTILES, of the trials with an error at each point


def compute_error_quantiles(curves: Curves) -> ErrorQuantiles:
    """Return the quantiles; a trial that has ended counts with its final error.

    Trials without an error at some point are left out; if none is left, there are no points.
    """
    points = _find_points(curves)
    whole = [np.isfinite(errors).all(axis=1) for errors in _read_blocks(curves, points)]
    kept = np.concatenate(whole)
    if not kept.any():
        points = points[:0]
    return ErrorQuantiles(curves.gradients[points], _compute_quantiles(curves, points, kept))


def _find_points(curves: Curves) -> Integers:
    """Return the indices of points at which a trial was running, and of the next one."""
    ran = [np.isfinite(curves.errors(some)).any(axis=0) for some in _split_trials(curves)]
    running = np.any(ran, axis=0) & (curves.gradients > 0)
    return np.flatnonzero(running | np.concatenate([[False], running[:-1]]))


def _compute_quantiles(curves: Curves, points: Integers, kept: Booleans) -> Floats:
    """Return the exact quantiles (3, points) of the trials that are `kept`, bool (trials,)."""
    count = int(np.sum(kept))
    together = max(1, BLOCK_BYTES // (8 * max(1, count)))
    quantiles = np.empty((len(QUANTILES), len(points)))
    for first in range(0, len(points), together):
        some = slice(first, first + together)
        errors = np.empty((len(points[some]), count))
        low = 0
        for trials, block in zip(
            _split_trials(curves), _read_blocks(curves, points[some]), strict=True
        ):
            chosen = block[kept[trials]]
            errors[:, low : low + len(chosen)] = chosen.T
            low += len(chosen)
        quantiles[:, some] = np.quantile(errors, QUANTILES, axis=1, overwrite_input=True)
    return quantiles


def _read_blocks(curves: Curves, points: Integers) -> Iterator[Floats]:
    """Yield errors (some trials, points), with final errors after a trial's end."""
    for trials in _split_trials(curves):
        yield carry_forward(curves.errors(trials)[:, points], curves.final_errors[trials])


def _split_trials(curves: Curves) -> Iterator[slice]:
    """Return slices that cover all trials."""
    length = max(1, BLOCK_BYTES // (32 * len(curves.gradients)))
    return (slice(low, low + length) for low in range(0, len(curves.final_errors), length))
