"""The translation of each of Keras's layers and functions to layers of network/.

Activations that a layer has besides are added by `translate`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers as kl
from keras.src.ops import nn
from keras.src.ops import numpy as functions

from ganinv_cli.formats.keras.builder import NetworkBuilder, UntranslatedError, Value
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Layer, Pair
from ganinv_cli.network.shapes import Shape

Translator = Callable[[NetworkBuilder, Any, list[Any]], Value]  # of a layer and its operands


def make_activation(function: Any) -> kinds.Activation:
    """Return a function, a layer or a called function of Keras as an activation."""
    kind = type(function)
    if kind is kl.LeakyReLU:
        return kinds.Activation("leaky_relu", float(function.negative_slope))
    if kind is kl.ELU:
        return kinds.Activation("elu", float(function.alpha))
    if kind is kl.ReLU:
        return _make_relu(function)
    known = _CALLED_FUNCTIONS.get(kind) or _ACTIVATIONS.get(function)
    if known is None:
        raise UntranslatedError
    return known


def _make_relu(layer: kl.ReLU) -> kinds.Activation:
    slope, most = float(layer.negative_slope), layer.max_value
    if layer.threshold or most not in (None, 6) or (most and slope):
        raise UntranslatedError
    if most:
        return kinds.Activation("relu6")
    return kinds.Activation("leaky_relu", slope) if slope else kinds.Activation("relu")


def _activate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    return builder.add_elementwise(make_activation(layer), *inputs)


def _pass_through(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    """Translate a layer that acts in training only, or only has an activation."""
    return inputs[0]


def _reshape(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    """Translate Reshape or Flatten; the latter puts channels that are first last."""
    (x,) = inputs
    if getattr(layer, "data_format", "") == "channels_first":
        x = builder.transpose(x, (*range(1, len(x.shape)), 0))
    return builder.reshape(x, layer.compute_output_shape((None, *x.shape))[1:])


def _permute(builder: NetworkBuilder, layer: kl.Permute, inputs: list[Value]) -> Value:
    return builder.transpose(inputs[0], tuple(axis - 1 for axis in layer.dims))


def _embed(builder: NetworkBuilder, layer: kl.Embedding, inputs: list[Value]) -> Value:
    """Translate Embedding: the row of a table for a label."""
    if not inputs[0].integer:
        raise UntranslatedError
    one_hot = builder.one_hot_label(layer.input_dim)
    table = kinds.Dense(_read_array(layer.embeddings), np.zeros(layer.output_dim, np.float32))
    row = builder.add_layer(table, one_hot)
    return builder.reshape(row, (*inputs[0].shape, layer.output_dim))


def _encode_category(
    builder: NetworkBuilder, layer: kl.CategoryEncoding, inputs: list[Value]
) -> Value:
    """Translate CategoryEncoding: the label as one-hot."""
    if not inputs[0].integer or layer.output_mode == "count":
        raise UntranslatedError
    return builder.one_hot_label(layer.num_tokens)


def _concatenate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    order = _put_last(layer.axis, inputs[0])
    return builder.add_in_order(order, lambda shape: kinds.Concat(), inputs)


def _combine(combine: kinds.Add | kinds.Multiply) -> Translator:
    """Return the translator of a sum or product."""
    return lambda builder, layer, inputs: builder.add_elementwise(combine, *inputs)


def _read_array(variable: Any, size: int = 0, default: float = 0) -> np.ndarray:
    """Return the float32 values of a layer's weights, or `size` default values if it has none."""
    if variable is None:
        return np.full(size, default, np.float32)
    return np.asarray(variable.numpy(), np.float32)


def _make_dense(layer: kl.Dense, shape: Shape) -> kinds.Dense:
    return kinds.Dense(_read_array(layer.kernel), _read_array(layer.bias, layer.units))


def _make_batch_norm(layer: kl.BatchNormalization, shape: Shape) -> kinds.BatchNorm:
    gamma, beta = _read_array(layer.gamma, shape[-1], 1), _read_array(layer.beta, shape[-1])
    mean, variance = _read_array(layer.moving_mean), _read_array(layer.moving_variance)
    return kinds.BatchNorm(gamma, beta, mean, variance, layer.epsilon)


def _make_rescaling(layer: kl.Rescaling, shape: Shape) -> kinds.Affine:
    scale, shift = (np.full(shape[-1], each, np.float32) for each in (layer.scale, layer.offset))
    return kinds.Affine(scale, shift)


def _translate_channels(make: Callable[[Any, Shape], Layer]) -> Translator:
    """Return the translator of a layer that needs its axis last."""

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        order = _put_last(getattr(layer, "axis", -1), inputs[0])
        return builder.add_in_order(order, partial(make, layer), inputs)

    return translate


def _put_last(axis: int, x: Value) -> tuple[int, ...]:
    """Return the order with an axis of the batch last; it may count from the end."""
    row_axis = axis - 1 if axis > 0 else axis % len(x.shape)
    return (*(each for each in range(len(x.shape)) if each != row_axis), row_axis)


def _make_upsample(layer: kl.UpSampling2D, shape: Shape, output: Shape) -> kinds.Upsample:
    if layer.interpolation not in ("nearest", "bilinear"):
        raise UntranslatedError
    return kinds.Upsample(layer.size, layer.interpolation)


def _make_crop(layer: kl.Cropping2D, shape: Shape, output: Shape) -> kinds.Pad:
    (up, down), (left, right) = layer.cropping
    return kinds.Pad(((-up, -down), (-left, -right)))


