"""What is done about components of z that leave the prior's bounds.

none        they stay where they are
standard    they are set to the bound they crossed
stochastic  they are drawn anew from the prior, each on its own
wall        no rule of the paper's: a penalty 100 Σ relu(distance outside)² joins the loss

Rows of one batch may follow different rules, so a rule is data and the functions act by row.
"""

from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.prior import Prior
from ganinv_cli.randomness import Purpose, uniform


@dataclass(frozen=True)
class ClippingRule:
    """What happens to the components that left the bounds."""

    clamping: bool = False
    redrawing: bool = False
    penalty: float = 0.0  # weight of the penalty in the loss


RULES = {
    "none": ClippingRule(),
    "standard": ClippingRule(clamping=True),
    "stochastic": ClippingRule(redrawing=True),
    "wall": ClippingRule(penalty=100.0),
}


class Clipping(NamedTuple):
    """The rules of a batch's rows, and the streams of their trials."""

    prior: Prior
    seed: int
    trials: tf.Tensor  # (batch,) int64
    starts: tf.Tensor  # (batch,) int64, the number of each trial's present start
    clamping: tf.Tensor  # (batch,) bool
    redrawing: tf.Tensor  # (batch,) bool

    def clip_to_bounds(self, z: tf.Tensor) -> tf.Tensor:
        """Set what left the bounds to the bound it crossed, in the rows that clamp."""
        clamped = tf.clip_by_value(z, self.prior.low, self.prior.high)
        return tf.where(self.clamping[:, None], clamped, z)

    def find_blocked(self, z: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
        """Which components of a clamping row are at a bound and would be moved outwards."""
        outwards = ((z <= self.prior.low) & (direction < 0)) | (
            (z >= self.prior.high) & (direction > 0)
        )
        return self.clamping[:, None] & outwards

    def find_redrawable(self, z: tf.Tensor) -> tf.Tensor:
        """Which rows (batch,) redraw and have something to redraw."""
        return self.redrawing & tf.reduce_any(self.prior.is_outside(z), -1)

    def redraw(self, z: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Draw what left the bounds anew, in the rows that redraw: their start's redraw `count`."""
        share = uniform(self.seed, self.trials, Purpose.redraw, count, z.shape[1], self.starts)
        fresh = tf.cast(self.prior.quantile(share), z.dtype)
        return tf.where(self.redrawing[:, None] & self.prior.is_outside(z), fresh, z)
