"""The L-BFGS model of each row: pairs of moves and gradient changes, and the steps it gives."""

from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.generators.network.layers import MAX_SQUARE_LATENT
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping
from ganinv_cli.inversion.solvers.parts.state import select_rows

MIN_CURVATURE_COSINE = 1e-7  # between move and change; a pair with less may be rounding alone
MAX_ROUNDS = 4  # of the active set
DAMPING = 1e-6  # relative to the mean diagonal of H, so that it is not singular in float32


class History(NamedTuple):
    """Moves and changes of the gradient over them, the newest last; a pair of weight 0 is empty."""

    moves: tf.Tensor  # (batch, memory, latent), s = z' - z
    changes: tf.Tensor  # (batch, memory, latent), y = gradient' - gradient
    weights: tf.Tensor  # (batch, memory), 1 / sᵀy

    @property
    def is_empty(self) -> tf.Tensor:
        """Rows (batch,) without a pair."""
        return self.weights[:, -1] == 0


def empty_history(z: tf.Tensor, memory: int) -> History:
    """Return a history without pairs, for up to `memory` pairs per row of z (batch, latent)."""
    rows = tf.shape(z)[0]
    zeros = tf.zeros([rows, memory, z.shape[1]], z.dtype)
    return History(zeros, zeros, tf.zeros([rows, memory], z.dtype))


def append_pair(history: History, rows: tf.Tensor, move: tf.Tensor, change: tf.Tensor) -> History:
    """Return the history with one more pair in these rows (batch,), if its curvature is usable."""
    curvature = dot(move, change)
    useful = curvature > MIN_CURVATURE_COSINE * tf.norm(move, axis=-1) * tf.norm(change, axis=-1)
    weight = tf.where(useful, 1 / curvature, tf.zeros_like(curvature))
    longer = History(
        tf.concat([history.moves[:, 1:], move[:, None]], 1),
        tf.concat([history.changes[:, 1:], change[:, None]], 1),
        tf.concat([history.weights[:, 1:], weight[:, None]], 1),
    )
    return select_rows(rows & useful, longer, history)


def forget_pairs(history: History, rows: tf.Tensor) -> History:
    """Return the history without any pair in these rows (batch,)."""
    return select_rows(rows, History(*map(tf.zeros_like, history)), history)


def multiply_inverse_hessian(
    history: History, q: tf.Tensor, initial_inverse: tf.Tensor | None
) -> tf.Tensor:
    """Return H q for each row, H⁻¹ its Hessian: q and H q are (batch, latent, columns).

    The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4) from H₀ = scale · W with W the
    `initial_inverse` (batch, latent, latent), the identity if it is None, and
    scale = sᵀy / yᵀWy of the newest pair (1 without pairs). Each loop is computed as the triangular
    system that it solves. With S, Y the moves and changes in rows, R the upper triangle of S Yᵀ, D
    its diagonal:
    R α = S q;  r = H₀ (q − Yᵀ α);  Rᵀ β = D α − Y r;  H q = r + Sᵀ β.
    """
    moves, changes = history.moves, history.changes
    products = tf.matmul(moves, changes, transpose_b=True)
    diagonal = tf.linalg.diag_part(products) + tf.cast(
        history.weights == 0, q.dtype
    )  # 1 without pairs
    triangle = tf.linalg.set_diag(tf.linalg.band_part(products, 0, -1), diagonal)
    first = tf.linalg.triangular_solve(triangle, tf.matmul(moves, q), lower=False)
    q -= tf.matmul(changes, first, transpose_a=True)
    r = _compute_scale(history, initial_inverse)[:, None, None] * _multiply_initial(
        initial_inverse, q
    )
    right = diagonal[..., None] * first - tf.matmul(changes, r)
    second = tf.linalg.triangular_solve(triangle, right, lower=False, adjoint=True)
    return r + tf.matmul(moves, second, transpose_a=True)


def step_within_bounds(
    history: History,
    initial_inverse: tf.Tensor | None,
    newton_step: tf.Tensor,
    z: tf.Tensor,
    blocked: tf.Tensor,
    clipping: RowClipping,
) -> tf.Tensor:
    """Return the step (batch, latent), in clamping rows to the minimum of their bounded model.

    The model is quadratic, with inverse Hessian H; its step without bounds is `newton_step`. The
    active components A move exactly to their bounds, by δ. The step is d = newton_step + H λ, with
    λ = 0 outside A and d = δ in A. A begins with the `blocked` components. The primal-dual active
    set method (Hintermüller, Ito & Kunisch 2002) adds the components that d would move across a
    bound, and removes those whose λ has the wrong sign.

    Above MAX_SQUARE_LATENT components, H is not computed: the `blocked` components stay, and the
    caller clips the others to the bounds.
    """
    if z.shape[1] > MAX_SQUARE_LATENT:
        fixed = clipping.clamping[:, None] & blocked
        return tf.where(fixed, tf.zeros_like(newton_step), newton_step)
    rows = tf.where(clipping.clamping)[:, 0]
    selected = tf.nest.map_structure(lambda field: tf.gather(field, rows), history)
    initial_inverse = None if initial_inverse is None else tf.gather(initial_inverse, rows)
    z, step = tf.gather(z, rows), tf.gather(newton_step, rows)
    identity = tf.eye(z.shape[1], batch_shape=[tf.shape(rows)[0]], dtype=z.dtype)
    inverse = _regularise(multiply_inverse_hessian(selected, identity, initial_inverse), identity)
    down, up = clipping.prior.low - z, clipping.prior.high - z  # to the bounds: ≤ 0, ≥ 0
    high = tf.gather(blocked, rows) & (up <= 0)
    low = tf.gather(blocked, rows) & ~high
    bounded = step
    for _ in range(MAX_ROUNDS):
        active = high | low
        both = active[:, :, None] & active[:, None, :]
        excess = tf.where(active, tf.where(high, up, down) - step, tf.zeros_like(step))
        excess = tf.where(tf.math.is_finite(excess), excess, tf.zeros_like(step))
        multipliers = tf.linalg.solve(tf.where(both, inverse, identity), excess[..., None])
        bounded = step + tf.matmul(inverse, multipliers)[..., 0]
        multipliers = multipliers[..., 0]
        high = tf.where(active, high & (multipliers < 0), bounded > up)
        low = tf.where(active, low & (multipliers > 0), bounded < down)
    bounded = tf.clip_by_value(bounded, down, up)
    return tf.tensor_scatter_nd_update(newton_step, rows[:, None], bounded)


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the dot product of each row, over the last axis."""
    return tf.reduce_sum(a * b, -1)


def _compute_scale(history: History, initial_inverse: tf.Tensor | None) -> tf.Tensor:
    move, change = history.moves[:, -1], history.changes[:, -1]
    scale = dot(move, change) / dot(
        change, _multiply_initial(initial_inverse, change[..., None])[..., 0]
    )
    return tf.where(history.is_empty, tf.ones_like(scale), scale)


def _multiply_initial(initial_inverse: tf.Tensor | None, q: tf.Tensor) -> tf.Tensor:
    return q if initial_inverse is None else tf.matmul(initial_inverse, q)


def _regularise(inverse: tf.Tensor, identity: tf.Tensor) -> tf.Tensor:
    """Return H plus a small multiple of the identity; the identity in rows that are not finite."""
    finite = tf.reduce_all(tf.math.is_finite(inverse), [1, 2], keepdims=True)
    scale = tf.reduce_mean(tf.linalg.diag_part(inverse), -1)[:, None, None]
    return tf.where(finite, inverse + DAMPING * scale * identity, identity)
