"""What a quasi-Newton method remembers of the curvature, for each row of a batch."""

from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.solvers.solver import where

NEGLIGIBLE = 1e-7  # cosine between move and change below which a pair is rounding


class Pairs(NamedTuple):
    """Moves and the changes of the gradient over them, the newest last; weight 0 is no pair."""

    moves: tf.Tensor  # (batch, memory, latent), s = z' - z
    changes: tf.Tensor  # (batch, memory, latent), y = gradient' - gradient
    weights: tf.Tensor  # (batch, memory), 1 / sᵀy

    @property
    def none(self) -> tf.Tensor:
        """Which rows (batch,) have no pair."""
        return self.weights[:, -1] == 0


def none(z: tf.Tensor, memory: int) -> Pairs:
    """Room for `memory` pairs a row of z (batch, latent)."""
    rows = tf.shape(z)[0]
    pairs = tf.zeros([rows, memory, z.shape[1]], z.dtype)
    return Pairs(pairs, pairs, tf.zeros([rows, memory], z.dtype))


def extended(pairs: Pairs, rows: tf.Tensor, move: tf.Tensor, change: tf.Tensor) -> Pairs:
    """With one more pair in these rows (batch,), unless its curvature is not above rounding."""
    curvature = dot(move, change)
    useful = curvature > NEGLIGIBLE * tf.norm(move, axis=-1) * tf.norm(change, axis=-1)
    weight = tf.where(useful, 1 / curvature, tf.zeros_like(curvature))
    longer = Pairs(
        tf.concat([pairs.moves[:, 1:], move[:, None]], 1),
        tf.concat([pairs.changes[:, 1:], change[:, None]], 1),
        tf.concat([pairs.weights[:, 1:], weight[:, None]], 1),
    )
    return where(rows & useful, longer, pairs)


def forgotten(pairs: Pairs, rows: tf.Tensor) -> Pairs:
    """Without any pair in these rows (batch,)."""
    return where(rows, Pairs(*(tf.zeros_like(field) for field in pairs)), pairs)


def inverse_hessian_times(pairs: Pairs, q: tf.Tensor, metric: tf.Tensor | None) -> tf.Tensor:
    """H q for each row, H⁻¹ its Hessian: q and H q are (batch, latent, columns).

    The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4) from H₀ = scale · W with W the
    metric, (batch, latent, latent) or the identity where it is None, and scale = sᵀy / yᵀWy of the
    newest pair (1 where there is none); each loop as the triangular system that it solves. With
    S, Y the moves and changes in rows, R the upper triangle of S Yᵀ and D its diagonal:
    R α = S q;  r = H₀ (q − Yᵀ α);  Rᵀ β = D α − Y r;  H q = r + Sᵀ β.
    """
    moves, changes = pairs.moves, pairs.changes
    products = tf.matmul(moves, changes, transpose_b=True)
    diagonal = tf.linalg.diag_part(products) + tf.cast(pairs.weights == 0, q.dtype)  # 1 for no pair
    triangle = tf.linalg.set_diag(tf.linalg.band_part(products, 0, -1), diagonal)
    first = tf.linalg.triangular_solve(triangle, tf.matmul(moves, q), lower=False)
    q -= tf.matmul(changes, first, transpose_a=True)
    r = _scale(pairs, metric)[:, None, None] * _times(metric, q)
    right = diagonal[..., None] * first - tf.matmul(changes, r)
    second = tf.linalg.triangular_solve(triangle, right, lower=False, adjoint=True)
    return r + tf.matmul(moves, second, transpose_a=True)


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Row by row, over the last axis."""
    return tf.reduce_sum(a * b, -1)


def _scale(pairs: Pairs, metric: tf.Tensor | None) -> tf.Tensor:
    move, change = pairs.moves[:, -1], pairs.changes[:, -1]
    scale = dot(move, change) / dot(change, _times(metric, change[..., None])[..., 0])
    return tf.where(pairs.none, tf.ones_like(scale), scale)


def _times(metric: tf.Tensor | None, q: tf.Tensor) -> tf.Tensor:
    return q if metric is None else tf.matmul(metric, q)
