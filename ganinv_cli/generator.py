"""A frozen generator: latent vectors in, images out."""

from collections.abc import Callable
from functools import cached_property
from typing import Literal

import numpy as np
import tensorflow as tf

from ganinv_cli import layers as kinds
from ganinv_cli.formats.checkpoint import Checkpoint
from ganinv_cli.layers import Layer
from ganinv_cli.prior import Uniform

BatchNormMode = Literal["frozen", "batch"]


class Generator:
    """z (batch, latent) -> images (batch, height, width, channels) in [-1, 1].

    With `batch_norm="frozen"` a row's image depends on that row alone. With `"batch"` each batch
    norm uses the moments of the batch it sees, as the paper's code did, which couples the rows.
    Computes in the precision of z: float32, float64 or bfloat16.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        batch_norm: BatchNormMode = "frozen",
        prior: Uniform | None = None,
    ) -> None:
        self.prior = prior or Uniform()
        self.batch_norm = batch_norm
        self.sha256 = checkpoint.sha256
        self.layers = kinds.fold(checkpoint.layers) if batch_norm == "frozen" else checkpoint.layers
        self.latent: int = next(x for x in self.layers if isinstance(x, kinds.Dense)).weights.shape[
            0
        ]

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        x = z
        for layer in self.layers:
            x = _APPLY[type(layer)](layer, x)
        return x

    def render(self, z: np.ndarray, block: int, precision: str = "float32") -> np.ndarray:
        """Images (n, height, width, channels) of z (n, latent), so many at a time."""
        images = np.empty((len(z), *self.image_shape), precision)
        for first in range(0, len(z), block):
            part = z[first : first + block]
            padded = np.zeros((block, self.latent), precision)  # one shape for the compiled code
            padded[: len(part)] = part
            images[first : first + block] = self._compiled[precision](padded).numpy()[: len(part)]
        return images

    @cached_property
    def _compiled(self) -> dict[str, Callable[[np.ndarray], tf.Tensor]]:
        def compiled(precision: str) -> Callable[[np.ndarray], tf.Tensor]:
            signature = [tf.TensorSpec([None, self.latent], precision)]
            return tf.function(self.__call__, input_signature=signature)  # type: ignore[no-any-return]

        return {precision: compiled(precision) for precision in ("float32", "float64")}

    @cached_property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return tuple(self(tf.zeros([1, self.latent])).shape[1:])

    @cached_property
    def multiply_adds(self) -> int:
        """Of one forward pass for one image."""
        total, area = 0, 1
        for layer in self.layers:
            if isinstance(layer, kinds.Reshape):
                area = layer.shape[0] * layer.shape[1]
            if isinstance(layer, kinds.Dense | kinds.ConvTranspose):
                total += area * int(np.prod(layer.weights.shape))
            if isinstance(layer, kinds.ConvTranspose):
                area *= layer.stride**2
        return total


def _dense(layer: kinds.Dense, x: tf.Tensor) -> tf.Tensor:
    return tf.matmul(x, tf.cast(layer.weights, x.dtype)) + tf.cast(layer.bias, x.dtype)


def _reshape(layer: kinds.Reshape, x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [-1, *layer.shape])


def _conv_transpose(layer: kinds.ConvTranspose, x: tf.Tensor) -> tf.Tensor:
    height, width = (side * layer.stride for side in x.shape[1:3])
    shape = [tf.shape(x)[0], height, width, layer.weights.shape[2]]
    weights = tf.cast(layer.weights, x.dtype)
    x = tf.nn.conv2d_transpose(x, weights, shape, layer.stride, "SAME")
    return tf.nn.bias_add(x, tf.cast(layer.bias, x.dtype))


def _batch_norm(layer: kinds.BatchNorm, x: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
    gamma, beta = tf.cast(layer.gamma, x.dtype), tf.cast(layer.beta, x.dtype)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)


def _activation(layer: kinds.Activation, x: tf.Tensor) -> tf.Tensor:
    return getattr(tf.nn, layer.name)(x)


_APPLY: dict[type[Layer], Callable[..., tf.Tensor]] = {
    kinds.Dense: _dense,
    kinds.Reshape: _reshape,
    kinds.ConvTranspose: _conv_transpose,
    kinds.BatchNorm: _batch_norm,
    kinds.Activation: _activation,
}
