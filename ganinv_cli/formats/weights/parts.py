"""The layers of a file of weights alone, and what is made of them once their places are known."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.reading import UnreadableError
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


class Style(NamedTuple):
    """What is usual where a file comes from."""

    torch: bool  # the axes are PyTorch's, channels before pixels; else TensorFlow's
    epsilon: float  # of batch norms
    activation: str  # between layers, as `told.activation` reads it

    @property
    def remedy(self) -> str:
        """What to do where weights alone do not tell how they are used."""
        if self.torch:
            return "rebuild the generator in Keras with these weights and save that model"
        return "save the whole generator, by model.save or model.export of Keras"


class Part(NamedTuple):
    """A layer with weights."""

    name: str  # in the file
    weights: Weights  # by what they are: weight, bias, mean, variance, of those that there are
    before: int | None = (
        None  # how many layers without weights stand before it, where that is known
    )
    transposed: bool | None = None  # whether its name says that it is a transposed convolution

    @property
    def shape(self) -> Shape:
        """Of its weight."""
        return self.weights["weight"].shape if "weight" in self.weights else ()


class Place(NamedTuple):
    """How a convolution is used."""

    transposed: bool
    stride: Pair
    sides: Sides  # what is cropped of a transposed one, or added before the other


class Made(NamedTuple):
    """A layer of a generator whose weights have not been read."""

    part: Part | None  # None: it has no weights
    how: Place | Activation | Reshape | Upsample | float | None = None  # float: epsilon of a norm
    unfolded: Shape = ()  # the map that its channels-first outputs become

    @property
    def name(self) -> str:
        """Of the layer in the file."""
        return self.part.name if self.part else ""


def layer(made: Made, style: Style) -> Layer:
    """With its weights, read now. Raises UnreadableError."""
    part, how = made.part, made.how
    if part is None:
        assert isinstance(how, Activation | Reshape | Upsample)
        return how
    if isinstance(how, float):
        return _norm(part, how, made.unfolded)
    weights = part.weights["weight"].read()
    if isinstance(how, Activation):  # its slope is the weight
        return Activation(how.name, float(weights.reshape(())))
    if how is None:
        matrix = weights.T if style.torch else weights
        bias = _vector(part, "bias", matrix.shape[1], 0)
        return Dense(*(_channels_last(each, made.unfolded) for each in (matrix, bias)))
    assert isinstance(how, Place)
    kernel = weights.transpose(2, 3, 1, 0) if style.torch else weights
    bias = _vector(part, "bias", kernel.shape[2 if how.transposed else 3], 0)
    if how.transposed:
        return ConvTranspose(np.ascontiguousarray(kernel), bias, how.stride, how.sides)
    return Conv(np.ascontiguousarray(kernel), bias, how.stride, how.sides)


def _norm(part: Part, epsilon: float, unfolded: Shape) -> BatchNorm:
    mean, variance = part.weights["mean"].read(), part.weights["variance"].read()
    if variance.size and variance.min() < 0:
        raise UnreadableError(
            f"the variance of {part.name} holds {variance.min():g} where one is at least 0; "
            "use another file of the run"
        )
    gamma, beta = _vector(part, "weight", mean.size, 1), _vector(part, "bias", mean.size, 0)
    each = [_channels_last(vector, unfolded) for vector in (gamma, beta, mean, variance)]
    return BatchNorm(each[0], each[1], each[2], each[3], epsilon)


def _vector(part: Part, what: str, size: int, otherwise: float) -> np.ndarray:
    weight = part.weights.get(what)
    return weight.read() if weight else np.full(size, otherwise, np.float32)


def _channels_last(array: np.ndarray, unfolded: Shape) -> np.ndarray:
    """The last axis in the order of (height, width, channels) where it has channels first."""
    if not unfolded:
        return np.ascontiguousarray(array)
    height, width, channels = unfolded
    apart = array.reshape(*array.shape[:-1], channels, height, width)
    return np.ascontiguousarray(np.moveaxis(apart, -3, -1).reshape(array.shape))
