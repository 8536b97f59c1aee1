"""Layers as TensorFlow functions."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ganinv_cli.generators.network import convolutions
from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.layers import Layer

MIN_ROWS = 16  # of a product; kernels for fewer may add in another order, also in its gradient
Apply = Callable[..., tf.Tensor]  # of (batch, …) tensors, one for each input


class ExecutableLayer(NamedTuple):
    """A layer as a function in one precision."""

    apply: Apply
    linear: Apply | None = None  # `apply` without its bias, if that is a linear map


def prepare_layer(layer: Layer, precision: tf.DType) -> ExecutableLayer:
    """Return a layer as a function, with its weights as tensors in this precision."""
    if type(layer) in _LINEAR_MAPS:
        return _add_shift(_LINEAR_MAPS[type(layer)](layer, precision), layer, precision)
    return ExecutableLayer(_FUNCTIONS[type(layer)](layer, precision))


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


def multiply_rows(x: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Return x (rows, n) times a matrix; no bit of a row depends on how many other rows there are.

    So a trial ends at the same z whatever shares its batch.
    """
    rows = tf.shape(x)[0]
    padded = tf.pad(x, [[0, tf.maximum(MIN_ROWS - rows, 0)], [0, 0]])
    product = tf.matmul(padded, matrix)[:rows]
    product.set_shape([x.shape[0], matrix.shape[1]])
    return product


def _add_shift(linear: Apply, layer: Layer, precision: tf.DType) -> ExecutableLayer:
    array = getattr(layer, "bias", getattr(layer, "shift", None))
    if array is None:
        return ExecutableLayer(linear, linear)
    shift = tf.cast(array, precision)
    return ExecutableLayer(lambda x: tf.nn.bias_add(linear(x), shift), linear)


def _prepare_dense(layer: kinds.Dense, precision: tf.DType) -> Apply:
    weights = tf.cast(layer.weights, precision)
    return lambda x: multiply_rows(x, weights) if len(x.shape) == 2 else tf.tensordot(x, weights, 1)


def _prepare_transpose(layer: kinds.Transpose, precision: tf.DType) -> Apply:
    return lambda x: tf.transpose(x, [0, *(axis + 1 for axis in layer.order)])


def _prepare_affine(layer: kinds.Affine, precision: tf.DType) -> Apply:
    scale = tf.cast(layer.scale, precision)
    return lambda x: x * scale


def _prepare_batch_norm(layer: kinds.BatchNorm, precision: tf.DType) -> Apply:
    """Return a norm by the batch's own moments; norms with moving statistics are folded."""
    gamma, beta = tf.cast(layer.gamma, precision), tf.cast(layer.beta, precision)

    def apply(x: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)

    return apply


def _prepare_activation(layer: kinds.Activation, precision: tf.DType) -> Apply:
    function = _ACTIVATIONS[layer.name]
    return function if layer.slope is None else lambda x: function(x, layer.slope)


def _prepare_constant(layer: kinds.Constant, precision: tf.DType) -> Apply:
    value = tf.cast(layer.value, precision)[None]
    return lambda: value


def _prepare_concat(layer: kinds.Concat, precision: tf.DType) -> Apply:
    def apply(*inputs: tf.Tensor) -> tf.Tensor:
        rows = tf.reduce_max([tf.shape(x)[0] for x in inputs])  # a constant has a single row
        return tf.concat([tf.broadcast_to(x, [rows, *x.shape[1:]]) for x in inputs], -1)

    return apply


def _broadcast(combine: Apply, *inputs: tf.Tensor) -> tf.Tensor:
    axes = max(len(x.shape) for x in inputs)
    shapes = ([-1, *[1] * (axes - len(x.shape)), *x.shape[1:]] for x in inputs)
    return functools.reduce(combine, map(tf.reshape, inputs, shapes))


# kind of layer -> a function of the layer and the precision
_LINEAR_MAPS: dict[type[Layer], Callable[..., Apply]] = {
    kinds.Dense: _prepare_dense,
    kinds.Reshape: lambda layer, _: lambda x: tf.reshape(x, [-1, *layer.shape]),
    kinds.Transpose: _prepare_transpose,
    kinds.ConvTranspose: convolutions.prepare_conv_transpose,
    kinds.Conv: convolutions.prepare_conv,
    kinds.Upsample: lambda layer, _: convolutions.prepare_upsample(layer),
    kinds.Pad: lambda layer, _: lambda x: convolutions.pad_or_crop(x, layer.sides),
    kinds.Affine: _prepare_affine,
}
_FUNCTIONS: dict[type[Layer], Callable[..., Apply]] = {
    kinds.BatchNorm: _prepare_batch_norm,
    kinds.Activation: _prepare_activation,
    kinds.Constant: _prepare_constant,
    kinds.Add: lambda layer, _: functools.partial(_broadcast, tf.add),
    kinds.Multiply: lambda layer, _: functools.partial(_broadcast, tf.multiply),
    kinds.Concat: _prepare_concat,
}
_ACTIVATIONS: dict[str, Apply] = {
    "relu": tf.nn.relu,
    "leaky_relu": tf.nn.leaky_relu,
    "elu": lambda x, slope: tf.where(x > 0, x, slope * tf.math.expm1(tf.minimum(x, 0))),
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
