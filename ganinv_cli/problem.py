"""The problem to solve: explain these images by a generator's latent vectors."""

from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.network.generator import Generator
from ganinv_cli.preconditioner import Level, Norm

SAFETY = 1.0  # of the bound on the error of z; docs/solvers.md has how often it held
PADDED = 8  # rows of a part of the batch are made a multiple of this: few shapes, few kernels


class Evaluation(NamedTuple):
    """A problem's value at one latent vector a row."""

    image_loss: tf.Tensor  # (batch,), ‖G(z) − x‖², summed over the pixels that count
    objective: tf.Tensor  # (batch,), what is minimised: the loss, weighted or not, and the wall
    gradient: tf.Tensor  # (batch, latent), of the objective
    bound: tf.Tensor  # (batch,), ‖z − z_true‖² / latent is less, near a z that leaves nothing


class Problem(NamedTuple):
    """Find z with G(z) = x, for each row its own x (Lipton & Tripathi 2017, equation 1).

    Where the right z leaves nothing of the image, ‖r‖² and any rᵀWr have the same minimum, and the
    one that is minimised is level. Where it leaves something, it is the image loss.
    """

    generator: Generator
    targets: tf.Tensor  # (batch, height, width, channels) in [-1, 1]
    wall: tf.Tensor  # (batch,), weight of Σ relu(distance outside the prior's bounds)²
    residual: tf.Tensor  # (batch,), image loss that the right z leaves at most; inf where unknown
    stationary: float = 1e-4  # share of an image loss by which a fall is none, where z leaves one
    level: Level | None = None
    mixed: bool = False  # whether rows may be rough
    mask: tf.Tensor | None = None  # (height, width, 1), 1 where a pixel counts and 0 where not
    labels: tf.Tensor | None = None  # (batch,) int32, where the generator asks for them

    def evaluate(self, z: tf.Tensor, rough: tf.Tensor | None = None) -> Evaluation:
        """One gradient a row: a forward pass and a backward pass to z (batch, latent).

        In the rows (batch,) that are `rough` it is computed in bfloat16.
        """
        if rough is None or not self.mixed:
            return self._evaluated(z)
        batch = tf.shape(z)[0]
        found = [tf.zeros(shape, z.dtype) for shape in ([batch], [batch], tf.shape(z), [batch])]
        for rows, precision in ((~rough, z.dtype), (rough, tf.bfloat16)):
            found = self._where_any(z, rows, precision, found)
        return Evaluation(*found)

    def _where_any(
        self, z: tf.Tensor, rows: tf.Tensor, precision: tf.DType, found: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        some: list[tf.Tensor] = tf.cond(
            tf.reduce_any(rows), lambda: self._part(z, rows, precision, found), lambda: found
        )
        return some

    def _part(
        self, z: tf.Tensor, rows: tf.Tensor, precision: tf.DType, found: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """What was found, with these rows (batch,) evaluated in this precision."""
        places = tf.where(rows)[:, 0]
        missing = -tf.size(places) % PADDED
        places = tf.concat([places, tf.fill([missing], places[0])], 0)
        rows = {name: getattr(self, name) for name in _ROWS}
        some = {name: tf.gather(row, places) for name, row in rows.items() if row is not None}
        here = self._replace(**some)._evaluated(tf.gather(z, places), precision)
        return [
            tf.tensor_scatter_nd_update(whole, places[:, None], part)
            for whole, part in zip(found, here, strict=True)
        ]

    def _evaluated(self, z: tf.Tensor, precision: tf.DType | None = None) -> Evaluation:
        with tf.GradientTape() as tape:
            tape.watch(z)
            images = self.generator(tf.cast(z, self.targets.dtype), precision, self.labels)
            residuals = images - self.targets
            counted = residuals if self.mask is None else residuals * self.mask
            image_loss = tf.reduce_sum(counted * residuals, [1, 2, 3])
            loss = self._weighted(counted, image_loss)
        gradient = tf.cast(tape.gradient(loss, z), z.dtype)
        prior = self.generator.prior
        # signed, by component
        beyond = tf.maximum(z - prior.high, 0) - tf.maximum(prior.low - z, 0)
        wall = tf.cast(self.wall, z.dtype)
        loss = tf.cast(loss, z.dtype)
        return Evaluation(
            image_loss,
            loss + wall * tf.reduce_sum(beyond**2, -1),
            gradient + 2 * wall[:, None] * beyond,
            self._bound(loss),
        )

    @property
    def may_be_rough(self) -> tf.Tensor:
        """Which rows (batch,): a residual would drown what bfloat16 still sees."""
        return self._exact & self.mixed

    @property
    def _exact(self) -> tf.Tensor:
        return self.residual == 0

    def _weighted(self, residuals: tf.Tensor, image_loss: tf.Tensor) -> tf.Tensor:
        """rᵀWr in the rows that are exact, in the others ‖r‖²."""
        if self.level is None:
            return image_loss
        flat = tf.reshape(residuals, [-1, self.level.basis.shape[0]])
        excess = tf.cond(
            tf.reduce_any(self._exact),
            lambda: tf.reduce_sum(self.level.excess * tf.matmul(flat, self.level.basis) ** 2, 1),
            lambda: tf.zeros_like(image_loss),
        )
        return tf.where(self._exact, image_loss - excess, image_loss)

    def _bound(self, loss: tf.Tensor) -> tf.Tensor:
        """‖z − z_true‖² ≤ loss / σ², σ² the least eigenvalue of JᵀWJ, were G linear on the way.

        Where nobody measured one, the loss itself: that of 1 / latent.
        """
        if self.level is None:
            return loss
        plain, weighted = (
            SAFETY * loss / (norm.least * self.generator.latent)
            for norm in (self.level.plain, self.level.weighted)
        )
        return tf.where(self._exact, weighted, plain)

    def inverse(self, objective: tf.Tensor) -> tf.Tensor | None:
        """H₀ (batch, latent, latent) at such an objective (batch,); plain up to a factor."""
        if self.level is None:
            return None
        plain, weighted = (
            _inverse(norm, objective) for norm in (self.level.plain, self.level.weighted)
        )
        return tf.where(self._exact[:, None, None], weighted, plain)


_ROWS = ("targets", "wall", "residual", "labels")


def _inverse(norm: Norm, objective: tf.Tensor) -> tf.Tensor:
    values = 0.5 / (norm.spectrum + norm.damping * objective[:, None])
    return tf.matmul(norm.vectors * values[:, None], norm.vectors, transpose_b=True)
