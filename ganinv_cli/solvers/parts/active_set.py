"""A quasi-Newton step that ends inside the bounds."""

import tensorflow as tf

from ganinv_cli.limits import MAX_SQUARE_LATENT
from ganinv_cli.solvers.parts import lbfgs_history
from ganinv_cli.solvers.parts.lbfgs_history import History
from ganinv_cli.solvers.parts.row_clipping import RowClipping

MAX_ROUNDS = 4
DAMPING = 1e-6  # relative to the mean diagonal of H, so that it is not singular in float32


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
    inverse = _regularise(
        lbfgs_history.multiply_inverse_hessian(selected, identity, initial_inverse), identity
    )
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


def _regularise(inverse: tf.Tensor, identity: tf.Tensor) -> tf.Tensor:
    """Return H plus a small multiple of the identity; the identity in rows that are not finite."""
    finite = tf.reduce_all(tf.math.is_finite(inverse), [1, 2], keepdims=True)
    scale = tf.reduce_mean(tf.linalg.diag_part(inverse), -1)[:, None, None]
    return tf.where(finite, inverse + DAMPING * scale * identity, identity)
