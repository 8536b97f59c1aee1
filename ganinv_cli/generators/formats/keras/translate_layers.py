"""The translation of each of Keras's layers and functions to layers of network/.

A translator adds nodes to a `NetworkBuilder`. Activations that a layer has besides are added by
`translate`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers as kl
from keras.src.ops import nn
from keras.src.ops import numpy as functions

from ganinv_cli.generators.formats.interface import MAX_VALUES
from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.graph import LABEL, Network, Node
from ganinv_cli.generators.network.layers import Layer, Pair, Reshape, Shape, Transpose, infer_shape


class UntranslatedError(Exception):
    """Raised for what the layers of network/ do not express: the layer that is the builder's name.

    The model is traced then.
    """


@dataclass(frozen=True)
class Value:
    """The output of a node of the network."""

    node: int  # its number, or Z or LABEL
    shape: Shape  # of a row
    integer: bool = False  # a label as an integer; the network takes it as one-hot


class NetworkBuilder:
    """Collects the nodes that the translation of each layer adds.

    Its methods raise ShapeError if a layer does not fit its inputs.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.name = ""  # of the nodes that are added next
        self.labels = 0
        self.assumptions: list[str] = []

    def add_layer(self, layer: Layer, *inputs: Value) -> Value:
        """Add a layer and return its output."""
        shape = infer_shape(layer, [each.shape for each in inputs])
        if math.prod(shape) > MAX_VALUES:
            raise UntranslatedError  # whoever traces it says how large it is
        self.nodes.append(Node(layer, tuple(each.node for each in inputs), self.name))
        return Value(len(self.nodes) - 1, shape)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """Return a value in another shape, without -1."""
        if x.integer:
            return replace(x, shape=shape)
        return x if x.shape == shape else self.add_layer(Reshape(shape), x)

    def one_hot_label(self, labels: int) -> Value:
        """Return the label as one-hot. Raises UntranslatedError if layers differ in its size."""
        if labels < 2 or self.labels not in (0, labels):
            raise UntranslatedError
        self.labels = labels
        return Value(LABEL, (labels,))

    def make_network(self, latent: int, output: Value) -> Network:
        """Return the network that ends in `output`, with the channels of an image last."""
        shape = output.shape
        if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
            self.name = "channels last"
            output = self.add_layer(Transpose((1, 2, 0)), output)
        return Network(latent, tuple(self.nodes), self.labels).prune_to(output.node)


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
    return builder.add_layer(make_activation(layer), *inputs)


def _pass_through(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    """Translate a layer that acts in training only, or only has an activation."""
    return inputs[0]


def _reshape(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    (x,) = inputs
    return builder.reshape(x, layer.compute_output_shape((None, *x.shape))[1:])


def _permute(builder: NetworkBuilder, layer: kl.Permute, inputs: list[Value]) -> Value:
    return builder.add_layer(kinds.Transpose(tuple(axis - 1 for axis in layer.dims)), *inputs)


def _embed(builder: NetworkBuilder, layer: kl.Embedding, inputs: list[Value]) -> Value:
    if not inputs[0].integer:
        raise UntranslatedError
    one_hot = builder.one_hot_label(layer.input_dim)
    table = kinds.Dense(_read_array(layer.embeddings), np.zeros(layer.output_dim, np.float32))
    row = builder.add_layer(table, one_hot)
    return builder.reshape(row, (*inputs[0].shape, layer.output_dim))


def _encode_category(
    builder: NetworkBuilder, layer: kl.CategoryEncoding, inputs: list[Value]
) -> Value:
    if not inputs[0].integer or layer.output_mode == "count":
        raise UntranslatedError
    return builder.one_hot_label(layer.num_tokens)


def _concatenate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
    _require_last(layer.axis, inputs[0])
    return builder.add_layer(kinds.Concat(), *inputs)


def _combine(combine: kinds.Add | kinds.Multiply) -> Translator:
    return lambda builder, layer, inputs: builder.add_layer(combine, *inputs)


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
    """Return the translator of a layer along the last axis."""

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        (x,) = inputs
        _require_last(getattr(layer, "axis", -1), x)
        return builder.add_layer(make(layer, x.shape), x)

    return translate


def _require_last(axis: int, x: Value) -> None:
    if axis not in (-1, len(x.shape)):
        raise UntranslatedError


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
    """Return the translator of a layer on images.

    `make` takes the layer and the shapes of its input and output.
    """

    def translate(builder: NetworkBuilder, layer: Any, inputs: list[Value]) -> Value:
        (x,) = inputs
        output = layer.compute_output_shape((None, *x.shape))[1:]
        return builder.add_layer(make(layer, x.shape, output), x)

    return translate


_SAME_NAMES = "gelu hard_sigmoid relu relu6 selu sigmoid softplus softsign tanh"  # as in Keras
_ACTIVATIONS = {
    **{getattr(keras.activations, each): kinds.Activation(each) for each in _SAME_NAMES.split()},
    keras.activations.silu: kinds.Activation("swish"),
    keras.activations.exponential: kinds.Activation("exp"),
    keras.activations.leaky_relu: kinds.Activation("leaky_relu", 0.2),
    keras.activations.elu: kinds.Activation("elu", 1.0),
}
_CALLED_FUNCTIONS = {  # functions of keras.ops that were called on tensors
    nn.Relu: kinds.Activation("relu"),
    nn.Relu6: kinds.Activation("relu6"),
    nn.Sigmoid: kinds.Activation("sigmoid"),
    nn.Silu: kinds.Activation("swish"),
    nn.Softplus: kinds.Activation("softplus"),
    functions.Tanh: kinds.Activation("tanh"),
}
NOISE_LAYERS = (
    kl.AlphaDropout,
    kl.Dropout,
    kl.GaussianDropout,
    kl.GaussianNoise,
    kl.SpatialDropout1D,
    kl.SpatialDropout2D,
)
_IDENTITIES = (kl.Identity, kl.ActivityRegularization, *NOISE_LAYERS)
# the only ones in which a label may be an integer
LABEL_LAYERS = (kl.Embedding, kl.CategoryEncoding, kl.Reshape, kl.Flatten, *_IDENTITIES)
TRANSLATORS: dict[type, Translator] = {
    **dict.fromkeys((*_IDENTITIES, kl.Activation), _pass_through),
    **dict.fromkeys((kl.ReLU, kl.LeakyReLU, kl.ELU, *_CALLED_FUNCTIONS), _activate),
    kl.Reshape: _reshape,
    kl.Flatten: _reshape,
    kl.Permute: _permute,
    kl.Embedding: _embed,
    kl.CategoryEncoding: _encode_category,
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
