"""The problem to solve: explain these images by a generator's latent vectors."""

from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.generator import Generator


class Evaluation(NamedTuple):
    """A problem's value at one latent vector a row."""

    image_loss: tf.Tensor  # (batch,), ‖G(z) − x‖², summed over the pixels that count
    objective: tf.Tensor  # (batch,), what is minimised: the image loss and the wall
    gradient: tf.Tensor  # (batch, latent), of the objective


class Problem(NamedTuple):
    """Find z with G(z) = x, for each row its own x (Lipton & Tripathi 2017, equation 1)."""

    generator: Generator
    targets: tf.Tensor  # (batch, height, width, channels) in [-1, 1]
    wall: tf.Tensor  # (batch,), weight of Σ relu(distance outside the prior's bounds)²
    residual: tf.Tensor  # (batch,), image loss that the right z leaves at most; inf where unknown
    stationary: float = 1e-4  # share of an image loss by which a fall is none, where z leaves one
    metric: tf.Tensor | None = None  # (latent, latent), M^(-1/2) with M the mean JᵀJ over the prior
    mask: tf.Tensor | None = None  # (height, width, 1), 1 where a pixel counts and 0 where not

    def evaluate(self, z: tf.Tensor) -> Evaluation:
        """One gradient a row: a forward pass and a backward pass to z (batch, latent)."""
        with tf.GradientTape() as tape:
            tape.watch(z)
            images = self.generator(tf.cast(z, self.targets.dtype))
            squares = tf.math.squared_difference(images, self.targets)
            counted = squares if self.mask is None else squares * self.mask
            image_loss = tf.reduce_sum(counted, [1, 2, 3])
        gradient = tf.cast(tape.gradient(image_loss, z), z.dtype)
        prior = self.generator.prior
        beyond = tf.maximum(z - prior.high, 0) - tf.maximum(
            prior.low - z, 0
        )  # signed, by component
        wall = tf.cast(self.wall, z.dtype)
        objective = tf.cast(image_loss, z.dtype) + wall * tf.reduce_sum(beyond**2, -1)
        return Evaluation(image_loss, objective, gradient + 2 * wall[:, None] * beyond)
