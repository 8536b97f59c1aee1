"""What a generator is made of: frozen descriptions with their weights, no framework in them.

Pictures are (batch, height, width, channels), whatever the file that they came from.
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
    """The same values in the same order, in another shape: that of one row, without the batch."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Transpose:
    """The axes of a row in another order; axis 0 is the first behind the batch."""

    order: tuple[int, ...]


@dataclass(frozen=True)
class ConvTranspose:
    """A transposed convolution: (side − 1) * stride + kernel pixels a side, less `crop`."""

    weights: np.ndarray  # (height, width, outputs, inputs)
    bias: np.ndarray  # (outputs,)
    stride: Pair
    crop: Sides  # rows and columns that are cut off; below 0: so many of zeros are added

    @property
    def has_same_padding(self) -> bool:
        """Whether that is TensorFlow's SAME padding: a side grows just `stride` times."""
        kernel = self.weights.shape[:2]
        return self.crop == same_crop((kernel[0], kernel[1]), self.stride)


@dataclass(frozen=True)
class Conv:
    """A convolution (in truth a correlation), with zeros around the picture."""

    weights: np.ndarray  # (height, width, inputs, outputs)
    bias: np.ndarray  # (outputs,)
    stride: Pair = (1, 1)
    padding: Sides = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Upsample:
    """Each pixel as factor[0] * factor[1] pixels: the same ones, or bilinear between centres."""

    factor: Pair
    method: Literal["nearest", "bilinear"] = "nearest"


@dataclass(frozen=True)
class Pad:
    """Rows and columns added around the picture; below 0, cut off."""

    sides: Sides
    mode: Literal["constant", "reflect"] = "constant"  # zeros, or the picture mirrored


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
    """As BatchNorm, by the moments of each row's own groups of channels (Wu & He 2018).

    One group is layer norm over the whole row, a group a channel is instance norm.
    """

    gamma: np.ndarray  # (channels,)
    beta: np.ndarray  # (channels,)
    groups: int
    epsilon: float = 1e-5


@dataclass(frozen=True)
class PixelNorm:
    """x / sqrt(mean of x² over the last axis + epsilon) (Karras et al. 2018)."""

    epsilon: float = 1e-8


@dataclass(frozen=True)
class Activation:
    """An elementwise function by name; ACTIVATIONS says which there are."""

    name: str
    slope: float | None = None  # of leaky_relu below 0; what elu tends to, with the sign changed


@dataclass(frozen=True)
class Constant:
    """The same values for every row, whatever the latent vector; has no inputs."""

    value: np.ndarray  # of one row


@dataclass(frozen=True)
class Add:
    """The sum of its inputs, which broadcast as those of NumPy."""


@dataclass(frozen=True)
class Multiply:
    """The product of its inputs, which broadcast as those of NumPy."""


@dataclass(frozen=True)
class Concat:
    """Its inputs beside one another along the last axis."""


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
    | PixelNorm
    | Activation
    | Constant
    | Add
    | Multiply
    | Concat
)

# leaky_relu and elu need their slope, the others have none; gelu is the exact one
ACTIVATIONS = (
    *("relu", "leaky_relu", "elu", "selu", "softplus", "swish", "gelu", "gelu_tanh", "relu6"),
    *("tanh", "sigmoid", "hard_sigmoid", "exp", "softsign"),
)


def same_crop(kernel: Pair, stride: Pair) -> Sides:
    """The crop of a transposed convolution that is SAME padding in TensorFlow."""
    over = [size - step for size, step in zip(kernel, stride, strict=True)]
    # TensorFlow pads the convolution that this undoes with nothing less than 0
    up, left = (max(each, 0) // 2 for each in over)
    return (up, over[0] - up), (left, over[1] - left)


def same_conv_transpose(weights: np.ndarray, bias: np.ndarray, stride: int) -> ConvTranspose:
    """A transposed convolution with SAME padding: the sides of the picture grow `stride` times."""
    pair = (stride, stride)
    kernel = weights.shape[:2]
    return ConvTranspose(weights, bias, pair, same_crop((kernel[0], kernel[1]), pair))


def phase_kernel(layer: ConvTranspose) -> np.ndarray:
    """The kernel of a convolution with SAME padding and stride 1 that makes the same pixels.

    (rows, columns, inputs, stride * stride * outputs), its outputs in the order of depth_to_space:
    the pixels at (stride * y + p, stride * x + q) are channels (p, q) at (y, x). Asks for a stride
    that is the same in both directions, by which the sides grow.
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
