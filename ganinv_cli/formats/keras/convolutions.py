"""Keras's convolutions as layers of network/, for an input (height, width, channels)."""

from dataclasses import replace

import numpy as np
from keras import layers as kl

from ganinv_cli.formats.interface import MAX_WEIGHTS
from ganinv_cli.formats.keras.network_builder import UntranslatedError, read_array
from ganinv_cli.network.layers import Conv, ConvTranspose, Pair, Sides
from ganinv_cli.network.shapes import Shape


def make_conv(layer: kl.Conv2D, shape: Shape) -> Conv:
    """Return Conv2D."""
    return _make_conv(layer, shape, _expand_groups(read_array(layer.kernel), layer.groups))


def make_depthwise(layer: kl.DepthwiseConv2D, shape: Shape) -> Conv:
    """Return DepthwiseConv2D: each channel by itself, `depth_multiplier` outputs each."""
    return _make_conv(layer, shape, _expand_depthwise(read_array(layer.kernel)))


def make_separable(layer: kl.SeparableConv2D, shape: Shape) -> Conv:
    """Return the first convolution of SeparableConv2D, which is depthwise."""
    kernel = _expand_depthwise(read_array(layer.depthwise_kernel))
    return replace(_make_conv(layer, shape, kernel), bias=np.zeros(kernel.shape[3], np.float32))


def make_pointwise(layer: kl.SeparableConv2D, shape: Shape) -> Conv:
    """Return the second convolution of SeparableConv2D, of single pixels."""
    return Conv(read_array(layer.pointwise_kernel), read_array(layer.bias, layer.filters))


def make_conv_transpose(layer: kl.Conv2DTranspose, shape: Shape) -> ConvTranspose:
    """Return Conv2DTranspose, with the output size that Keras chooses."""
    kernel = _dilate_kernel(read_array(layer.kernel), layer.dilation_rate)
    added = layer.output_padding
    added = added if isinstance(added, list | tuple) else (added, added)
    sides = zip(shape, kernel.shape, layer.strides, added, strict=False)
    up, left = (_compute_crop(*each, layer.padding == "same") for each in sides)
    return ConvTranspose(kernel, read_array(layer.bias, layer.filters), layer.strides, (up, left))


def compute_same_padding(side: int, size: int, step: int) -> Pair:
    """Return the zeros before and after a side that are TensorFlow's SAME padding."""
    total = max((-(-side // step) - 1) * step + size - side, 0)
    return total // 2, total - total // 2


def _make_conv(layer: kl.Layer, shape: Shape, kernel: np.ndarray) -> Conv:
    kernel = _dilate_kernel(kernel, layer.dilation_rate)
    padding: Sides = ((0, 0), (0, 0))
    if layer.padding == "same":
        sides = zip(shape, kernel.shape, layer.strides, strict=False)
        up, left = (compute_same_padding(*each) for each in sides)
        padding = up, left
    return Conv(kernel, read_array(layer.bias, kernel.shape[3]), layer.strides, padding)


def _compute_crop(side: int, size: int, step: int, output_padding: int | None, same: bool) -> Pair:
    """Return the crop before and after a side; negative values are padding."""
    full = (side - 1) * step + size
    if output_padding is None:
        output_size = side * step if same else side * step + max(size - step, 0)
    else:
        output_size = full - 2 * (size // 2 if same else 0) + output_padding
    before = max(full - output_size, 0) // 2 if same else 0
    return before, full - output_size - before


def _dilate_kernel(kernel: np.ndarray, dilation: Pair) -> np.ndarray:
    """Return the kernel with zeros between its rows and columns."""
    if dilation == (1, 1):
        return kernel
    height, width = ((size - 1) * by + 1 for size, by in zip(kernel.shape, dilation, strict=False))
    dilated = _allocate_zeros((height, width, *kernel.shape[2:]))
    dilated[:: dilation[0], :: dilation[1]] = kernel
    return dilated


def _expand_groups(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Return a grouped kernel (height, width, inputs / groups, outputs) over all inputs."""
    if groups == 1:
        return kernel
    height, width, inputs, outputs = kernel.shape
    whole = _allocate_zeros((height, width, inputs * groups, outputs))
    for group in range(groups):
        rows = slice(group * inputs, (group + 1) * inputs)
        columns = slice(group * outputs // groups, (group + 1) * outputs // groups)
        whole[:, :, rows, columns] = kernel[:, :, :, columns]
    return whole


def _expand_depthwise(kernel: np.ndarray) -> np.ndarray:
    """Return a depthwise kernel (height, width, channels, multiplier) over all channels."""
    height, width, channels, multiplier = kernel.shape
    return _expand_groups(kernel.reshape(height, width, 1, channels * multiplier), channels)


def _allocate_zeros(shape: tuple[int, ...]) -> np.ndarray:
    if np.prod(shape, dtype=np.float64) > MAX_WEIGHTS:
        raise UntranslatedError("a kernel that is too large when it is written out")
    return np.zeros(shape, np.float32)
