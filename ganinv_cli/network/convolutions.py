"""Convolutions and what else makes pictures larger, as they are fast on a CPU."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganinv_cli.network.layers import Conv, ConvTranspose, Pair, Sides, Upsample, phases

FEW = 8  # outputs of a transposed convolution; so few leave most of a vector register idle
WHOLE = 2**31
# outputs and inputs of a transposed convolution above which its CPU kernels fall out of the cache
BLOCKS = {tf.float32: (128, WHOLE), tf.bfloat16: (WHOLE, 256)}

Linear = Callable[[tf.Tensor], tf.Tensor]  # of pictures (batch, height, width, channels)


def transposed(layer: ConvTranspose, precision: tf.DType) -> Linear:
    """A transposed convolution without its bias."""
    kernel, (down, across) = layer.weights.shape, layer.stride
    sides = zip(kernel[:2], layer.stride, layer.crop, strict=True)
    grows = all(sum(crop) == size - step for size, step, crop in sides)
    few = kernel[2] < FEW and down == across > 1
    return (_by_phases if few and grows else _in_blocks)(layer, precision)


def _by_phases(layer: ConvTranspose, precision: tf.DType) -> Linear:
    """By one convolution that makes the stride² pixels of each input pixel as channels."""
    kernel = tf.cast(phases(layer), precision)
    return lambda x: tf.nn.depth_to_space(tf.nn.conv2d(x, kernel, 1, "SAME"), layer.stride[0])


def _in_blocks(layer: ConvTranspose, precision: tf.DType) -> Linear:
    """By transposed convolutions of some inputs to some outputs, as many as are fast together."""
    outputs, inputs = BLOCKS.get(precision, (WHOLE, WHOLE))
    kernels = [
        [tf.cast(kernel, precision) for kernel in _cut(block, inputs, 3)]
        for block in _cut(layer.weights, outputs, 2)
    ]
    (top, bottom), (left, right) = layer.crop

    def whole(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        sides = zip(x.shape[1:3], kernel.shape[:2], layer.stride, strict=True)
        made = [n * step if layer.same else (n - 1) * step + size for n, size, step in sides]
        shape = [tf.shape(x)[0], *made, kernel.shape[2]]
        padding = "SAME" if layer.same else "VALID"
        return tf.nn.conv2d_transpose(x, kernel, shape, layer.stride, padding)

    def upsample(x: tf.Tensor) -> tf.Tensor:
        parts = tf.split(x, [kernel.shape[3] for kernel in kernels[0]], -1)
        made = tf.concat([tf.add_n([*map(whole, parts, block)]) for block in kernels], -1)
        return made if layer.same else grown(made, ((-top, -bottom), (-left, -right)))

    return upsample


def _cut(weights: np.ndarray, most: int, axis: int) -> list[np.ndarray]:
    return np.split(weights, range(most, weights.shape[axis], most), axis)


def convolved(layer: Conv, precision: tf.DType) -> Linear:
    """A convolution without its bias."""
    kernel = tf.cast(layer.weights, precision)
    height, width = kernel.shape[:2]
    around = ((height // 2, (height - 1) // 2), (width // 2, (width - 1) // 2))
    odd = height % 2 == width % 2 == 1
    if odd and layer.stride == (1, 1) and layer.padding == around:
        return lambda x: tf.nn.conv2d(x, kernel, 1, "SAME")
    return lambda x: tf.nn.conv2d(grown(x, layer.padding), kernel, layer.stride, "VALID")


def grown(x: tf.Tensor, sides: Sides, mode: str = "constant") -> tf.Tensor:
    """A picture with rows and columns added, or cut off where a number is below 0."""
    added = [(max(before, 0), max(after, 0)) for before, after in sides]
    if any(map(any, added)):
        x = tf.pad(x, [(0, 0), *added, (0, 0)], mode)
    (top, bottom), (left, right) = ((max(-before, 0), max(-after, 0)) for before, after in sides)
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def upsampled(layer: Upsample) -> Linear:
    """Each pixel several times, or what lies between the centres of pixels."""
    return {"nearest": _repeated, "bilinear": _between}[layer.method](layer.factor)


def _repeated(factor: Pair) -> Linear:
    down, across = factor

    def repeated(x: tf.Tensor) -> tf.Tensor:
        _, height, width, channels = x.shape
        pixels = tf.reshape(x, [-1, height, 1, width, 1, channels])
        shape = [tf.shape(x)[0], height, down, width, across, channels]
        return tf.reshape(
            tf.broadcast_to(pixels, shape), [-1, height * down, width * across, channels]
        )

    return repeated


def _between(factor: Pair) -> Linear:
    """As two products with matrices, which have every precision."""

    def between(x: tf.Tensor) -> tf.Tensor:
        down, across = (
            tf.constant(_weights(side, times), x.dtype)
            for side, times in zip(x.shape[1:3], factor, strict=True)
        )
        return tf.einsum("ph,nhwc,qw->npqc", down, x, across)

    return between


def _weights(side: int, times: int) -> np.ndarray:
    """(side * times, side), of linear interpolation between the centres of pixels."""
    place = ((np.arange(side * times) + 0.5) / times - 0.5).clip(0, side - 1)
    weights: np.ndarray = np.maximum(1 - np.abs(place[:, None] - np.arange(side)), 0)
    return weights
