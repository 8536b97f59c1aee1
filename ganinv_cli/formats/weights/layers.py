"""Layers in a file of weights alone, and their conversion once their geometry is planned."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.unsupported import EXPORT_TO_ONNX
from ganinv_cli.formats.weights.weight import Weights
from ganinv_cli.network.layers import (
    Activation,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Layer,
    Pair,
    Reshape,
    Sides,
    Upsample,
)
from ganinv_cli.network.shapes import Shape


class Framework(NamedTuple):
    """Defaults of the framework that wrote a file."""

    is_torch: bool  # the axes are PyTorch's, channels before pixels; else TensorFlow's
    epsilon: float  # of batch norms
    activation: str  # between layers, as `overrides.parse_activation` reads it

    @property
    def remedy(self) -> str:
        """Advice if weights alone do not determine the network."""
        if self.is_torch:
            return EXPORT_TO_ONNX
        return "save the whole generator, by model.save or model.export of Keras"


class WeightedLayer(NamedTuple):
    """A layer with weights."""

    name: str  # in the file
    weights: Weights  # by role: some of weight, bias, mean, variance
    weightless_before: int | None = None  # number of layers without weights before it, if known
    transposed: bool | None = (
        None  # whether its name is the name of a transposed convolution, if known
    )

    @property
    def shape(self) -> Shape:
        """Shape of its weight."""
        return self.weights["weight"].shape if "weight" in self.weights else ()


class ConvGeometry(NamedTuple):
    """Geometry of a convolution."""

    transposed: bool
    stride: Pair
    padding: Sides  # cropped from a transposed one, added before another


class PlannedLayer(NamedTuple):
    """A layer of a generator whose weights have not been read."""

    weighted_layer: WeightedLayer | None  # None: it has no weights
    usage: ConvGeometry | Activation | Reshape | Upsample | float | None = (
        None  # float: epsilon of a norm
    )
    map_shape: Shape = ()  # shape of the map that its channels-first outputs are reshaped to

    @property
    def name(self) -> str:
        """Name of the layer in the file."""
        return self.weighted_layer.name if self.weighted_layer else ""


def make_layer(planned: PlannedLayer, framework: Framework) -> Layer:
    """Return the layer with its weights, which are read now. Raises UnreadableError."""
    weighted_layer, usage = planned.weighted_layer, planned.usage
    if weighted_layer is None:
        assert isinstance(usage, Activation | Reshape | Upsample)
        return usage
    if isinstance(usage, float):
        return _make_norm(weighted_layer, usage, planned.map_shape)
    weights = weighted_layer.weights["weight"].read()
    if isinstance(usage, Activation):  # its slope is the weight
        return Activation(usage.name, float(weights.reshape(())))
    if usage is None:
        matrix = weights.T if framework.is_torch else weights
        bias = _read_vector(weighted_layer, "bias", matrix.shape[1], 0)
        return Dense(*(_to_channels_last(each, planned.map_shape) for each in (matrix, bias)))
    assert isinstance(usage, ConvGeometry)
    kernel = weights.transpose(2, 3, 1, 0) if framework.is_torch else weights
    bias = _read_vector(weighted_layer, "bias", kernel.shape[2 if usage.transposed else 3], 0)
    if usage.transposed:
        return ConvTranspose(np.ascontiguousarray(kernel), bias, usage.stride, usage.padding)
    return Conv(np.ascontiguousarray(kernel), bias, usage.stride, usage.padding)


def _make_norm(layer: WeightedLayer, epsilon: float, map_shape: Shape) -> BatchNorm:
    mean, variance = layer.weights["mean"].read(), layer.weights["variance"].read()
    if variance.size and variance.min() < 0:
        raise UnreadableError(
            f"the variance of {layer.name} holds {variance.min():g}, but one is at least 0; "
            "use another file of the run"
        )
    gamma, beta = (
        _read_vector(layer, "weight", mean.size, 1),
        _read_vector(layer, "bias", mean.size, 0),
    )
    each = [_to_channels_last(vector, map_shape) for vector in (gamma, beta, mean, variance)]
    return BatchNorm(each[0], each[1], each[2], each[3], epsilon)


def _read_vector(layer: WeightedLayer, role: str, size: int, default: float) -> np.ndarray:
    weight = layer.weights.get(role)
    return weight.read() if weight else np.full(size, default, np.float32)


def _to_channels_last(array: np.ndarray, map_shape: Shape) -> np.ndarray:
    """Return the last axis reordered from channels first to (height, width, channels)."""
    if not map_shape:
        return np.ascontiguousarray(array)
    height, width, channels = map_shape
    apart = array.reshape(*array.shape[:-1], channels, height, width)
    return np.ascontiguousarray(np.moveaxis(apart, -3, -1).reshape(array.shape))
