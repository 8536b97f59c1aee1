"""Convolutions, padding and upsampling in TensorFlow, in the forms that are fast on a CPU."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.layers import Conv, ConvTranspose, Sides, Upsample

FEW_OUTPUTS = 8  # a transposed convolution with fewer outputs uses little of a vector register
UNLIMITED = 2**31
# outputs and inputs of a transposed convolution above which its CPU kernels fall out of the cache
BLOCK_SIZES = {tf.float32: (128, UNLIMITED), tf.bfloat16: (UNLIMITED, 256)}

LinearMap = Callable[[tf.Tensor], tf.Tensor]  # of pictures (batch, height, width, channels)


def prepare_conv_transpose(layer: ConvTranspose, precision: tf.DType) -> LinearMap:
    """Return a transposed convolution without its bias, as a function."""
    kernel, (down, across) = layer.weights.shape, layer.stride
    sides = zip(kernel[:2], layer.stride, layer.crop, strict=True)
    grows = all(sum(crop) == size - step for size, step, crop in sides)
    has_few_outputs = kernel[2] < FEW_OUTPUTS and down == across > 1
    if has_few_outputs and grows:
        return _prepare_by_phases(layer, precision)
    mirrored = _mirror(layer)
    if mirrored.has_same_padding and not layer.has_same_padding:
        # as PyTorch crops; TensorFlow is slow with any padding but its own
        convolve = _prepare_in_blocks(mirrored, precision)
        return lambda x: tf.reverse(convolve(tf.reverse(x, [1, 2])), [1, 2])
    return _prepare_in_blocks(layer, precision)


def _mirror(layer: ConvTranspose) -> ConvTranspose:
    """Return the layer that makes the mirrored picture of a mirrored one."""
    (top, bottom), (left, right) = layer.crop
    weights = np.ascontiguousarray(layer.weights[::-1, ::-1])
    return replace(layer, weights=weights, crop=((bottom, top), (right, left)))


def _prepare_by_phases(layer: ConvTranspose, precision: tf.DType) -> LinearMap:
    """Return it as one convolution; its channels are the stride² pixels of each input pixel."""
    kernel = tf.cast(_make_phase_kernel(layer), precision)
    return lambda x: tf.nn.depth_to_space(tf.nn.conv2d(x, kernel, 1, "SAME"), layer.stride[0])


def _make_phase_kernel(layer: ConvTranspose) -> np.ndarray:
    """Return the kernel of the convolution (rows, columns, inputs, stride * stride * outputs).

    Its outputs are in the order of depth_to_space: the pixel at (stride * y + p, stride * x + q) is
    channel (p, q) at (y, x).
    """
    stride, padding = layer.stride[0], []
    for size, (before, _) in zip(layer.weights.shape[:2], layer.crop, strict=True):
        reach = max(-(-before // stride), (size - 1 - before) // stride)  # pixels up or down
        start = reach * stride - before
        padding.append((start, (2 * reach + 1) * stride - start - size))
    padded = np.pad(layer.weights, [*padding, (0, 0), (0, 0)])
    height, width, outputs, inputs = padded.shape
    parts = padded.reshape(height // stride, stride, width // stride, stride, outputs, inputs)
    kernel = parts[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
    return kernel.reshape(*kernel.shape[:3], -1)


def _prepare_in_blocks(layer: ConvTranspose, precision: tf.DType) -> LinearMap:
    """Return it as transposed convolutions of blocks of channels that fit the CPU's cache."""
    outputs, inputs = BLOCK_SIZES.get(precision, (UNLIMITED, UNLIMITED))
    kernels = [
        [tf.cast(kernel, precision) for kernel in _split_weights(block, inputs, 3)]
        for block in _split_weights(layer.weights, outputs, 2)
    ]
    padding = "SAME" if layer.has_same_padding else "VALID"
    (top, bottom), (left, right) = layer.crop

    def conv_transpose_block(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        sides = zip(x.shape[1:3], kernel.shape[:2], layer.stride, strict=True)
        lengths = [
            n * step if padding == "SAME" else (n - 1) * step + size for n, size, step in sides
        ]
        shape = [tf.shape(x)[0], *lengths, kernel.shape[2]]
        return tf.nn.conv2d_transpose(x, kernel, shape, layer.stride, padding)

    def conv_transpose(x: tf.Tensor) -> tf.Tensor:
        parts = tf.split(x, [kernel.shape[3] for kernel in kernels[0]], -1)
        blocks = [tf.add_n([*map(conv_transpose_block, parts, block)]) for block in kernels]
        output = tf.concat(blocks, -1)
        return (
            output if padding == "SAME" else pad_or_crop(output, ((-top, -bottom), (-left, -right)))
        )

    return conv_transpose


def _split_weights(weights: np.ndarray, size: int, axis: int) -> list[np.ndarray]:
    return np.split(weights, range(size, weights.shape[axis], size), axis)


def prepare_conv(layer: Conv, precision: tf.DType) -> LinearMap:
    """Return a convolution without its bias, as a function."""
    kernel = tf.cast(layer.weights, precision)
    height, width = kernel.shape[:2]
    same_padding = ((height // 2, (height - 1) // 2), (width // 2, (width - 1) // 2))
    odd = height % 2 == width % 2 == 1
    if odd and layer.stride == (1, 1) and layer.padding == same_padding:
        return lambda x: tf.nn.conv2d(x, kernel, 1, "SAME")
    return lambda x: tf.nn.conv2d(pad_or_crop(x, layer.padding), kernel, layer.stride, "VALID")


def pad_or_crop(x: tf.Tensor, sides: Sides) -> tf.Tensor:
    """Return images with rows and columns added; a negative number cuts off."""
    added = [(max(before, 0), max(after, 0)) for before, after in sides]
    if any(map(any, added)):
        x = tf.pad(x, [(0, 0), *added, (0, 0)])
    (top, bottom), (left, right) = ((max(-before, 0), max(-after, 0)) for before, after in sides)
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def prepare_upsample(layer: Upsample) -> LinearMap:
    """Return an upsampling, by repeated pixels or bilinear, as a function."""
    down, across = layer.factor

    def repeat_pixels(x: tf.Tensor) -> tf.Tensor:
        _, height, width, channels = x.shape
        pixels = tf.reshape(x, [-1, height, 1, width, 1, channels])
        shape = [tf.shape(x)[0], height, down, width, across, channels]
        whole = [-1, height * down, width * across, channels]
        return tf.reshape(tf.broadcast_to(pixels, shape), whole)

    def interpolate(x: tf.Tensor) -> tf.Tensor:  # two matrix products exist in every precision
        height, width = x.shape[1:3]
        rows = tf.constant(_interpolation_weights(height, down), x.dtype)
        columns = tf.constant(_interpolation_weights(width, across), x.dtype)
        return tf.einsum("ph,nhwc,qw->npqc", rows, x, columns)

    return {"nearest": repeat_pixels, "bilinear": interpolate}[layer.method]


def _interpolation_weights(size: int, factor: int) -> np.ndarray:
    """Return the matrix (size * factor, size) of linear interpolation between pixel centres."""
    position = ((np.arange(size * factor) + 0.5) / factor - 0.5).clip(0, size - 1)
    weights: np.ndarray = np.maximum(1 - np.abs(position[:, None] - np.arange(size)), 0)
    return weights
