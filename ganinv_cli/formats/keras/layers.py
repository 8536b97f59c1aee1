"""The translation of each of Keras's layers and functions to layers of network/.

Activations that a layer has besides are added by `translate`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import layers as kl
from keras.src.ops import numpy as functions

from ganinv_cli.formats.keras.activations import FUNCTION_LAYERS, make_activation
from ganinv_cli.formats.keras.convolutions import (
    make_conv,
    make_conv_transpose,
    make_depthwise,
    make_separable,
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
from ganinv_cli.network.shapes import Shape

Operand = Value | float
Translator = Callable[[NetworkBuilder, Any, list[Any]], Value]  # of a layer and its operands


def pass_through(builder: NetworkBuilder, layer: kl.Layer, inputs: list[Value]) -> Value:
    """Translate a layer that acts in training only, or only has an activation."""
    return inputs[0]


def reshape(builder: NetworkBuilder, layer: kl.Reshape, inputs: list[Value]) -> Value:
    x = builder.to_model_order(inputs[0], layer.name)
    rest = math.prod(x.shape) // math.prod(size for size in layer.target_shape if size != -1)
    shape = tuple(rest if size == -1 else size for size in layer.target_shape)
    return builder.reshape(x, shape, layer.name)


def flatten(builder: NetworkBuilder, layer: kl.Flatten, inputs: list[Value]) -> Value:
    """Translate Flatten, in channels-last order if the layer's input is channels first."""
    order = tuple(range(len(inputs[0].shape)))
    if layer.data_format == "channels_first":
        order = (*order[1:], *order[:1])
    x = builder.transpose(inputs[0], order, layer.name)
    return builder.reshape(x, (math.prod(x.shape),), layer.name)


def permute(builder: NetworkBuilder, layer: kl.Permute, inputs: list[Value]) -> Value:
    """Translate Permute: only the order of the axes is recorded, no data is moved."""
    order = tuple(layer.dims.index(axis + 1) for axis in inputs[0].order)
    return Value(inputs[0].node, inputs[0].shape, order)


def repeat_vector(builder: NetworkBuilder, layer: kl.RepeatVector, inputs: list[Value]) -> Value:
    ones = builder.add_layer(Constant(np.ones((layer.n, 1), np.float32)), [], layer.name)
    row = builder.add_layer(Reshape((1, *inputs[0].shape)), inputs, layer.name)
    return builder.add_layer(Multiply(), [row, ones], layer.name)


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
            constant = builder.add_layer(Constant(read_array(weights)), [], layer.name)
            x = builder.add_layer(combine, [x, constant], layer.name)
    return x


def prelu(builder: NetworkBuilder, layer: kl.PReLU, inputs: list[Value]) -> Value:
    """Translate PReLU: relu(x) − alpha * relu(−x)."""
    x = builder.to_model_order(inputs[0], layer.name)
    positive = builder.add_layer(Activation("relu"), [x], layer.name)
    negated = _scale_and_shift(builder, layer, x, -1, 0)
    negative = builder.add_layer(Activation("relu"), [negated], layer.name)
    slopes = builder.add_layer(Constant(-read_array(layer.alpha)), [], layer.name)
    negative = builder.add_layer(Multiply(), [negative, slopes], layer.name)
    return builder.add_layer(Add(), [positive, negative], layer.name)


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


def separable(builder: NetworkBuilder, layer: kl.SeparableConv2D, inputs: list[Value]) -> Value:
    x = builder.to_channels_last(inputs[0], layer.data_format, layer.name)
    for convolution in make_separable(layer, x.shape):
        x = builder.add_layer(convolution, [x], layer.name)
    return x


def average(builder: NetworkBuilder, layer: kl.Average, inputs: list[Value]) -> Value:
    total = _combine(builder, layer, Add(), inputs)
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
    if isinstance(second, Value):
        raise UntranslatedError(layer.name)
    return multiply(builder, layer, [first, 1 / second])


def _combine(
    builder: NetworkBuilder, layer: Any, combine: Add | Multiply, operands: list[Any]
) -> Value:
    """Combine values, in the axis order of the first if all have as many axes; or with a number."""
    values = [each for each in operands if isinstance(each, Value)]
    if len(values) < len(operands):
        (number,) = (each for each in operands if not isinstance(each, Value))
        scale, shift = (1, number) if isinstance(combine, Add) else (number, 0)
        return _scale_and_shift(builder, layer, values[0], scale, shift)
    if len({len(each.shape) for each in values}) > 1:
        reordered = [builder.to_model_order(each, layer.name) for each in values]
    else:
        reordered = [builder.transpose(each, values[0].order, layer.name) for each in values]
    return builder.add_layer(combine, reordered, layer.name)