def _make_conv(layer: kl.Conv2D, shape: Shape, output: Shape) -> kinds.Conv:
    """Return Conv2D, with the zeros around its input that make Keras's output size."""
    kernel = _expand_groups(_read_array(layer.kernel), layer.groups)
    kernel = _dilate_kernel(kernel, layer.dilation_rate)
    sides = zip(shape, kernel.shape, layer.strides, output, strict=False)
    up, left = (same_padding(*each) for each in sides)
    return kinds.Conv(kernel, _read_array(layer.bias, layer.filters), layer.strides, (up, left))


def same_padding(side: int, size: int, step: int, output: int) -> Pair:
    """Return the zeros before and after a side, for an output of a convolution in TensorFlow."""
    total = max((output - 1) * step + size - side, 0)
    return total // 2, total - total // 2


def _make_conv_transpose(
    layer: kl.Conv2DTranspose, shape: Shape, output: Shape
) -> kinds.ConvTranspose:
    """Return Conv2DTranspose, with the crop that makes Keras's output size."""
    kernel = _dilate_kernel(_read_array(layer.kernel), layer.dilation_rate)
    bias = _read_array(layer.bias, layer.filters)
    sides = zip(shape, kernel.shape, layer.strides, output, strict=False)
    over = [(side - 1) * step + size - wanted for side, size, step, wanted in sides][:2]
    up, left = ((max(each, 0) // 2, each - max(each, 0) // 2) for each in over)
    return kinds.ConvTranspose(kernel, bias, layer.strides, (up, left))


def _dilate_kernel(kernel: np.ndarray, dilation: Pair) -> np.ndarray:
    """Return the kernel with zeros between its rows and columns."""
    height, width = ((size - 1) * by + 1 for size, by in zip(kernel.shape, dilation, strict=False))
    dilated = np.zeros((height, width, *kernel.shape[2:]), np.float32)
    dilated[:: dilation[0], :: dilation[1]] = kernel
    return dilated


def _expand_groups(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Return a grouped kernel (height, width, inputs / groups, outputs) over all inputs."""
    height, width, inputs, outputs = kernel.shape
    whole = np.zeros((height, width, inputs * groups, outputs), np.float32)
    for group in range(groups):
        rows = slice(group * inputs, (group + 1) * inputs)
        columns = slice(group * outputs // groups, (group + 1) * outputs // groups)
        whole[:, :, rows, columns] = kernel[:, :, :, columns]
    return whole


def _translate_image(make: Callable[..., Layer]) -> Translator:
    """Return the translator of a layer that needs channels last.

    `make` takes the layer and the shapes of its input and output, as in Keras.
    """

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        (x,) = inputs
        order = _find_order(layer, x)
        output = layer.compute_output_shape((None, *x.shape))
        sides = tuple(output[1 + axis] for axis in order)
        return builder.add_in_order(order, partial(make, layer, output=sides), inputs)

    return translate


def _find_order(layer: Any, x: Value) -> tuple[int, ...]:
    """Return the order of an image's axes that puts its channels last."""
    if len(x.shape) != 3:
        raise UntranslatedError
    return (1, 2, 0) if layer.data_format == "channels_first" else (0, 1, 2)


_ACTIVATIONS = {
    **{
        getattr(keras.activations, name): kinds.Activation(name)
        for name in ("relu", "relu6", "selu", "softplus", "softsign", "tanh", "sigmoid", "gelu")
    },
    keras.activations.hard_sigmoid: kinds.Activation("hard_sigmoid"),
    keras.activations.silu: kinds.Activation("swish"),
    keras.activations.exponential: kinds.Activation("exp"),
    keras.activations.leaky_relu: kinds.Activation("leaky_relu", 0.2),
    keras.activations.elu: kinds.Activation("elu", 1.0),
}
_CALLED_FUNCTIONS = {  # functions of keras.ops that were called on tensors
    **{kind: kinds.Activation(kind.__name__.lower()) for kind in (nn.Relu, nn.Relu6, nn.Sigmoid)},
    **{nn.Softplus: kinds.Activation("softplus"), nn.Silu: kinds.Activation("swish")},
    functions.Tanh: kinds.Activation("tanh"),
}
NOISE_LAYERS = (
    *(kl.Dropout, kl.SpatialDropout1D, kl.SpatialDropout2D, kl.AlphaDropout),
    *(kl.GaussianNoise, kl.GaussianDropout),
)
_IDENTITIES = (kl.Identity, kl.ActivityRegularization, *NOISE_LAYERS)
# the only ones in which a label may be an integer
LABEL_LAYERS = (kl.Embedding, kl.CategoryEncoding, kl.Reshape, kl.Flatten, *_IDENTITIES)
TRANSLATORS: dict[type, Translator] = {
    **dict.fromkeys((*_IDENTITIES, kl.Activation), _pass_through),
    **dict.fromkeys((kl.ReLU, kl.LeakyReLU, kl.ELU, *_CALLED_FUNCTIONS), _activate),
    **{kl.Reshape: _reshape, kl.Flatten: _reshape, kl.Permute: _permute},
    **{kl.Embedding: _embed, kl.CategoryEncoding: _encode_category},
    kl.Dense: _translate_channels(_make_dense),
    kl.BatchNormalization: _translate_channels(_make_batch_norm),
    kl.Rescaling: _translate_channels(_make_rescaling),
    kl.Conv2D: _translate_image(_make_conv),
    kl.Conv2DTranspose: _translate_image(_make_conv_transpose),
    kl.UpSampling2D: _translate_image(_make_upsample),
    kl.ZeroPadding2D: _translate_image(lambda layer, shape, output: kinds.Pad(layer.padding)),
    kl.Cropping2D: _translate_image(_make_crop),
    **dict.fromkeys((kl.Concatenate, functions.Concatenate), _concatenate),
    **dict.fromkeys((kl.Add, functions.Add), _combine(kinds.Add())),
    **dict.fromkeys((kl.Multiply, functions.Multiply), _combine(kinds.Multiply())),
}
