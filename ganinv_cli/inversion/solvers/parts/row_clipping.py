"""The clipping rules on a batch: each row of z follows the rule of its own trial."""

from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.clipping import REPLACEMENTS
from ganinv_cli.inversion.randomness import Purpose, uniform
from ganinv_cli.prior import Prior


class RowClipping(NamedTuple):
    """The rule of each row of a batch, and the random stream of each row's trial."""

    prior: Prior
    seed: int | tf.Tensor
    trials: tf.Tensor  # (batch,) int64
    starts: tf.Tensor  # (batch,) int64, the number of each trial's current start
    clamping: tf.Tensor  # (batch,) bool
    replacing: tf.Tensor  # (batch,) bool
    replacement: tf.Tensor  # (batch,) int64, its index in REPLACEMENTS; of replacing rows

    def clip_to_bounds(self, z: tf.Tensor) -> tf.Tensor:
        """Return z (batch, latent); in clamping rows each component is set inside the bounds."""
        clamped = self._clamp(z)
        return tf.where(self.clamping[:, None], clamped, z)

    def find_blocked(self, z: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
        """Return which components are at or beyond a bound and would move outwards.

        `z`, `direction` and the result, bool, are (batch, latent).
        """
        return ((z <= self.prior.low) & (direction < 0)) | (
            (z >= self.prior.high) & (direction > 0)
        )

    def find_at_bound(self, z: tf.Tensor) -> tf.Tensor:
        """Return which rows (batch,) have a component at or beyond a bound."""
        return tf.reduce_any(self.prior.is_outside(z), -1)

    def find_replaceable(self, z: tf.Tensor) -> tf.Tensor:
        """Return which rows (batch,) replace and have a component at or beyond a bound."""
        return self.replacing & self.find_at_bound(z)

    def find_clampable(self, z: tf.Tensor) -> tf.Tensor:
        """Return which rows (batch,) clamping may change: those beyond a bound or with NaN."""
        clamped = self._clamp(z)
        return tf.reduce_any(clamped != z, -1)

    def find_outside(self, z: tf.Tensor) -> tf.Tensor:
        """Return which rows (batch,) have a component beyond a bound that their rule keeps.

        Such a row has not converged. At a bound is inside.
        """
        beyond = tf.reduce_any((z < self.prior.low) | (z > self.prior.high), -1)
        return (self.clamping | self.replacing) & beyond

    def find_actions(self, z: tf.Tensor) -> tf.Tensor:
        """Return which kinds of rule change z (batch, latent), or would change it in other rows.

        Returns int64 (batch, ACTION_KINDS), 1 or 0.
        """
        return stack_actions(self.find_clampable(z), self.find_at_bound(z))

    def measure_excess(self, z: tf.Tensor) -> tf.Tensor:
        """Return the mean squared distance (batch,) of the components of z to the bounds."""
        clamped = self._clamp(z)
        return tf.reduce_mean((z - clamped) ** 2, -1)

    def replace(self, z: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Return z; in replacing rows, each component at or beyond a bound is replaced.

        `count` (batch,) int64 is the number of replacements so far in each row's current start.
        """
        outside = self.replacing[:, None] & self.prior.is_outside(z)

        def replace() -> tf.Tensor:
            purpose, latent = Purpose.redraw, z.shape[1]
            share = uniform(self.seed, self.trials, purpose, count, latent, self.starts)
            replaced = z
            for number, find_replacement in enumerate(REPLACEMENTS):
                is_own = outside & (self.replacement == number)[:, None]
                values = tf.cast(find_replacement(z, self.prior, share), z.dtype)
                replaced = tf.where(is_own, values, replaced)
            return replaced

        return tf.cond(tf.reduce_any(outside), replace, lambda: z)  # most steps need no number

    def _clamp(self, z: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(z, self.prior.low, self.prior.high)


def stack_actions(clamps: tf.Tensor, replacements: tf.Tensor) -> tf.Tensor:
    """Return the actions, bool (batch,) for each kind, as one int64 (batch, ACTION_KINDS)."""
    return tf.cast(tf.stack([clamps, replacements], -1), tf.int64)
