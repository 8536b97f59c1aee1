"""Least squares: the descent that polishing, the test for a minimum and re-enactment share."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

SINGULAR_CUTOFF = 1e-12  # relative to the largest eigenvalue of JᵀJ; smaller ones are rounding
DAMPING_FACTOR = 4.0
ATTEMPTS = 10  # to find the damping of a step that lowers the loss
_NO_EFFECT = 1e-12  # least diagonal entry of JᵀJ, relative to the largest
_TINY = 1e-300  # the same, if all are 0


class Point(NamedTuple):
    """A place of a descent; its linear model is computed only if the descent goes on from it."""

    x: np.ndarray  # (n,) float64
    loss: float  # ‖r(x)‖²
    linearise: Callable[[], tuple[np.ndarray, np.ndarray]]  # -> Jᵀr (n,), JᵀJ (n, n)


def minimise_squares(
    evaluate: Callable[[np.ndarray], Point],
    x: np.ndarray,
    low: np.ndarray | float,
    high: np.ndarray | float,
    *,
    steps: int,
    damping: float = 0.0,
    attempts: int = ATTEMPTS,
    is_enough: Callable[[list[float]], bool] = lambda losses: False,
) -> tuple[Point, int]:
    """Return the last point that lowered ‖r(x)‖², low ≤ x ≤ high, and how many were evaluated.

    A step is x <- x − (JᵀJ + damping · diag JᵀJ)⁻¹ Jᵀr (Marquardt 1963; Gauss–Newton without
    damping), in the components that are inside the bounds or move inwards. Damping decreases after
    a step; if the loss is not lower, it increases, and without damping the descent ends. It ends
    after `steps`, too, and if the losses so far are enough.
    """
    point, normal, free = evaluate(x), None, np.zeros(len(x), bool)
    losses, evaluations = [point.loss], 1
    while len(losses) <= steps and not is_enough(losses):
        last = normal, free
        slope, normal = point.linearise()
        free = find_free(point.x, slope, low, high)
        if not free.any():
            break
        if normal is not last[0] or (free != last[1]).any():  # else the last ones serve
            scale, values, vectors = _decompose(normal[np.ix_(free, free)])
        for _ in range(attempts if damping else 1):
            move = np.zeros_like(point.x)
            along = vectors.T @ (-slope[free] / scale)
            move[free] = vectors @ (along / (values + damping)) / scale
            candidate = evaluate((point.x + move).clip(low, high))
            evaluations += 1
            if candidate.loss < point.loss:
                break
            damping *= DAMPING_FACTOR
        else:
            break
        point, damping = candidate, damping / DAMPING_FACTOR
        losses.append(point.loss)
    return point, evaluations


def find_free(
    x: np.ndarray, slope: np.ndarray, low: np.ndarray | float, high: np.ndarray | float
) -> np.ndarray:
    """Return which components (n,) are free: inside the bounds, or moving inwards."""
    return ((x > low) | (slope < 0)) & ((x < high) | (slope > 0))


def compute_gram(columns: np.ndarray) -> np.ndarray:
    """Return A Aᵀ (n, n) float64 of A (n, values), by TensorFlow, which shares its threads."""
    values = tf.constant(columns, tf.float64)
    gram: np.ndarray = tf.matmul(values, values, transpose_b=True).numpy()
    return gram


def _decompose(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scales (n,) and the eigenvalues (k,) and vectors (n, k) of the scaled matrix.

    Its diagonal is 1, so one decomposition serves any damping. It is TensorFlow's, which shares its
    threads.
    """
    diagonal = np.diag(normal)
    scale = np.sqrt(diagonal.clip(max(diagonal.max() * _NO_EFFECT, _TINY), None))
    values, vectors = (each.numpy() for each in tf.linalg.eigh(normal / np.outer(scale, scale)))
    kept = values > SINGULAR_CUTOFF * values[-1]
    return scale, values[kept], vectors[:, kept]
