"""The translation of each of Keras's layers and functions to layers of network/."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers as kl
from keras.src.ops import nn as nn_functions
from keras.src.ops import numpy as numpy_functions

from ganinv_cli.formats.keras.activations import apply_activation
from ganinv_cli.formats.keras.convolutions import (
    conv2d,
    conv2d_transpose,
    depthwise_conv2d,
    separable_conv2d,
)
from ganinv_cli.formats.keras.network_builder import (
    NetworkBuilder,
    UntranslatedError,
    Value,
    read_array,
)
from ganinv_cli.network.layers import (
    Activation,
    Add,
    Affine,
    BatchNorm,
    Concat,
    Constant,
    Dense,
    GroupNorm,
    Layer,
    Multiply,
    Pad,
    Reshape,
    Upsample,
)

Operand = Value | float
Translator = Callable[[NetworkBuilder, Any, list[Any]], Value]  # of a layer and its operands


def dense(builder: NetworkBuilder, layer: kl.Dense, inputs: list[Value]) -> Value:
    x = builder.move_axis_last(inputs[0], -1, layer.name)
    kernel = read_array(layer.kernel)
    x = builder.add_layer(Dense(kernel, read_array(layer.bias, kernel.shape[1])), [x], layer.name)
    return apply_activation(builder, layer, x)


def pass_through(builder: NetworkBuilder, layer: kl.Layer, inputs: list[Value]) -> Value:
    """Translate a layer that acts in training only."""
    return inputs[0]


def activation(builder: NetworkBuilder, layer: kl.Activation, inputs: list[Value]) -> Value:
    return apply_activation(builder, layer, inputs[0])


def activation_layer(builder: NetworkBuilder, layer: kl.Layer, inputs: list[Value]) -> Value:
    """Translate a layer that is itself an activation."""
    return apply_activation(builder, layer, inputs[0], layer)


def reshape(builder: NetworkBuilder, layer: kl.Reshape, inputs: list[Value]) -> Value:
    x = builder.to_model_order(inputs[0], layer.name)
    known = math.prod(size for size in layer.target_shape if size != -1)
    rest = math.prod(x.shape) // known
    shape = tuple(rest if size == -1 else size for size in layer.target_shape)
    return builder.reshape(x, shape, layer.name)


def flatten(builder: NetworkBuilder, layer: kl.Flatten, inputs: list[Value]) -> Value:
    """Translate Flatten, in channels-last order if the layer's input is channels first."""
    x = inputs[0]
    order = tuple(range(len(x.shape)))
    if layer.data_format == "channels_first" and len(order) > 1:
        order = (*order[1:], 0)
    x = builder.transpose(x, order, layer.name)
    return builder.reshape(x, (math.prod(x.shape),), layer.name)


def permute(builder: NetworkBuilder, layer: kl.Permute, inputs: list[Value]) -> Value:
    """Translate Permute: only the order of the axes is recorded, no data is moved."""
    order = tuple(layer.dims.index(axis + 1) for axis in inputs[0].order)
    return Value(inputs[0].node, inputs[0].shape, order)


def repeat_vector(builder: NetworkBuilder, layer: kl.RepeatVector, inputs: list[Value]) -> Value:
    ones = builder.add_layer(Constant(np.ones((layer.n, 1), np.float32)), [], layer.name)
    row = builder.add_layer(Reshape((1, *inputs[0].shape)), [inputs[0]], layer.name)
    return builder.add_layer(Multiply(), [row, ones], layer.name)


def batch_normalization(
    builder: NetworkBuilder, layer: kl.BatchNormalization, inputs: list[Value]
) -> Value:
    x = builder.move_axis_last(inputs[0], layer.axis, layer.name)
    norm = BatchNorm(
        read_array(layer.gamma, x.shape[-1], default=1),
        read_array(layer.beta, x.shape[-1]),
        read_array(layer.moving_mean),
        read_array(layer.moving_variance),
        layer.epsilon,
    )
    return builder.add_layer(norm, [x], layer.name)


def group_normalization(
    builder: NetworkBuilder, layer: kl.GroupNormalization, inputs: list[Value]
) -> Value:
    x = builder.move_axis_last(inputs[0], layer.axis, layer.name)
    gamma = read_array(layer.gamma, x.shape[-1], default=1)
    beta = read_array(layer.beta, x.shape[-1])
    return builder.add_layer(GroupNorm(gamma, beta, layer.groups, layer.epsilon), [x], layer.name)


