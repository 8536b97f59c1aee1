"""A frozen generator: latent vectors in, images out."""

from collections.abc import Callable
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli import layers as kinds
from ganinv_cli.formats.checkpoint import Checkpoint
from ganinv_cli.layers import Layer
from ganinv_cli.prior import Uniform

BatchNormMode = Literal["frozen", "batch"]

FEW = 8  # outputs of a transposed convolution; so few leave most of a vector register idle
WHOLE = 2**31
# outputs and inputs of a transposed convolution above which its CPU kernels fall out of the cache
BLOCKS = {tf.float32: (128, WHOLE), tf.bfloat16: (WHOLE, 256)}


class Generator:
    """z (batch, latent) -> images (batch, height, width, channels) in [-1, 1].

    With `batch_norm="frozen"` a row's image depends on that row alone. With `"batch"` each batch
    norm uses the moments of the batch it sees, as the paper's code did, which couples the rows.
    Computes in the precision of z: float32, float64 or bfloat16. Has at least two layers.
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
        self._by_precision: dict[tf.DType, list[_Built]] = {}

    def __call__(self, z: tf.Tensor, precision: tf.DType | None = None) -> tf.Tensor:
        """Images in the precision of z; all layers but the first and the last in another."""
        z = tf.convert_to_tensor(z)
        inner = precision or z.dtype
        first, *_, last = self._built(z.dtype)
        x = tf.cast(first.apply(z), inner)
        for layer in self._built(inner)[1:-1]:
            x = layer.apply(x)
        return last.apply(tf.cast(x, z.dtype))

    def moved(self, z: tf.Tensor, moves: tf.Tensor) -> tf.Tensor:
        """J moves (n, height, width, channels) for moves (n, latent), J = dG/dz at z (1, latent).

        Exact but for rounding, in the precision of the moves, which may be less than that of z.
        Costs a forward pass a move. Asks for frozen statistics.
        """
        x, moves = tf.convert_to_tensor(z), tf.convert_to_tensor(moves)
        for here, there in zip(self._built(x.dtype), self._built(moves.dtype), strict=True):
            x = here.apply(x)
            moves = there.move(moves, x)
        return moves

    def _built(self, precision: tf.DType) -> list["_Built"]:
        """The layers in one precision, their weights as tensors that all graphs share."""
        if precision not in self._by_precision:
            with tf.init_scope():  # a graph's own would be a copy in every graph
                self._by_precision[precision] = [
                    _BUILD[type(layer)](layer, precision) for layer in self.layers
                ]
        return self._by_precision[precision]

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
            return tf.function(self.__call__, signature, autograph=False)  # type: ignore[no-any-return]

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


class _Built(NamedTuple):
    """What a layer does in one precision."""

    apply: Callable[[tf.Tensor], tf.Tensor]
    move: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # J moves, from the moves and what it made


def _linear(linear: Callable[[tf.Tensor], tf.Tensor], bias: tf.Tensor | None = None) -> _Built:
    def apply(x: tf.Tensor) -> tf.Tensor:
        return linear(x) if bias is None else tf.nn.bias_add(linear(x), bias)

    return _Built(apply, lambda moves, _: linear(moves))


def _dense(layer: kinds.Dense, precision: tf.DType) -> _Built:
    weights = tf.cast(layer.weights, precision)
    return _linear(lambda x: tf.matmul(x, weights), tf.cast(layer.bias, precision))


def _reshape(layer: kinds.Reshape, precision: tf.DType) -> _Built:
    return _linear(lambda x: tf.reshape(x, [-1, *layer.shape]))


def _conv_transpose(layer: kinds.ConvTranspose, precision: tf.DType) -> _Built:
    few = layer.weights.shape[2] < FEW and layer.stride > 1
    upsample = (_by_phases if few else _in_blocks)(layer, precision)
    return _linear(upsample, tf.cast(layer.bias, precision))


def _by_phases(layer: kinds.ConvTranspose, precision: tf.DType) -> Callable[[tf.Tensor], tf.Tensor]:
    """By one convolution that makes the stride² pixels of each input pixel as channels."""
    kernel = tf.cast(kinds.phases(layer), precision)
    return lambda x: tf.nn.depth_to_space(tf.nn.conv2d(x, kernel, 1, "SAME"), layer.stride)


def _in_blocks(layer: kinds.ConvTranspose, precision: tf.DType) -> Callable[[tf.Tensor], tf.Tensor]:
    """By transposed convolutions of some inputs to some outputs, as many as are fast together."""
    outputs, inputs = BLOCKS.get(precision, (WHOLE, WHOLE))
    kernels = [
        [tf.cast(kernel, precision) for kernel in _cut(block, inputs, 3)]
        for block in _cut(layer.weights, outputs, 2)
    ]

    def upsampled(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        height, width = (side * layer.stride for side in x.shape[1:3])
        shape = [tf.shape(x)[0], height, width, kernel.shape[2]]
        return tf.nn.conv2d_transpose(x, kernel, shape, layer.stride, "SAME")

    def upsample(x: tf.Tensor) -> tf.Tensor:
        parts = tf.split(x, [kernel.shape[3] for kernel in kernels[0]], -1)
        return tf.concat([tf.add_n([*map(upsampled, parts, block)]) for block in kernels], -1)

    return upsample


def _cut(weights: np.ndarray, most: int, axis: int) -> list[np.ndarray]:
    return np.split(weights, range(most, weights.shape[axis], most), axis)


def _batch_norm(layer: kinds.BatchNorm, precision: tf.DType) -> _Built:
    gamma, beta = tf.cast(layer.gamma, precision), tf.cast(layer.beta, precision)

    def apply(x: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)

    def move(moves: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError("the statistics of a batch couple its rows")

    return _Built(apply, move)


def _activation(layer: kinds.Activation, precision: tf.DType) -> _Built:
    slope = _SLOPES[layer.name]
    return _Built(
        getattr(tf.nn, layer.name), lambda moves, made: moves * tf.cast(slope(made), moves.dtype)
    )


_BUILD: dict[type[Layer], Callable[..., _Built]] = {
    kinds.Dense: _dense,
    kinds.Reshape: _reshape,
    kinds.ConvTranspose: _conv_transpose,
    kinds.BatchNorm: _batch_norm,
    kinds.Activation: _activation,
}
# of the activations, from what they made
_SLOPES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": lambda made: made > 0,
    "tanh": lambda made: 1 - made**2,
}
