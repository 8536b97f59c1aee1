"""Layers as TensorFlow functions."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.network import convolutions
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Layer

Apply = Callable[..., tf.Tensor]  # of (batch, …) tensors, one for each input


class ExecutableLayer(NamedTuple):
    """A layer as a function in one precision."""

    apply: Apply
    linear: Apply | None = None  # `apply` without its bias, if that is a linear map


def build_layer(layer: Layer, precision: tf.DType) -> ExecutableLayer:
    """Return a layer as a function, with its weights as tensors in this precision."""
    return _BUILDERS[type(layer)](layer, precision)


def push_forward(
    layer: ExecutableLayer, inputs: list[tf.Tensor], tangents: list[tf.Tensor | None]
) -> tf.Tensor | None:
    """Return the tangent (n, …) of a layer's output, from its inputs (1, …) and their tangents.

    None stands for a tangent that is 0 in every row.
    """
    if all(move is None for move in tangents):
        return None
    if layer.linear:
        return layer.linear(tangents[0])
    tangent = next(move for move in tangents if move is not None)
    points = [tf.repeat(tf.cast(x, tangent.dtype), tf.shape(tangent)[0], 0) for x in inputs]
    tangents = [tf.zeros_like(x) if m is None else m for x, m in zip(points, tangents, strict=True)]
    with tf.autodiff.ForwardAccumulator(points, tangents) as accumulator:
        output = layer.apply(*points)
    return accumulator.jvp(output, tf.UnconnectedGradients.ZERO)


def _make_linear(linear: Apply, shift: tf.Tensor | None = None) -> ExecutableLayer:
    def apply(x: tf.Tensor) -> tf.Tensor:
        return linear(x) if shift is None else tf.nn.bias_add(linear(x), shift)

    return ExecutableLayer(apply, linear)


def _build_dense(layer: kinds.Dense, precision: tf.DType) -> ExecutableLayer:
    weights = tf.cast(layer.weights, precision)
    return _make_linear(
        lambda x: tf.matmul(x, weights) if len(x.shape) == 2 else tf.tensordot(x, weights, 1),
        tf.cast(layer.bias, precision),
    )


def _build_batch_norm(layer: kinds.BatchNorm, precision: tf.DType) -> ExecutableLayer:
    """Return a norm by the batch's own moments; norms with moving statistics are folded."""
    gamma, beta = tf.cast(layer.gamma, precision), tf.cast(layer.beta, precision)

    def apply(x: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)

    return ExecutableLayer(apply)


def _build_affine(layer: kinds.Affine, precision: tf.DType) -> ExecutableLayer:
    scale = tf.cast(layer.scale, precision)
    return _make_linear(lambda x: x * scale, tf.cast(layer.shift, precision))


def _build_constant(layer: kinds.Constant, precision: tf.DType) -> ExecutableLayer:
    value = tf.cast(layer.value, precision)[None]
    return ExecutableLayer(lambda: value)


def _build_group_norm(layer: kinds.GroupNorm, precision: tf.DType) -> ExecutableLayer:
    gamma, beta = tf.cast(layer.gamma, precision), tf.cast(layer.beta, precision)

    def apply(x: tf.Tensor) -> tf.Tensor:
        channels = x.shape[-1]
        grouped = tf.reshape(
            x, [tf.shape(x)[0], int(np.prod(x.shape[1:-1])), layer.groups, channels // layer.groups]
        )
        mean, variance = tf.nn.moments(grouped, [1, 3], keepdims=True)
        normalized = (grouped - mean) * tf.math.rsqrt(variance + layer.epsilon)
        return tf.reshape(normalized, tf.shape(x)) * gamma + beta

    return ExecutableLayer(apply)


def _build_activation(layer: kinds.Activation, precision: tf.DType) -> ExecutableLayer:
    function = _ACTIVATIONS[layer.name]
    return ExecutableLayer(function if layer.slope is None else lambda x: function(x, layer.slope))


def _elu(x: tf.Tensor, slope: float) -> tf.Tensor:
    return tf.where(x > 0, x, slope * tf.math.expm1(tf.minimum(x, 0)))


def _build_concat(layer: kinds.Concat, precision: tf.DType) -> ExecutableLayer:
    def apply(*inputs: tf.Tensor) -> tf.Tensor:
        rows = tf.reduce_max([tf.shape(x)[0] for x in inputs])  # a constant has a single row
        return tf.concat([tf.broadcast_to(x, [rows, *x.shape[1:]]) for x in inputs], -1)

    return ExecutableLayer(apply)


def _make_elementwise_builder(
    combine: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> Callable[..., ExecutableLayer]:
    """Return a builder of a layer that combines its inputs; row shapes broadcast as in NumPy."""

    def apply(first: tf.Tensor, *others: tf.Tensor) -> tf.Tensor:
        for other in others:
            axes = max(len(first.shape), len(other.shape))
            first = combine(_expand_axes(first, axes), _expand_axes(other, axes))
        return first

    return lambda layer, precision: ExecutableLayer(apply)


def _expand_axes(x: tf.Tensor, axes: int) -> tf.Tensor:
    missing = [1] * (axes - len(x.shape))
    return tf.reshape(x, [tf.shape(x)[0], *missing, *x.shape[1:]]) if missing else x


_BUILDERS: dict[type[Layer], Callable[..., ExecutableLayer]] = {
    kinds.Dense: _build_dense,
    kinds.Reshape: lambda layer, _: _make_linear(lambda x: tf.reshape(x, [-1, *layer.shape])),
    kinds.Transpose: lambda layer, _: _make_linear(
        lambda x: tf.transpose(x, [0, *(axis + 1 for axis in layer.order)])
    ),
    kinds.ConvTranspose: lambda layer, precision: _make_linear(
        convolutions.build_conv_transpose(layer, precision), tf.cast(layer.bias, precision)
    ),
    kinds.Conv: lambda layer, precision: _make_linear(
        convolutions.build_conv(layer, precision), tf.cast(layer.bias, precision)
    ),
    kinds.Upsample: lambda layer, _: _make_linear(convolutions.build_upsample(layer)),
    kinds.Pad: lambda layer, _: _make_linear(
        lambda x: convolutions.pad_or_crop(x, layer.sides, layer.mode)
    ),
    kinds.BatchNorm: _build_batch_norm,
    kinds.Affine: _build_affine,
    kinds.GroupNorm: _build_group_norm,
    kinds.Activation: _build_activation,
    kinds.Constant: _build_constant,
    kinds.Add: _make_elementwise_builder(tf.add),
    kinds.Multiply: _make_elementwise_builder(tf.multiply),
    kinds.Concat: _build_concat,
}
_ACTIVATIONS: dict[str, Callable[..., tf.Tensor]] = {
    "relu": tf.nn.relu,
    "leaky_relu": tf.nn.leaky_relu,
    "elu": _elu,
    "selu": tf.nn.selu,
    "softplus": tf.nn.softplus,
    "swish": lambda x: x * tf.nn.sigmoid(x),
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "relu6": tf.nn.relu6,
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
    "hard_sigmoid": lambda x: tf.nn.relu6(x + 3) / 6,
    "exp": tf.exp,
    "softsign": lambda x: x / (1 + tf.abs(x)),  # has a second derivative, unlike its own kernel
}