def layer_normalization(
    builder: NetworkBuilder, layer: kl.LayerNormalization, inputs: list[Value]
) -> Value:
    """Translate LayerNormalization over all axes of a row, with a scale and shift per value."""
    x = builder.to_model_order(inputs[0], layer.name)
    axes = {axis % (len(x.shape) + 1) for axis in layer.axis}
    if layer.rms_scaling or axes != set(range(1, len(x.shape) + 1)):
        raise UntranslatedError(layer.name)
    ones, zeros = np.ones(x.shape[-1], np.float32), np.zeros(x.shape[-1], np.float32)
    x = builder.add_layer(GroupNorm(ones, zeros, 1, layer.epsilon), [x], layer.name)
    for combine, weights in ((Multiply(), layer.gamma), (Add(), layer.beta)):
        if weights is not None:
            x = _combine_with(builder, layer, combine, x, read_array(weights))
    return x


def _combine_with(
    builder: NetworkBuilder, layer: kl.Layer, combine: Layer, x: Value, values: np.ndarray
) -> Value:
    """Return x + values or x * values, whose axes are in the order of the model."""
    constant = builder.add_layer(Constant(values), [], layer.name)
    return builder.add_layer(combine, [x, constant], layer.name)


def prelu(builder: NetworkBuilder, layer: kl.PReLU, inputs: list[Value]) -> Value:
    """Translate PReLU: relu(x) − alpha * relu(−x)."""
    x = builder.to_model_order(inputs[0], layer.name)
    positive = builder.add_layer(Activation("relu"), [x], layer.name)
    negated = _scale_and_shift(builder, layer, x, -1, 0)
    negative = builder.add_layer(Activation("relu"), [negated], layer.name)
    negative = _combine_with(builder, layer, Multiply(), negative, -read_array(layer.alpha))
    return builder.add_layer(Add(), [positive, negative], layer.name)


def rescaling(builder: NetworkBuilder, layer: kl.Rescaling, inputs: list[Value]) -> Value:
    """Translate Rescaling: x * scale + offset, for all values or per channel."""
    x = builder.move_axis_last(inputs[0], -1, layer.name)
    return _scale_and_shift(builder, layer, x, layer.scale, layer.offset)


def embedding(builder: NetworkBuilder, layer: kl.Embedding, inputs: list[Value]) -> Value:
    """Translate Embedding: the row of a table for a label."""
    if not inputs[0].integer:
        raise UntranslatedError(layer.name)
    one_hot = builder.one_hot_label(layer.input_dim, layer.name)
    table = Dense(read_array(layer.embeddings), np.zeros(layer.output_dim, np.float32))
    row = builder.add_layer(table, [one_hot], layer.name)
    return builder.reshape(row, (*inputs[0].shape, layer.output_dim), layer.name)


def category_encoding(
    builder: NetworkBuilder, layer: kl.CategoryEncoding, inputs: list[Value]
) -> Value:
    """Translate CategoryEncoding: the label as one-hot."""
    if not inputs[0].integer or layer.output_mode == "count":
        raise UntranslatedError(layer.name)
    return builder.one_hot_label(layer.num_tokens, layer.name)


def upsampling2d(builder: NetworkBuilder, layer: kl.UpSampling2D, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.data_format, layer.name)
    if layer.interpolation not in ("nearest", "bilinear"):
        raise UntranslatedError(layer.name)
    return builder.add_layer(Upsample(layer.size, layer.interpolation), [x], layer.name)


def zero_padding2d(builder: NetworkBuilder, layer: kl.ZeroPadding2D, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.data_format, layer.name)
    return builder.add_layer(Pad(layer.padding), [x], layer.name)


def cropping2d(builder: NetworkBuilder, layer: kl.Cropping2D, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.data_format, layer.name)
    (up, down), (left, right) = layer.cropping
    return builder.add_layer(Pad(((-up, -down), (-left, -right))), [x], layer.name)


def average(builder: NetworkBuilder, layer: kl.Average, inputs: list[Value]) -> Value:
    total = _merge(builder, layer, Add(), inputs)
    return _scale_and_shift(builder, layer, total, 1 / len(inputs), 0)


def concatenate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    """Translate Concatenate along an axis, which is moved last."""
    first = builder.move_axis_last(inputs[0], layer.axis, layer.name)
    others = [builder.transpose(each, first.order, layer.name) for each in inputs[1:]]
    return builder.add_layer(Concat(), [first, *others], layer.name)


def add(builder: NetworkBuilder, layer: Any, operands: list[Operand]) -> Value:
    return _combine(builder, layer, Add(), operands)


def multiply(builder: NetworkBuilder, layer: Any, operands: list[Operand]) -> Value:
    return _combine(builder, layer, Multiply(), operands)