def _scale_and_shift(
    builder: NetworkBuilder, layer: Any, x: Value, scale: float, shift: float
) -> Value:
    return builder.add_layer(_make_affine(x.shape, scale, shift), [x], layer.name)


def _make_affine(shape: Shape, scale: Any, shift: Any) -> Affine:
    """Return x * scale + shift, each a number or one per channel."""
    channels = shape[-1]
    return Affine(np.full(channels, scale, np.float32), np.full(channels, shift, np.float32))


def _make_dense(layer: kl.Dense, shape: Shape) -> Dense:
    return Dense(read_array(layer.kernel), read_array(layer.bias, layer.units))


def _make_batch_norm(layer: kl.BatchNormalization, shape: Shape) -> BatchNorm:
    gamma, beta = read_array(layer.gamma, shape[-1], 1), read_array(layer.beta, shape[-1])
    mean, variance = read_array(layer.moving_mean), read_array(layer.moving_variance)
    return BatchNorm(gamma, beta, mean, variance, layer.epsilon)


def _make_group_norm(layer: kl.GroupNormalization, shape: Shape) -> GroupNorm:
    gamma, beta = read_array(layer.gamma, shape[-1], 1), read_array(layer.beta, shape[-1])
    return GroupNorm(gamma, beta, layer.groups, layer.epsilon)


def _make_upsample(layer: kl.UpSampling2D, shape: Shape) -> Upsample:
    if layer.interpolation not in ("nearest", "bilinear"):
        raise UntranslatedError(layer.name)
    return Upsample(layer.size, layer.interpolation)


def _make_crop(layer: kl.Cropping2D, shape: Shape) -> Pad:
    (up, down), (left, right) = layer.cropping
    return Pad(((-up, -down), (-left, -right)))


def _translate_image(make: Callable[[Any, Shape], Layer]) -> Translator:
    """Return the translator of a layer that needs channels last."""

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        x = builder.to_channels_last(inputs[0], layer.data_format, layer.name)
        return builder.add_layer(make(layer, x.shape), [x], layer.name)

    return translate


def _translate_channels(make: Callable[[Any, Shape], Layer]) -> Translator:
    """Return the translator of a layer that needs its axis last."""

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        x = builder.move_axis_last(inputs[0], getattr(layer, "axis", -1), layer.name)
        return builder.add_layer(make(layer, x.shape), [x], layer.name)

    return translate


def _activate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    return builder.add_layer(make_activation(layer), inputs, layer.name)


NOISE_LAYERS = (
    *(kl.Dropout, kl.SpatialDropout1D, kl.SpatialDropout2D, kl.AlphaDropout),
    *(kl.GaussianNoise, kl.GaussianDropout),
)
_IDENTITIES = (kl.Identity, kl.ActivityRegularization, *NOISE_LAYERS)
# the only ones in which a label may be an integer
LABEL_LAYERS = (kl.Embedding, kl.CategoryEncoding, kl.Reshape, kl.Flatten, *_IDENTITIES)
TRANSLATORS: dict[type, Translator] = {
    **dict.fromkeys((*_IDENTITIES, kl.Activation), pass_through),
    **dict.fromkeys((kl.ReLU, kl.LeakyReLU, kl.ELU, *FUNCTION_LAYERS), _activate),
    **{kl.Reshape: reshape, kl.Flatten: flatten, kl.Permute: permute},
    **{kl.RepeatVector: repeat_vector, kl.PReLU: prelu, kl.Embedding: embedding},
    **{kl.LayerNormalization: layer_normalization, kl.CategoryEncoding: category_encoding},
    kl.Dense: _translate_channels(_make_dense),
    kl.BatchNormalization: _translate_channels(_make_batch_norm),
    kl.GroupNormalization: _translate_channels(_make_group_norm),
    kl.Rescaling: _translate_channels(lambda it, shape: _make_affine(shape, it.scale, it.offset)),
    kl.Conv2D: _translate_image(make_conv),
    kl.DepthwiseConv2D: _translate_image(make_depthwise),
    kl.Conv2DTranspose: _translate_image(make_conv_transpose),
    kl.UpSampling2D: _translate_image(_make_upsample),
    kl.ZeroPadding2D: _translate_image(lambda layer, shape: Pad(layer.padding)),
    kl.Cropping2D: _translate_image(_make_crop),
    **{kl.SeparableConv2D: separable, kl.Average: average},
    **dict.fromkeys((kl.Concatenate, functions.Concatenate), concatenate),
    **dict.fromkeys((kl.Add, functions.Add), add),
    **dict.fromkeys((kl.Multiply, functions.Multiply), multiply),
    **dict.fromkeys((kl.Subtract, functions.Subtract), subtract),
    **dict.fromkeys((functions.Divide, functions.TrueDivide), divide),
}
