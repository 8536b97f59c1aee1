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
