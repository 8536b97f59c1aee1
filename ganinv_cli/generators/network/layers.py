"""The kinds of layers: frozen descriptions with their weights, independent of any framework.

Images are (batch, height, width, channels) for every file format.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

MAX_SQUARE_LATENT = 1024  # components of z up to which each trial has a (latent, latent) matrix

Shape = tuple[int, ...]  # of one row, without the batch
Pair = tuple[int, int]  # of height and width
Sides = tuple[Pair, Pair]  # (top, bottom), (left, right)


class ShapeError(ValueError):
    """Raised if a layer cannot take its inputs; the message names the shapes."""


@dataclass(frozen=True)
class Layer:
    """A layer. By default its inputs broadcast as in NumPy, and its arrays are per channel."""

    def output_shape(self, *inputs: Any) -> Shape:
        """Return the shape of the output, from the shapes of the inputs (see `infer_shape`)."""
        arrays = (value for value in vars(self).values() if isinstance(value, np.ndarray))
        require(all(inputs[0][-1:] == array.shape for array in arrays))
        return np.broadcast_shapes(*inputs)


@dataclass(frozen=True)
class Dense(Layer):
    """x @ weights + bias, over the last axis."""

    weights: np.ndarray  # (inputs, outputs)
    bias: np.ndarray  # (outputs,)

    def output_shape(self, shape: Shape) -> Shape:
        require((*shape[-1:], *self.bias.shape) == self.weights.shape)
        return (*shape[:-1], len(self.bias))


@dataclass(frozen=True)
class Reshape(Layer):
    """The same values in the same order, in another shape, which excludes the batch axis."""

    shape: Shape

    def output_shape(self, shape: Shape) -> Shape:
        require(math.prod(shape) == math.prod(self.shape))
        return self.shape


@dataclass(frozen=True)
class Transpose(Layer):
    """The axes of a row in another order; axis 0 is the first after the batch axis."""

    order: tuple[int, ...]

    def output_shape(self, shape: Shape) -> Shape:
        require(sorted(self.order) == list(range(len(shape))))
        return tuple(shape[axis] for axis in self.order)


@dataclass(frozen=True)
class ConvTranspose(Layer):
    """A transposed convolution: (side − 1) * stride + kernel pixels per side, less `crop`."""

    weights: np.ndarray  # (height, width, outputs, inputs)
    bias: np.ndarray  # (outputs,)
    stride: Pair
    crop: Sides  # rows and columns to cut off; a negative number adds zeros

    @property
    def has_same_padding(self) -> bool:
        """Whether this is TensorFlow's SAME padding: a side grows exactly `stride` times."""
        kernel = self.weights.shape[:2]
        return self.crop == same_crop((kernel[0], kernel[1]), self.stride)

    def output_shape(self, shape: Shape) -> Shape:
        *sides, channels = shape
        require((*self.bias.shape, channels) == self.weights.shape[2:])
        around = zip(sides, self.weights.shape[:2], self.stride, self.crop, strict=True)
        grown = ((side - 1) * step + size - sum(crop) for side, size, step, crop in around)
        return (*grown, len(self.bias))


@dataclass(frozen=True)
class Conv(Layer):
    """A convolution (cross-correlation), with zeros around the image."""

    weights: np.ndarray  # (height, width, inputs, outputs)
    bias: np.ndarray  # (outputs,)
    stride: Pair = (1, 1)
    padding: Sides = ((0, 0), (0, 0))

    def output_shape(self, shape: Shape) -> Shape:
        *sides, channels = shape
        require((channels, *self.bias.shape) == self.weights.shape[2:])
        around = zip(sides, self.weights.shape[:2], self.stride, self.padding, strict=True)
        lengths = ((side + sum(pad) - size) // step + 1 for side, size, step, pad in around)
        return (*lengths, len(self.bias))


@dataclass(frozen=True)
class Upsample(Layer):
    """An image enlarged by `factor`: pixels repeated, or bilinear between pixel centres."""

    factor: Pair
    method: Literal["nearest", "bilinear"] = "nearest"

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return height * self.factor[0], width * self.factor[1], channels


@dataclass(frozen=True)
class Pad(Layer):
    """Rows and columns of zeros added around the image; a negative number cuts off."""

    sides: Sides

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return height + sum(self.sides[0]), width + sum(self.sides[1]), channels


@dataclass(frozen=True)
class BatchNorm(Layer):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over the last axis."""

    gamma: np.ndarray  # (channels,)
    beta: np.ndarray  # (channels,)
    mean: np.ndarray  # (channels,)
    variance: np.ndarray  # (channels,)
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Affine(Layer):
    """x * scale + shift, over the last axis."""

    scale: np.ndarray  # (channels,)
    shift: np.ndarray  # (channels,)


@dataclass(frozen=True)
class Activation(Layer):
    """An elementwise function, one of ACTIVATIONS."""

    name: str
    slope: float | None = None  # slope of leaky_relu below 0; −1 times the limit of elu at −∞


@dataclass(frozen=True)
class Constant(Layer):
    """The same values for every row; it has no inputs."""

    value: np.ndarray  # of one row

    def output_shape(self) -> Shape:
        return self.value.shape


@dataclass(frozen=True)
class Add(Layer):
    """The sum of the inputs."""


@dataclass(frozen=True)
class Multiply(Layer):
    """The product of the inputs."""


@dataclass(frozen=True)
class Concat(Layer):
    """The inputs concatenated along the last axis."""

    def output_shape(self, *inputs: Shape) -> Shape:
        require(len({each[:-1] for each in inputs}) == 1)
        return (*inputs[0][:-1], sum(each[-1] for each in inputs))


LinearLayer = Dense | ConvTranspose | Conv
Move = Reshape | Transpose | Upsample | Pad  # moves pixels, and keeps their range

# leaky_relu and elu need their slope, the others have none; gelu is the exact one
ACTIVATIONS = (
    "relu", "leaky_relu", "elu", "selu", "softplus", "swish", "gelu", "relu6", "tanh", "sigmoid",
    "hard_sigmoid", "exp", "softsign",
)  # fmt: skip


def same_crop(kernel: Pair, stride: Pair) -> Sides:
    """Return the crop that makes a transposed convolution TensorFlow's SAME padding."""
    over = [size - step for size, step in zip(kernel, stride, strict=True)]
    # TensorFlow's padding of the corresponding convolution is never negative
    up, left = (max(each, 0) // 2 for each in over)
    return (up, over[0] - up), (left, over[1] - left)


def infer_shape(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of a layer's output from the shapes of its inputs. Raises ShapeError."""
    try:
        shape = layer.output_shape(*inputs)
        require(min(shape, default=1) > 0)
    except (ValueError, IndexError):
        takes = " and ".join(map(format_shape, inputs))
        raise ShapeError(f"{type(layer).__name__} cannot take {takes}") from None
    return shape


def require(fits: bool) -> None:
    """Raise ShapeError if a layer does not fit its inputs."""
    if not fits:
        raise ShapeError


def format_shape(shape: Shape) -> str:
    """Return a shape as text, e.g. `4 x 4 x 512`."""
    return " x ".join(map(str, shape)) or "one number"
