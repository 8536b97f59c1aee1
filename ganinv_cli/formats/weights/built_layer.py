"""A layer of a generator before and after its weights are read."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights.choices import ConvGeometry
from ganinv_cli.formats.weights.step import WeightedLayer
from ganinv_cli.network.layers import (
    Activation,
    BatchNorm,
    Concat,
    Conv,
    ConvTranspose,
    Dense,
    Layer,
    Reshape,
    Upsample,
)
from ganinv_cli.network.shapes import Shape


class BuiltLayer(NamedTuple):
    """A layer of a generator whose weights have not been read."""

    source: WeightedLayer | None  # None: it has no weights
    usage: ConvGeometry | Activation | Reshape | Upsample | Concat | float | None = (
        None  # float: epsilon of a norm; None: a matrix
    )
    map_shape: Shape = ()  # shape of the map that its channels-first outputs are reshaped to

    @property
    def name(self) -> str:
        """Name of the layer in the file."""
        return self.source.name if self.source else ""

    @property
    def identity(self) -> tuple[object, ...]:
        """Everything that determines its function, except the weights."""
        return self.name, self.usage, self.map_shape


def make_layer(built: BuiltLayer, is_torch: bool) -> Layer:
    """Return the layer with its weights, which are read now."""
    source, usage, map_shape = built
    if source is None:
        assert not isinstance(usage, ConvGeometry | float | None)
        return usage
    vectors = {role: weight.read() for role, weight in source.weights.items() if role != "weight"}
    if isinstance(usage, float):
        size = vectors["mean"].size
        gamma = source.weights["weight"].read() if "weight" in source.weights else np.ones(size)
        beta = vectors.get("bias", np.zeros(size))
        each = [gamma, beta, vectors["mean"], vectors["variance"]]
        if vectors["variance"].min(initial=0) < 0:
            raise UnreadableError(
                f"the variance of {source.name} holds {vectors['variance'].min():g}, but one is at "
                "least 0; use another file of the run"
            )
        gamma, beta, mean, variance = (
            _to_channels_last(vector.astype(np.float32), map_shape) for vector in each
        )
        return BatchNorm(gamma, beta, mean, variance, usage)
    weights = source.weights["weight"].read()
    if isinstance(usage, Activation):  # its slope is the weight
        return Activation(usage.name, float(weights.reshape(())))
    if isinstance(usage, ConvGeometry):
        kernel = np.ascontiguousarray(weights.transpose(2, 3, 1, 0) if is_torch else weights)
        bias = vectors.get("bias", np.zeros(kernel.shape[2 if usage.transposed else 3], np.float32))
        kind = ConvTranspose if usage.transposed else Conv
        return kind(kernel, bias, usage.stride, usage.padding)
    matrix = weights.T if is_torch else weights
    bias = vectors.get("bias", np.zeros(matrix.shape[1], np.float32))
    return Dense(*(_to_channels_last(each, map_shape) for each in (matrix, bias)))


def _to_channels_last(array: np.ndarray, map_shape: Shape) -> np.ndarray:
    """Return the last axis reordered from channels first to (height, width, channels)."""
    if not map_shape:
        return np.ascontiguousarray(array)
    height, width, channels = map_shape
    apart = array.reshape(*array.shape[:-1], channels, height, width)
    return np.ascontiguousarray(np.moveaxis(apart, -3, -1).reshape(array.shape))
