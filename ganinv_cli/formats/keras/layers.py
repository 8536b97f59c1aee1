"""The translation of each of Keras's layers and functions to layers of network/."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers as kl
from keras.src.ops import nn
from keras.src.ops import numpy as functions

from ganinv_cli.formats.keras.convolutions import (
    make_conv,
    make_conv_transpose,
    make_depthwise,
    make_pointwise,
    make_separable,
)
from ganinv_cli.formats.keras.load import hard_sigmoid_2
from ganinv_cli.formats.keras.network_builder import (
    NetworkBuilder,
    UntranslatedError,
    Value,
    read_array,
)
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Activation, Add, Affine, Layer, Multiply
from ganinv_cli.network.shapes import Shape

Translator = Callable[[NetworkBuilder, Any, list[Any]], Value]  # of a layer and its operands

LEAKY_SLOPE = 0.2  # of the function; the layer has its own
STEEPNESS = 1.2  # of Keras 2's hard sigmoid: 0.2 x + 0.5 = (1.2 x + 3) / 6
ACTIVATIONS = {
    **{
        getattr(keras.activations, name): Activation(name)
        for name in ("relu", "relu6", "selu", "softplus", "softsign", "tanh", "sigmoid", "gelu")
    },
    keras.activations.silu: Activation("swish"),
    keras.activations.exponential: Activation("exp"),
    keras.activations.leaky_relu: Activation("leaky_relu", LEAKY_SLOPE),
    keras.activations.elu: Activation("elu", 1.0),
    keras.activations.hard_sigmoid: Activation("hard_sigmoid"),
    hard_sigmoid_2: Activation("hard_sigmoid"),
    **{nn.Relu: Activation("relu"), nn.Sigmoid: Activation("sigmoid")},  # calls of keras.ops
    functions.Tanh: Activation("tanh"),
}


def apply_activation(builder: NetworkBuilder, layer: Any, x: Value) -> Value:
    """Apply the activation of a layer, a function or a layer itself, to its output."""
    function = layer.activation
    if function is keras.activations.linear:
        return x
    if function is hard_sigmoid_2:
        x = _scale_and_shift(builder, layer, x, STEEPNESS, 0)
    activation = _make_activation(function)
    return builder.add_elementwise(lambda shape: activation, x, layer.name)


def _make_activation(function: Any) -> Activation:
    """Return a function, a layer or a called function of Keras as an activation."""
    kind = type(function)
    if kind is kl.LeakyReLU:
        return Activation("leaky_relu", float(function.negative_slope))
    if kind is kl.ELU:
        return Activation("elu", float(function.alpha))
    if kind is kl.ReLU:
        slope, most = float(function.negative_slope), function.max_value
        if function.threshold or most not in (None, 6) or (most and slope):
            raise UntranslatedError(function.name)
        return Activation("leaky_relu", slope) if slope else Activation("relu6" if most else "relu")
    activation = ACTIVATIONS.get(kind) or ACTIVATIONS.get(function)
    if not activation:
        raise UntranslatedError(str(function))
    return activation


def _activate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    activation = _make_activation(layer)
    return builder.add_elementwise(lambda shape: activation, inputs[0], layer.name)


def _pass_through(builder: NetworkBuilder, layer: kl.Layer, inputs: list[Value]) -> Value:
    """Translate a layer that acts in training only, or only has an activation."""
    return inputs[0]


def _reshape(builder: NetworkBuilder, layer: kl.Reshape, inputs: list[Value]) -> Value:
    rest = math.prod(inputs[0].shape) // math.prod(n for n in layer.target_shape if n != -1)
    shape = tuple(rest if size == -1 else size for size in layer.target_shape)
    return builder.reshape(inputs[0], shape, layer.name)


def _flatten(builder: NetworkBuilder, layer: kl.Flatten, inputs: list[Value]) -> Value:
    """Translate Flatten, in channels-last order if the layer's input is channels first."""
    x = builder.transpose(inputs[0], _find_order(layer, inputs[0]), layer.name)
    return builder.reshape(x, (math.prod(x.shape),), layer.name)


def _permute(builder: NetworkBuilder, layer: kl.Permute, inputs: list[Value]) -> Value:
    return builder.transpose(inputs[0], tuple(axis - 1 for axis in layer.dims), layer.name)


