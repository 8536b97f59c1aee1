"""What each kind of layer does in TensorFlow."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.network import convolutions
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Layer

Apply = Callable[..., tf.Tensor]  # of (batch, …) tensors, one for each input


class Built(NamedTuple):
    """What a layer does in one precision."""

    apply: Apply
    linear: Apply | None = None  # the same without its shift, where that is a linear map


def built(layer: Layer, precision: tf.DType) -> Built:
    """A layer with its weights as tensors."""
    return _BUILD[type(layer)](layer, precision)


def moved(layer: Built, given: list[tf.Tensor], moves: list[tf.Tensor | None]) -> tf.Tensor | None:
    """J moves, from what a layer is given (1, …) and how far each input is moved (n, …).

    None stands for an input that is not moved, and for what then does not move.
    """
    if all(move is None for move in moves):
        return None
    if layer.linear:
        return layer.linear(moves[0])
    known = next(move for move in moves if move is not None)
    points = [tf.repeat(tf.cast(x, known.dtype), tf.shape(known)[0], 0) for x in given]
    moves = [tf.zeros_like(x) if m is None else m for x, m in zip(points, moves, strict=True)]
    with tf.autodiff.ForwardAccumulator(points, moves) as pushed:
        made = layer.apply(*points)
    return pushed.jvp(made, tf.UnconnectedGradients.ZERO)


def _linear(linear: Apply, shift: tf.Tensor | None = None) -> Built:
    def apply(x: tf.Tensor) -> tf.Tensor:
        return linear(x) if shift is None else tf.nn.bias_add(linear(x), shift)

    return Built(apply, linear)


def _dense(layer: kinds.Dense, precision: tf.DType) -> Built:
    weights = tf.cast(layer.weights, precision)
    return _linear(
        lambda x: tf.matmul(x, weights) if len(x.shape) == 2 else tf.tensordot(x, weights, 1),
        tf.cast(layer.bias, precision),
    )


def _reshape(layer: kinds.Reshape, precision: tf.DType) -> Built:
    return _linear(lambda x: tf.reshape(x, [-1, *layer.shape]))


def _transpose(layer: kinds.Transpose, precision: tf.DType) -> Built:
    return _linear(lambda x: tf.transpose(x, [0, *(axis + 1 for axis in layer.order)]))


def _conv_transpose(layer: kinds.ConvTranspose, precision: tf.DType) -> Built:
    return _linear(convolutions.transposed(layer, precision), tf.cast(layer.bias, precision))


def _conv(layer: kinds.Conv, precision: tf.DType) -> Built:
    return _linear(convolutions.convolved(layer, precision), tf.cast(layer.bias, precision))


def _upsample(layer: kinds.Upsample, precision: tf.DType) -> Built:
    return _linear(convolutions.upsampled(layer))


def _pad(layer: kinds.Pad, precision: tf.DType) -> Built:
    return _linear(lambda x: convolutions.grown(x, layer.sides, layer.mode))


def _batch_norm(layer: kinds.BatchNorm, precision: tf.DType) -> Built:
    """By the moments of the batch that it sees; moving statistics are folded away."""
    gamma, beta = tf.cast(layer.gamma, precision), tf.cast(layer.beta, precision)

    def apply(x: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)

    return Built(apply)


def _affine(layer: kinds.Affine, precision: tf.DType) -> Built:
    scale = tf.cast(layer.scale, precision)
    return _linear(lambda x: x * scale, tf.cast(layer.shift, precision))


def _group_norm(layer: kinds.GroupNorm, precision: tf.DType) -> Built:
    gamma, beta = tf.cast(layer.gamma, precision), tf.cast(layer.beta, precision)

    def apply(x: tf.Tensor) -> tf.Tensor:
        channels = x.shape[-1]
        grouped = tf.reshape(
            x, [tf.shape(x)[0], int(np.prod(x.shape[1:-1])), layer.groups, channels // layer.groups]
        )
        mean, variance = tf.nn.moments(grouped, [1, 3], keepdims=True)
        level = (grouped - mean) * tf.math.rsqrt(variance + layer.epsilon)
        return tf.reshape(level, tf.shape(x)) * gamma + beta

    return Built(apply)


def _pixel_norm(layer: kinds.PixelNorm, precision: tf.DType) -> Built:
    def apply(x: tf.Tensor) -> tf.Tensor:
        return x * tf.math.rsqrt(tf.reduce_mean(x**2, -1, keepdims=True) + layer.epsilon)

    return Built(apply)


def _activation(layer: kinds.Activation, precision: tf.DType) -> Built:
    function = _FUNCTIONS[layer.name]
    return Built(function if layer.slope is None else lambda x: function(x, layer.slope))


def _elu(x: tf.Tensor, slope: float) -> tf.Tensor:
    return tf.where(x > 0, x, slope * tf.math.expm1(tf.minimum(x, 0)))


def _constant(layer: kinds.Constant, precision: tf.DType) -> Built:
    value = tf.cast(layer.value, precision)[None]
    return Built(lambda: value)


def _concat(layer: kinds.Concat, precision: tf.DType) -> Built:
    def apply(*given: tf.Tensor) -> tf.Tensor:
        rows = tf.reduce_max([tf.shape(x)[0] for x in given])  # a constant has one for all
        return tf.concat([tf.broadcast_to(x, [rows, *x.shape[1:]]) for x in given], -1)

    return Built(apply)


def _together(combine: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[..., Built]:
    """Shapes of rows broadcast as if each had as many axes, new ones in front."""

    def apply(first: tf.Tensor, *others: tf.Tensor) -> tf.Tensor:
        for other in others:
            axes = max(len(first.shape), len(other.shape))
            first = combine(_with_axes(first, axes), _with_axes(other, axes))
        return first

    return lambda layer, precision: Built(apply)


def _with_axes(x: tf.Tensor, axes: int) -> tf.Tensor:
    missing = [1] * (axes - len(x.shape))
    return tf.reshape(x, [tf.shape(x)[0], *missing, *x.shape[1:]]) if missing else x


_BUILD: dict[type[Layer], Callable[..., Built]] = {
    kinds.Dense: _dense,
    kinds.Reshape: _reshape,
    kinds.Transpose: _transpose,
    kinds.ConvTranspose: _conv_transpose,
    kinds.Conv: _conv,
    kinds.Upsample: _upsample,
    kinds.Pad: _pad,
    kinds.BatchNorm: _batch_norm,
    kinds.Affine: _affine,
    kinds.GroupNorm: _group_norm,
    kinds.PixelNorm: _pixel_norm,
    kinds.Activation: _activation,
    kinds.Constant: _constant,
    kinds.Add: _together(tf.add),
    kinds.Multiply: _together(tf.multiply),
    kinds.Concat: _concat,
}
_FUNCTIONS: dict[str, Callable[..., tf.Tensor]] = {
    "relu": tf.nn.relu,
    "leaky_relu": tf.nn.leaky_relu,
    "elu": _elu,
    "selu": tf.nn.selu,
    "softplus": tf.nn.softplus,
    "swish": lambda x: x * tf.nn.sigmoid(x),
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: tf.nn.gelu(x, approximate=True),
    "relu6": tf.nn.relu6,
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
    "hard_sigmoid": lambda x: tf.nn.relu6(x + 3) / 6,
    "exp": tf.exp,
    "softsign": lambda x: x / (1 + tf.abs(x)),  # has a second derivative, unlike its own kernel
}
