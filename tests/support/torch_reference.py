"""PyTorch's layers in float64 NumPy; pictures are (batch, channels, h, w)."""

import numpy as np
from reference import transpose_convolution


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | float = 0.0) -> np.ndarray:
    """nn.Linear: weight (out, in)."""
    return x @ np.asarray(weight, np.float64).T + bias


def conv_transpose(
    x: np.ndarray,
    weight: np.ndarray,
    stride: int,
    padding: int,
    output_padding: int = 0,
    bias: np.ndarray | float = 0.0,
) -> np.ndarray:
    """nn.ConvTranspose2d: weight (in, out, kernel, kernel)."""
    crop = ((padding, padding - output_padding),) * 2
    weights = weight.transpose(2, 3, 1, 0).astype(np.float64)
    made = transpose_convolution(channels_last(x), weights, (stride, stride), crop)
    return np.moveaxis(made + bias, -1, 1)


def conv(
    x: np.ndarray, weight: np.ndarray, padding: int, bias: np.ndarray | None = None
) -> np.ndarray:
    """nn.Conv2d with stride 1: weight (out, in, kernel, kernel)."""
    rows, columns = weight.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), (2, 3))
    made = np.einsum("bihwkl,oikl->bohw", windows, weight.astype(np.float64))
    return made if bias is None else made + bias[:, None, None]


def batch_norm(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = 1e-5,
) -> np.ndarray:
    """nn.BatchNorm1d and nn.BatchNorm2d after eval()."""
    shape = (-1, *[1] * (x.ndim - 2))
    scale = np.asarray(weight, np.float64) / np.sqrt(np.asarray(variance, np.float64) + epsilon)
    return (x - mean.reshape(shape)) * scale.reshape(shape) + bias.reshape(shape)


def upsample(x: np.ndarray, factor: int) -> np.ndarray:
    """nn.Upsample, nearest."""
    return x.repeat(factor, 2).repeat(factor, 3)


def relu(x: np.ndarray) -> np.ndarray:
    """nn.ReLU."""
    return np.maximum(x, 0)


def leaky_relu(x: np.ndarray, slope: float) -> np.ndarray:
    """nn.LeakyReLU."""
    return np.where(x < 0, x * slope, x)


def channels_last(x: np.ndarray) -> np.ndarray:
    """As our generators make them: (batch, height, width, channels)."""
    return np.moveaxis(x, 1, -1)