def _layer_normalization(
    builder: NetworkBuilder, layer: kl.LayerNormalization, inputs: list[Value]
) -> Value:
    """Translate LayerNormalization over all axes of a row, with a scale and shift per value."""
    x = inputs[0]
    axes = {axis % (len(x.shape) + 1) for axis in layer.axis}
    if layer.rms_scaling or axes != set(range(1, len(x.shape) + 1)):
        raise UntranslatedError(layer.name)
    ones, zeros = np.ones(x.shape[-1], np.float32), np.zeros(x.shape[-1], np.float32)
    x = builder.add_layer(kinds.GroupNorm(ones, zeros, 1, layer.epsilon), [x], layer.name)
    for combine, weights in ((Multiply(), layer.gamma), (Add(), layer.beta)):
        if weights is not None:
            constant = builder.add_layer(kinds.Constant(read_array(weights)), [], layer.name)
            x = builder.add_layer(combine, [x, constant], layer.name)
    return x


def _prelu(builder: NetworkBuilder, layer: kl.PReLU, inputs: list[Value]) -> Value:
    """Translate PReLU: relu(x) − alpha * relu(−x)."""
    positive = builder.add_layer(Activation("relu"), inputs, layer.name)
    negated = _scale_and_shift(builder, layer, inputs[0], -1, 0)
    negative = builder.add_layer(Activation("relu"), [negated], layer.name)
    slopes = builder.add_layer(kinds.Constant(-read_array(layer.alpha)), [], layer.name)
    negative = builder.add_layer(Multiply(), [negative, slopes], layer.name)
    return builder.add_layer(Add(), [positive, negative], layer.name)


def _embedding(builder: NetworkBuilder, layer: kl.Embedding, inputs: list[Value]) -> Value:
    """Translate Embedding: the row of a table for a label."""
    if not inputs[0].integer:
        raise UntranslatedError(layer.name)
    one_hot = builder.one_hot_label(layer.input_dim, layer.name)
    table = kinds.Dense(read_array(layer.embeddings), np.zeros(layer.output_dim, np.float32))
    row = builder.add_layer(table, [one_hot], layer.name)
    return builder.reshape(row, (*inputs[0].shape, layer.output_dim), layer.name)


def _category_encoding(
    builder: NetworkBuilder, layer: kl.CategoryEncoding, inputs: list[Value]
) -> Value:
    """Translate CategoryEncoding: the label as one-hot."""
    if not inputs[0].integer or layer.output_mode == "count":
        raise UntranslatedError(layer.name)
    return builder.one_hot_label(layer.num_tokens, layer.name)


def _concatenate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    """Translate Concatenate along an axis, which is moved last."""
    order = _find_order(layer, inputs[0])
    moved = [builder.transpose(each, order, layer.name) for each in inputs]
    joined = builder.add_layer(kinds.Concat(), moved, layer.name)
    return builder.transpose(joined, _invert(order), layer.name)


def _combine(
    builder: NetworkBuilder, layer: Any, operands: list[Any], combine: Add | Multiply
) -> Value:
    """Return the sum or product of values, or of a value and a number."""
    values = [each for each in operands if isinstance(each, Value)]
    if len(values) == len(operands):
        return builder.add_layer(combine, values, layer.name)
    (number,) = (each for each in operands if not isinstance(each, Value))
    scale, shift = (1, number) if isinstance(combine, Add) else (number, 0)
    return _scale_and_shift(builder, layer, values[0], scale, shift)


_add, _multiply = partial(_combine, combine=Add()), partial(_combine, combine=Multiply())


def _subtract(builder: NetworkBuilder, layer: Any, operands: list[Any]) -> Value:
    first, second = operands
    if not isinstance(second, Value):
        return _add(builder, layer, [first, -second])
    if not isinstance(first, Value):
        return _scale_and_shift(builder, layer, second, -1, first)
    return _add(builder, layer, [first, _scale_and_shift(builder, layer, second, -1, 0)])


def _divide(builder: NetworkBuilder, layer: Any, operands: list[Any]) -> Value:
    first, second = operands
    if isinstance(second, Value):
        raise UntranslatedError(layer.name)
    return _multiply(builder, layer, [first, 1 / second])


def _average(builder: NetworkBuilder, layer: kl.Average, inputs: list[Value]) -> Value:
    total = builder.add_layer(Add(), inputs, layer.name)
    return _scale_and_shift(builder, layer, total, 1 / len(inputs), 0)


def _scale_and_shift(
    builder: NetworkBuilder, layer: Any, x: Value, scale: float, shift: float
) -> Value:
    return builder.add_elementwise(lambda shape: _make_affine(shape, scale, shift), x, layer.name)


def _make_affine(shape: Shape, scale: Any, shift: Any) -> Affine:
    """Return x * scale + shift, each a number or one per channel."""
    channels = shape[-1]
    return Affine(np.full(channels, scale, np.float32), np.full(channels, shift, np.float32))


