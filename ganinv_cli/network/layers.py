"""The kinds of layers: frozen descriptions with their weights, independent of any framework.

Images are (batch, height, width, channels) for every file format.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Pair = tuple[int, int]  # of height and width
Sides = tuple[Pair, Pair]  # (top, bottom), (left, right)


@dataclass(frozen=True)
class Dense:
    """x @ weights + bias, over the last axis."""

    weights: np.ndarray  # (inputs, outputs)
    bias: np.ndarray  # (outputs,)


@dataclass(frozen=True)
class Reshape:
    """The same values in the same order, in another shape, which excludes the batch axis."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Transpose:
    """The axes of a row in another order; axis 0 is the first after the batch axis."""

    order: tuple[int, ...]


@dataclass(frozen=True)
class ConvTranspose:
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


@dataclass(frozen=True)
class Conv:
    """A convolution (cross-correlation), with zeros around the image."""

    weights: np.ndarray  # (height, width, inputs, outputs)
    bias: np.ndarray  # (outputs,)
    stride: Pair = (1, 1)
    padding: Sides = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Upsample:
    """An image enlarged by `factor`: pixels repeated, or bilinear between pixel centres."""

    factor: Pair
    method: Literal["nearest", "bilinear"] = "nearest"


@dataclass(frozen=True)
class Pad:
    """Rows and columns added around the image; a negative number cuts off."""

    sides: Sides
    mode: Literal["constant", "reflect"] = "constant"  # zeros, or the image mirrored


@dataclass(frozen=True)
class BatchNorm:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over the last axis."""

    gamma: np.ndarray  # (channels,)
    beta: np.ndarray  # (channels,)
    mean: np.ndarray  # (channels,)
    variance: np.ndarray  # (channels,)
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Affine:
    """x * scale + shift, over the last axis."""

    scale: np.ndarray  # (channels,)
    shift: np.ndarray  # (channels,)


@dataclass(frozen=True)
class GroupNorm:
    """Like BatchNorm, but by the moments of each row's groups of channels (Wu & He 2018).

    One group is layer norm over the whole row, one group per channel is instance norm.
    """

    gamma: np.ndarray  # (channels,)
    beta: np.ndarray  # (channels,)
    groups: int
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Activation:
    """An elementwise function, one of ACTIVATIONS."""

    name: str
    slope: float | None = None  # slope of leaky_relu below 0; −1 times the limit of elu at −∞


@dataclass(frozen=True)
class Constant:
    """The same values for every row; it has no inputs."""

    value: np.ndarray  # of one row


@dataclass(frozen=True)
class Add:
    """The sum of the inputs, which broadcast as in NumPy."""


@dataclass(frozen=True)
class Multiply:
    """The product of the inputs, which broadcast as in NumPy."""


@dataclass(frozen=True)
class Concat:
    """The inputs concatenated along the last axis."""


Layer = (
    Dense
    | Reshape
    | Transpose
    | ConvTranspose
    | Conv
    | Upsample
    | Pad
    | BatchNorm
    | Affine
    | GroupNorm
    | Activation
    | Constant
    | Add
    | Multiply
    | Concat
)

# leaky_relu and elu need their slope, the others have none; gelu is the exact one
ACTIVATIONS = (
    *("relu", "leaky_relu", "elu", "selu", "softplus", "swish", "gelu", "relu6"),
    *("tanh", "sigmoid", "hard_sigmoid", "exp", "softsign"),
)


def same_crop(kernel: Pair, stride: Pair) -> Sides:
    """Return the crop that makes a transposed convolution TensorFlow's SAME padding."""
    over = [size - step for size, step in zip(kernel, stride, strict=True)]
    # TensorFlow's padding of the corresponding convolution is never negative
    up, left = (max(each, 0) // 2 for each in over)
    return (up, over[0] - up), (left, over[1] - left)


def same_conv_transpose(weights: np.ndarray, bias: np.ndarray, stride: int) -> ConvTranspose:
    """Return a transposed convolution with SAME padding: sides grow `stride` times."""
    pair = (stride, stride)
    kernel = weights.shape[:2]
    return ConvTranspose(weights, bias, pair, same_crop((kernel[0], kernel[1]), pair))


def phase_kernel(layer: ConvTranspose) -> np.ndarray:
    """Return the kernel of an equivalent convolution with SAME padding and stride 1.

    The kernel is (rows, columns, inputs, stride * stride * outputs), with outputs in the order of
    depth_to_space: the pixel at (stride * y + p, stride * x + q) is channel (p, q) at (y, x). The
    stride must be the same in both directions, and the sides must grow `stride` times.
    """
    height, width, outputs, inputs = layer.weights.shape
    stride, _ = layer.stride
    offsets = [
        [divmod(tap - before, stride) for tap in range(size)]  # inputs on, and phase
        for size, (before, _) in zip((height, width), layer.crop, strict=True)
    ]
    reach = [max(abs(back) for back, _ in along) for along in offsets]
    kernel = np.zeros(
        (2 * reach[0] + 1, 2 * reach[1] + 1, inputs, stride, stride, outputs),
        layer.weights.dtype,
    )
    for row, (up, p) in zip(layer.weights, offsets[0], strict=True):
        for tap, (left, q) in zip(row, offsets[1], strict=True):
            kernel[reach[0] - up, reach[1] - left, :, p, q] = tap.T
    return kernel.reshape(*kernel.shape[:3], -1)
