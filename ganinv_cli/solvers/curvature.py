"""What a quasi-Newton method remembers of the curvature, for each row of a batch."""

from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.solvers.rows import where

NEGLIGIBLE = 1e-7  # cosine between move and change below which a pair is rounding
REMAINING = 1e-2  # share of a pair's curvature that must lie among the free components


class Pairs(NamedTuple):
    """Moves and the changes of the gradient over them, the newest last; weight 0 is no pair."""

    moves: tf.Tensor  # (batch, memory, latent), s = z' - z
    changes: tf.Tensor  # (batch, memory, latent), y = gradient' - gradient
    weights: tf.Tensor  # (batch, memory), 1 / sᵀy
    scale: tf.Tensor  # (batch,), sᵀy / yᵀWy of the newest pair; 0 while there is none


def none(z: tf.Tensor, memory: int) -> Pairs:
    """Room for `memory` pairs a row of z (batch, latent)."""
    rows = tf.shape(z)[0]
    pairs = tf.zeros([rows, memory, z.shape[1]], z.dtype)
    return Pairs(pairs, pairs, tf.zeros([rows, memory], z.dtype), tf.zeros([rows], z.dtype))


def extended(
    pairs: Pairs, rows: tf.Tensor, move: tf.Tensor, change: tf.Tensor, metric: tf.Tensor | None
) -> Pairs:
    """With one more pair in these rows (batch,), unless its curvature is not above rounding."""
    curvature = dot(move, change)
    useful = curvature > NEGLIGIBLE * tf.norm(move, axis=-1) * tf.norm(change, axis=-1)
    weight = tf.where(useful, 1 / curvature, tf.zeros_like(curvature))
    longer = Pairs(
        tf.concat([pairs.moves[:, 1:], move[:, None]], 1),
        tf.concat([pairs.changes[:, 1:], change[:, None]], 1),
        tf.concat([pairs.weights[:, 1:], weight[:, None]], 1),
        curvature / dot(change, _raised(change, metric)),
    )
    return where(rows & useful, longer, pairs)


def forgotten(pairs: Pairs, rows: tf.Tensor) -> Pairs:
    """Without any pair in these rows (batch,)."""
    return where(rows, Pairs(*(tf.zeros_like(field) for field in pairs)), pairs)


def inverse_hessian_times(
    pairs: Pairs, gradient: tf.Tensor, free: tf.Tensor, metric: tf.Tensor | None
) -> tf.Tensor:
    """H gradient by the two-loop recursion, H⁻¹ the Hessian among each row's free components.

    Nocedal & Wright 2006, algorithm 7.4, from H₀ = scale · W with W the metric (the identity where
    it is None). `free` is (batch, latent), 1 or 0: with a component held, the moves are cut down to
    the free ones before their curvature is taken, since a block of H is not the inverse of a block.
    """
    moves = tf.unstack(pairs.moves * free[:, None], axis=1)
    changes = tf.unstack(pairs.changes * free[:, None], axis=1)
    weights = tf.unstack(_reweighted(pairs, free), axis=1)
    q = free * gradient
    shares = []
    for s, y, weight in zip(reversed(moves), reversed(changes), reversed(weights), strict=True):
        share = weight * dot(s, q)
        q -= share[:, None] * y
        shares.append(share)
    scale = tf.where(pairs.scale == 0, tf.ones_like(pairs.scale), pairs.scale)
    r = scale[:, None] * free * _raised(q, metric)
    for s, y, weight, share in zip(moves, changes, weights, reversed(shares), strict=True):
        r += (share - weight * dot(y, r))[:, None] * s
    return r


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Row by row, over the last axis."""
    return tf.reduce_sum(a * b, -1)


def _reweighted(pairs: Pairs, free: tf.Tensor) -> tf.Tensor:
    """1 / sᵀy among the free components; 0 where too little of it is left to be trusted."""
    left = tf.reduce_sum(pairs.moves * pairs.changes * free[:, None], -1)
    trusted = left * pairs.weights > REMAINING
    return tf.where(trusted, 1 / left, tf.zeros_like(left))


def _raised(gradient: tf.Tensor, metric: tf.Tensor | None) -> tf.Tensor:
    return gradient if metric is None else tf.matmul(gradient, metric)