def subtract(builder: NetworkBuilder, layer: Any, operands: list[Operand]) -> Value:
    first, second = operands
    if not isinstance(second, Value):
        return add(builder, layer, [first, -second])
    if not isinstance(first, Value):
        return _scale_and_shift(builder, layer, second, -1, first)
    return add(builder, layer, [first, _scale_and_shift(builder, layer, second, -1, 0)])


def divide(builder: NetworkBuilder, layer: Any, operands: list[Operand]) -> Value:
    first, second = operands
    if isinstance(second, Value) or not second:
        raise UntranslatedError(layer.name)
    return multiply(builder, layer, [first, 1 / second])


def _combine(
    builder: NetworkBuilder, layer: Any, combine: Add | Multiply, operands: list[Operand]
) -> Value:
    """Combine values, or a value and a number on either side."""
    values = [each for each in operands if isinstance(each, Value)]
    if len(values) == len(operands):
        return _merge(builder, layer, combine, values)
    (value,) = values
    (number,) = (each for each in operands if not isinstance(each, Value))
    scale, shift = (1, number) if isinstance(combine, Add) else (number, 0)
    return _scale_and_shift(builder, layer, value, scale, shift)


def _merge(builder: NetworkBuilder, layer: Any, combine: Layer, inputs: list[Value]) -> Value:
    """Combine values in the axis order of the first, or of the model if ranks differ."""
    if len({len(each.shape) for each in inputs}) > 1:
        reordered = [builder.to_model_order(each, layer.name) for each in inputs]
    else:
        reordered = [builder.transpose(each, inputs[0].order, layer.name) for each in inputs]
    return builder.add_layer(combine, reordered, layer.name)


def _scale_and_shift(
    builder: NetworkBuilder, layer: Any, x: Value, scale: Any, shift: Any
) -> Value:
    """Return x * scale + shift, each a number or one per channel."""
    channels = x.shape[-1]
    affine = Affine(np.full(channels, scale, np.float32), np.full(channels, shift, np.float32))
    return builder.add_layer(affine, [x], layer.name)


def _make_function(name: str) -> Translator:
    """Return the translator of a function of keras.ops that is an activation."""

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        return apply_activation(builder, layer, inputs[0], getattr(keras.activations, name))

    return translate


NOISE_LAYERS = (
    *(kl.Dropout, kl.SpatialDropout1D, kl.SpatialDropout2D, kl.AlphaDropout),
    *(kl.GaussianNoise, kl.GaussianDropout),
)
LABEL_LAYERS = (
    *(kl.Embedding, kl.CategoryEncoding, kl.Reshape, kl.Flatten, kl.Identity),
    *(kl.ActivityRegularization, *NOISE_LAYERS),
)  # a label may be an integer in these alone
TRANSLATORS: dict[type, Translator] = {
    **dict.fromkeys((*NOISE_LAYERS, kl.ActivityRegularization, kl.Identity), pass_through),
    **dict.fromkeys((kl.ReLU, kl.LeakyReLU, kl.ELU), activation_layer),
    **{kl.Activation: activation, kl.Dense: dense, kl.Reshape: reshape, kl.Flatten: flatten},
    **{kl.Permute: permute, kl.RepeatVector: repeat_vector, kl.PReLU: prelu},
    kl.BatchNormalization: batch_normalization,
    kl.LayerNormalization: layer_normalization,
    kl.GroupNormalization: group_normalization,
    **{kl.Rescaling: rescaling, kl.Embedding: embedding},
    kl.CategoryEncoding: category_encoding,
    **{kl.Conv2D: conv2d, kl.DepthwiseConv2D: depthwise_conv2d},
    **{kl.SeparableConv2D: separable_conv2d, kl.Conv2DTranspose: conv2d_transpose},
    **{kl.UpSampling2D: upsampling2d, kl.ZeroPadding2D: zero_padding2d},
    **{kl.Cropping2D: cropping2d, kl.Average: average},
    **dict.fromkeys((kl.Concatenate, numpy_functions.Concatenate), concatenate),
    **dict.fromkeys((kl.Add, numpy_functions.Add), add),
    **dict.fromkeys((kl.Multiply, numpy_functions.Multiply), multiply),
    **dict.fromkeys((kl.Subtract, numpy_functions.Subtract), subtract),
    **dict.fromkeys((numpy_functions.Divide, numpy_functions.TrueDivide), divide),
    numpy_functions.Tanh: _make_function("tanh"),
    **{nn_functions.Relu: _make_function("relu"), nn_functions.Relu6: _make_function("relu6")},
    nn_functions.Sigmoid: _make_function("sigmoid"),
    **{
        nn_functions.Softplus: _make_function("softplus"),
        nn_functions.Silu: _make_function("silu"),
    },
}
