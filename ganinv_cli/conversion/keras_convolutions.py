"""Convolutions in Keras, which names paddings instead of counting them."""

from collections.abc import Sequence
from typing import Any

import keras

from ganinv_cli.conversion.unwritable import UnwritableError
from ganinv_cli.network.layers import Conv, ConvTranspose, Pad, Sides

Tensor = Any  # Keras's, symbolic

NO_PADDING: Sides = ((0, 0), (0, 0))


def convert_conv(layer: Conv, name: str, inputs: Sequence[Tensor]) -> Tensor:
    """As SAME where that is its padding, else with zeros put around the picture before."""
    x, kernel = inputs[0], layer.weights.shape[:2]
    sides = zip(x.shape[1:3], kernel, layer.stride, strict=True)
    same = tuple(_same_padding(*each) for each in sides) == layer.padding
    if not same:
        x = pad_or_crop(x, layer.padding, f"{name}_around")
    convolution = keras.layers.Conv2D(
        layer.weights.shape[3],
        kernel,
        layer.stride,
        "same" if same else "valid",
        name=name,
    )
    output = convolution(x)
    convolution.set_weights([layer.weights, layer.bias])
    return output


def convert_conv_transpose(layer: ConvTranspose, name: str, inputs: Sequence[Tensor]) -> Tensor:
    """As SAME where that is its crop, else all that it makes, cut. What is added has a bias too."""
    kernel = layer.weights.shape[:2]
    has_padding = min(map(min, layer.crop)) < 0 and not layer.has_same_padding
    transposed_convolution = keras.layers.Conv2DTranspose(
        layer.weights.shape[2],
        kernel,
        layer.stride,
        "same" if layer.has_same_padding else "valid",
        use_bias=not has_padding,
        name=name,
    )
    output = transposed_convolution(inputs[0])
    transposed_convolution.set_weights([layer.weights, *([] if has_padding else [layer.bias])])
    if layer.has_same_padding:
        return output
    # Keras makes as many zeros behind as a stride is longer than the kernel
    longer = [max(step - size, 0) for size, step in zip(kernel, layer.stride, strict=True)]
    (top, bottom), (left, right) = layer.crop
    sides = ((-top, -bottom - longer[0]), (-left, -right - longer[1]))
    output = pad_or_crop(output, sides, f"{name}_cut")
    if has_padding:
        bias = layer.bias.tolist()
        output = keras.layers.Rescaling([1.0] * len(bias), bias, name=f"{name}_bias")(output)
    return output


def convert_pad(layer: Pad, name: str, inputs: Sequence[Tensor]) -> Tensor:
    """Zeros alone. Raises UnwritableError."""
    if layer.mode != "constant":
        raise UnwritableError("Keras has no layer that mirrors a picture's edge")
    return pad_or_crop(inputs[0], layer.sides, name)


def pad_or_crop(x: Tensor, sides: Sides, name: str) -> Tensor:
    """With zeros around it; cut off where a number is below 0."""
    padding, cropping = (
        tuple((max(sign * before, 0), max(sign * behind, 0)) for before, behind in sides)
        for sign in (1, -1)
    )
    if padding != NO_PADDING:
        x = keras.layers.ZeroPadding2D(padding, name=name)(x)
    if cropping != NO_PADDING:
        crop_name = name if padding == NO_PADDING else f"{name}_less"
        x = keras.layers.Cropping2D(cropping, name=crop_name)(x)
    return x


def _same_padding(side: int, size: int, step: int) -> tuple[int, int]:
    """The zeros of SAME padding, as TensorFlow counts them."""
    over = max((-(-side // step) - 1) * step + size - side, 0)
    return over // 2, over - over // 2
