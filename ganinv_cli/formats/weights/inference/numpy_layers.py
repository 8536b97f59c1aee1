"""Layers as NumPy functions, for measurements without the slow start of TensorFlow.

Only layers of a chain, as in files of weights alone. `network/execute.py` has all layers.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import erf

from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Layer, Sides

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def apply_layer(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Return the output of a layer for x (batch, …), in float32; norms use stored statistics."""
    output: np.ndarray = _FUNCTIONS[type(layer)](layer, x)
    return output.astype(np.float32, copy=False)


def apply_activation(layer: kinds.Activation, x: np.ndarray) -> np.ndarray:
    """Return an activation of x, of any shape."""
    function = _ACTIVATIONS[layer.name]
    with np.errstate(over="ignore"):
        output: np.ndarray = function(x) if layer.slope is None else function(x, layer.slope)
    return output


def _apply_dense(layer: kinds.Dense, x: np.ndarray) -> np.ndarray:
    output: np.ndarray = x @ layer.weights + layer.bias
    return output


def _apply_reshape(layer: kinds.Reshape, x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), *layer.shape)


def _apply_batch_norm(layer: kinds.BatchNorm, x: np.ndarray) -> np.ndarray:
    scale = layer.gamma / np.sqrt(layer.variance + np.float32(layer.epsilon))
    output: np.ndarray = x * scale + (layer.beta - layer.mean * scale)
    return output


def _apply_upsample(layer: kinds.Upsample, x: np.ndarray) -> np.ndarray:
    if layer.method == "nearest":
        return x.repeat(layer.factor[0], 1).repeat(layer.factor[1], 2)
    rows, columns = (
        interpolation_weights(side, times)
        for side, times in zip(x.shape[1:3], layer.factor, strict=True)
    )
    output: np.ndarray = np.einsum("ph,nhwc,qw->npqc", rows, x, columns, optimize=True)
    return output


def interpolation_weights(size: int, factor: int) -> np.ndarray:
    """Return the matrix (size * factor, size) of linear interpolation between pixel centres."""
    position = ((np.arange(size * factor) + 0.5) / factor - 0.5).clip(0, size - 1)
    weights: np.ndarray = np.maximum(1 - np.abs(position[:, None] - np.arange(size)), 0)
    return weights.astype(np.float32)


def apply_convolution(
    layer: kinds.Conv | kinds.ConvTranspose, x: np.ndarray, rows: np.ndarray | None = None
) -> np.ndarray:
    """Return the output of a convolution for images x, or only these rows of its pixels."""
    if isinstance(layer, kinds.Conv):
        return _apply_conv(layer, x, rows)
    return _apply_conv_transpose(layer, x, rows)


def _apply_conv_transpose(
    layer: kinds.ConvTranspose, x: np.ndarray, rows: np.ndarray | None = None
) -> np.ndarray:
    """Multiply all pixels by each tap of the kernel, and add this to every stride-th pixel."""
    batch, height, width, _ = x.shape
    tall, wide, outputs, _ = layer.weights.shape
    down, across = layer.stride
    (top, bottom), (left, right) = layer.crop
    full_height, full_width = (height - 1) * down + tall, (width - 1) * across + wide
    if rows is None:
        rows = np.arange(full_height - top - bottom)
    whole = np.zeros((batch, len(rows), full_width, outputs), np.float32)
    for y in range(tall):
        sources, offsets = np.divmod(rows + top - y, down)
        made = (offsets == 0) & (sources >= 0) & (sources < height)
        pixels = x[:, sources[made]]
        shape = (batch, pixels.shape[1], width, outputs)
        pixels = pixels.reshape(-1, x.shape[3])  # one matrix product is fast
        for column in range(wide):
            columns = slice(column, column + (width - 1) * across + 1, across)
            whole[:, made, columns] += (pixels @ layer.weights[y, column].T).reshape(shape)
    shown = _pad_or_crop(whole, ((0, 0), (-left, -right)))
    output: np.ndarray = shown + layer.bias
    return output


def _apply_conv(layer: kinds.Conv, x: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Multiply the image by each tap of the kernel, and add the results, shifted by the tap."""
    padded = _pad_or_crop(x, layer.padding)
    tall, wide, inputs, outputs = layer.weights.shape
    down, across = layer.stride
    if rows is None:
        rows = np.arange((padded.shape[1] - tall) // down + 1)
    width = padded.shape[2] - wide + 1
    whole = np.zeros((len(x) * len(rows) * width, outputs), np.float32)
    for y in range(tall):
        lines = padded[:, rows * down + y]
        for column in range(wide):
            pixels = lines[:, :, column : column + width].reshape(-1, inputs)
            whole += pixels @ layer.weights[y, column]
    images = whole.reshape(len(x), len(rows), width, outputs)[:, :, ::across]
    output: np.ndarray = images + layer.bias
    return output


def _pad_or_crop(x: np.ndarray, sides: Sides) -> np.ndarray:
    """Return images with zeros around; a negative number cuts off."""
    added = [(max(before, 0), max(after, 0)) for before, after in sides]
    if any(map(any, added)):
        x = np.pad(x, [(0, 0), *added, (0, 0)])
    (top, bottom), (left, right) = ((max(-before, 0), max(-after, 0)) for before, after in sides)
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def _expm1_below(x: np.ndarray) -> np.ndarray:
    output: np.ndarray = np.expm1(np.minimum(x, 0))
    return output


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


_FUNCTIONS: dict[type[Layer], Callable[..., np.ndarray]] = {
    kinds.Dense: _apply_dense,
    kinds.Reshape: _apply_reshape,
    kinds.BatchNorm: _apply_batch_norm,
    kinds.Upsample: _apply_upsample,
    kinds.ConvTranspose: _apply_conv_transpose,
    kinds.Conv: _apply_conv,
    kinds.Activation: apply_activation,
}
_ACTIVATIONS: dict[str, Callable[..., np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x, slope: np.where(x < 0, x * np.float32(slope), x),
    "elu": lambda x, slope: np.where(x > 0, x, slope * _expm1_below(x)),
    "selu": lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * _expm1_below(x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "swish": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x * (0.5 + 0.5 * erf(x * 0.5**0.5)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "exp": np.exp,
    "softsign": lambda x: x / (1 + np.abs(x)),
}
