"""What a generator is made of: frozen descriptions with their weights, no framework in them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dense:
    """x @ weights + bias."""

    weights: np.ndarray  # (inputs, outputs)
    bias: np.ndarray  # (outputs,)


@dataclass(frozen=True)
class Reshape:
    """(batch, height * width * channels) to (batch, height, width, channels)."""

    shape: tuple[int, int, int]


@dataclass(frozen=True)
class ConvTranspose:
    """A transposed convolution with SAME padding: the sides of the image grow `stride` times."""

    weights: np.ndarray  # (height, width, outputs, inputs)
    bias: np.ndarray  # (outputs,)
    stride: int


@dataclass(frozen=True)
class BatchNorm:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, over the last axis."""

    gamma: np.ndarray  # (channels,)
    beta: np.ndarray  # (channels,)
    mean: np.ndarray  # (channels,)
    variance: np.ndarray  # (channels,)
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Activation:
    """An elementwise function by its TensorFlow name."""

    name: str  # "relu" or "tanh"


Layer = Dense | Reshape | ConvTranspose | BatchNorm | Activation


def fold(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """The same function with each batch norm multiplied into the linear layer before it.

    A Reshape may stand between the two. A batch norm behind anything else stays.
    """
    folded: list[Layer] = []
    for layer in layers:
        place = len(folded) - 1
        if place >= 0 and isinstance(folded[place], Reshape):
            place -= 1
        linear = folded[place] if place >= 0 else None
        if isinstance(layer, BatchNorm) and isinstance(linear, Dense | ConvTranspose):
            folded[place] = _scaled(linear, layer)
        else:
            folded.append(layer)
    return tuple(folded)


def phases(layer: ConvTranspose) -> np.ndarray:
    """The kernel of a convolution with SAME padding and stride 1 that makes the same pixels.

    (rows, columns, inputs, stride * stride * outputs), its outputs in the order of depth_to_space:
    the pixels at (stride * y + p, stride * x + q) are channels (p, q) at (y, x).
    """
    height, width, outputs, inputs = layer.weights.shape
    offsets = [_offsets(size, layer.stride) for size in (height, width)]
    reach = [max(abs(back) for back, _ in along) for along in offsets]
    kernel = np.zeros(
        (2 * reach[0] + 1, 2 * reach[1] + 1, inputs, layer.stride, layer.stride, outputs),
        layer.weights.dtype,
    )
    for row, (up, p) in zip(layer.weights, offsets[0], strict=True):
        for tap, (left, q) in zip(row, offsets[1], strict=True):
            kernel[reach[0] - up, reach[1] - left, :, p, q] = tap.T
    return kernel.reshape(*kernel.shape[:3], -1)


def _offsets(size: int, stride: int) -> list[tuple[int, int]]:
    """Where each tap of a transposed convolution with SAME padding moves: inputs, then phase."""
    before = max(size - stride, 0) // 2
    return [divmod(tap - before, stride) for tap in range(size)]


def _scaled(linear: Dense | ConvTranspose, norm: BatchNorm) -> Dense | ConvTranspose:
    """Computed in float64, so that folding costs no more than the last rounding."""
    scale = norm.gamma / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    shift = norm.beta - norm.mean * scale
    if isinstance(linear, Dense):
        copies = len(linear.bias) // len(scale)
        scale, shift = np.tile(scale, copies), np.tile(shift, copies)
        weights = linear.weights * scale
    else:
        weights = linear.weights * scale[:, None]
    bias = linear.bias * scale + shift
    dtype = linear.weights.dtype
    if isinstance(linear, Dense):
        return Dense(weights.astype(dtype), bias.astype(dtype))
    return ConvTranspose(weights.astype(dtype), bias.astype(dtype), linear.stride)
