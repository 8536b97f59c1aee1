"""The clipping rules on a batch: each row of z follows the rule of its own trial."""

from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.prior import Prior
from ganinv_cli.randomness import Purpose, uniform


class RowClipping(NamedTuple):
    """The rule of each row of a batch, and the random stream of each row's trial."""

    prior: Prior
    seed: int
    trials: tf.Tensor  # (batch,) int64
    starts: tf.Tensor  # (batch,) int64, the number of each trial's current start
    clamping: tf.Tensor  # (batch,) bool
    redrawing: tf.Tensor  # (batch,) bool

    def clip_to_bounds(self, z: tf.Tensor) -> tf.Tensor:
        """Return z (batch, latent), in clamping rows with each component inside the bounds."""
        clamped = tf.clip_by_value(z, self.prior.low, self.prior.high)
        return tf.where(self.clamping[:, None], clamped, z)

    def find_blocked(self, z: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
        """Return which components of clamping rows are at a bound and would move outwards.

        `z`, `direction` and the result, bool, are (batch, latent).
        """
        outwards = ((z <= self.prior.low) & (direction < 0)) | (
            (z >= self.prior.high) & (direction > 0)
        )
        return self.clamping[:, None] & outwards

    def find_redrawable(self, z: tf.Tensor) -> tf.Tensor:
        """Return which rows (batch,) redraw and have a component at or beyond a bound."""
        return self.redrawing & tf.reduce_any(self.prior.is_outside(z), -1)

    def find_outside(self, z: tf.Tensor) -> tf.Tensor:
        """Return which rows (batch,) have a component beyond a bound that their rule keeps.

        Such a row has not converged. At a bound is inside.
        """
        beyond = (z < self.prior.low) | (z > self.prior.high)
        return (self.clamping | self.redrawing) & tf.reduce_any(beyond, -1)

    def measure_excess(self, z: tf.Tensor) -> tf.Tensor:
        """Return the mean squared distance (batch,) of the components of z to the bounds."""
        clamped = tf.clip_by_value(z, self.prior.low, self.prior.high)
        return tf.reduce_mean((z - clamped) ** 2, -1)

    def redraw(self, z: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Return z, in redrawing rows with each component outside drawn anew from the prior.

        `count` (batch,) int64 is the number of redraws so far in each row's current start.
        """
        share = uniform(self.seed, self.trials, Purpose.redraw, count, z.shape[1], self.starts)
        fresh = tf.cast(self.prior.quantile(share), z.dtype)
        return tf.where(self.redrawing[:, None] & self.prior.is_outside(z), fresh, z)