def _make_dense(layer: kl.Dense, shape: Shape) -> kinds.Dense:
    return kinds.Dense(read_array(layer.kernel), read_array(layer.bias, layer.units))


def _make_batch_norm(layer: kl.BatchNormalization, shape: Shape) -> kinds.BatchNorm:
    gamma, beta = read_array(layer.gamma, shape[-1], 1), read_array(layer.beta, shape[-1])
    mean, variance = read_array(layer.moving_mean), read_array(layer.moving_variance)
    return kinds.BatchNorm(gamma, beta, mean, variance, layer.epsilon)


def _make_group_norm(layer: kl.GroupNormalization, shape: Shape) -> kinds.GroupNorm:
    gamma, beta = read_array(layer.gamma, shape[-1], 1), read_array(layer.beta, shape[-1])
    return kinds.GroupNorm(gamma, beta, layer.groups, layer.epsilon)


def _make_upsample(layer: kl.UpSampling2D, shape: Shape) -> kinds.Upsample:
    if layer.interpolation not in ("nearest", "bilinear"):
        raise UntranslatedError(layer.name)
    return kinds.Upsample(layer.size, layer.interpolation)


def _make_crop(layer: kl.Cropping2D, shape: Shape) -> kinds.Pad:
    (up, down), (left, right) = layer.cropping
    return kinds.Pad(((-up, -down), (-left, -right)))


def _translate_last(*makers: Callable[[Any, Shape], Layer]) -> Translator:
    """Return the translator of a layer that is some of ours once its channels are last."""

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        order = _find_order(layer, inputs[0])
        x = builder.transpose(inputs[0], order, layer.name)
        for make in makers:
            x = builder.add_layer(make(layer, x.shape), [x], layer.name)
        return builder.transpose(x, _invert(order), layer.name)

    return translate


def _find_order(layer: Any, x: Value) -> tuple[int, ...]:
    """Return the order of a row's axes that has the layer's axis or its channels last."""
    is_first = getattr(layer, "data_format", "") == "channels_first"
    axis = 1 if is_first else getattr(layer, "axis", -1)  # of the batch
    last = axis - 1 if axis > 0 else axis % len(x.shape)
    return (*(each for each in range(len(x.shape)) if each != last), last)


def _invert(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(axis) for axis in range(len(order)))


NOISE_LAYERS = (
    *(kl.Dropout, kl.SpatialDropout1D, kl.SpatialDropout2D, kl.AlphaDropout),
    *(kl.GaussianNoise, kl.GaussianDropout),
)
_IDENTITIES = (kl.Identity, kl.ActivityRegularization, *NOISE_LAYERS)
# the only ones in which a label may be an integer
LABEL_LAYERS = (kl.Embedding, kl.CategoryEncoding, kl.Reshape, kl.Flatten, *_IDENTITIES)
TRANSLATORS: dict[type, Translator] = {
    **dict.fromkeys((*_IDENTITIES, kl.Activation), _pass_through),
    **dict.fromkeys((kl.ReLU, kl.LeakyReLU, kl.ELU), _activate),
    **dict.fromkeys((nn.Relu, nn.Sigmoid, functions.Tanh), _activate),
    **{kl.Reshape: _reshape, kl.Flatten: _flatten, kl.Permute: _permute},
    **{kl.PReLU: _prelu, kl.Embedding: _embedding, kl.Average: _average},
    **{kl.LayerNormalization: _layer_normalization, kl.CategoryEncoding: _category_encoding},
    kl.Dense: _translate_last(_make_dense),
    kl.BatchNormalization: _translate_last(_make_batch_norm),
    kl.GroupNormalization: _translate_last(_make_group_norm),
    kl.Rescaling: _translate_last(lambda it, shape: _make_affine(shape, it.scale, it.offset)),
    kl.Conv2D: _translate_last(make_conv),
    kl.DepthwiseConv2D: _translate_last(make_depthwise),
    kl.SeparableConv2D: _translate_last(make_separable, make_pointwise),
    kl.Conv2DTranspose: _translate_last(make_conv_transpose),
    kl.UpSampling2D: _translate_last(_make_upsample),
    kl.ZeroPadding2D: _translate_last(lambda layer, shape: kinds.Pad(layer.padding)),
    kl.Cropping2D: _translate_last(_make_crop),
    **dict.fromkeys((kl.Concatenate, functions.Concatenate), _concatenate),
    **dict.fromkeys((kl.Add, functions.Add), _add),
    **dict.fromkeys((kl.Multiply, functions.Multiply), _multiply),
    **dict.fromkeys((kl.Subtract, functions.Subtract), _subtract),
    **dict.fromkeys((functions.Divide, functions.TrueDivide), _divide),
}
