"""Convolutions in Keras, which names paddings instead of counting them."""

from collections.abc import Sequence
from typing import Any

import keras

from ganinv_cli.conversion.unwritable import UnwritableError
from ganinv_cli.network.layers import Conv, ConvTranspose, Pad, Sides

Tensor = Any  # Keras's, symbolic

NONE: Sides = ((0, 0), (0, 0))


def conv(described: Conv, name: str, given: Sequence[Tensor]) -> Tensor:
    """As SAME where that is its padding, else with zeros put around the picture before."""
    x, kernel = given[0], described.weights.shape[:2]
    sides = zip(x.shape[1:3], kernel, described.stride, strict=True)
    same = tuple(_around(*each) for each in sides) == described.padding
    if not same:
        x = grown(x, described.padding, f"{name}_around")
    made = keras.layers.Conv2D(
        described.weights.shape[3],
        kernel,
        described.stride,
        "same" if same else "valid",
        name=name,
    )
    output = made(x)
    made.set_weights([described.weights, described.bias])
    return output


def conv_transpose(described: ConvTranspose, name: str, given: Sequence[Tensor]) -> Tensor:
    """As SAME where that is its crop, else all that it makes, cut. What is added has a bias too."""
    kernel = described.weights.shape[:2]
    added = min(map(min, described.crop)) < 0 and not described.same
    made = keras.layers.Conv2DTranspose(
        described.weights.shape[2],
        kernel,
        described.stride,
        "same" if described.same else "valid",
        use_bias=not added,
        name=name,
    )
    output = made(given[0])
    made.set_weights([described.weights, *([] if added else [described.bias])])
    if described.same:
        return output
    # Keras makes as many zeros behind as a stride is longer than the kernel
    longer = [max(step - size, 0) for size, step in zip(kernel, described.stride, strict=True)]
    (top, bottom), (left, right) = described.crop
    sides = ((-top, -bottom - longer[0]), (-left, -right - longer[1]))
    output = grown(output, sides, f"{name}_cut")
    if added:
        bias = described.bias.tolist()
        output = keras.layers.Rescaling([1.0] * len(bias), bias, name=f"{name}_bias")(output)
    return output


def pad(described: Pad, name: str, given: Sequence[Tensor]) -> Tensor:
    """Zeros alone. Raises UnwritableError."""
    if described.mode != "constant":
        raise UnwritableError("Keras has no layer that mirrors a picture's edge")
    return grown(given[0], described.sides, name)


def grown(x: Tensor, sides: Sides, name: str) -> Tensor:
    """With zeros around it; cut off where a number is below 0."""
    more, less = (
        tuple((max(sign * before, 0), max(sign * behind, 0)) for before, behind in sides)
        for sign in (1, -1)
    )
    if more != NONE:
        x = keras.layers.ZeroPadding2D(more, name=name)(x)
    if less != NONE:
        called = name if more == NONE else f"{name}_less"
        x = keras.layers.Cropping2D(less, name=called)(x)
    return x


def _around(side: int, size: int, step: int) -> tuple[int, int]:
    """The zeros of SAME padding, as TensorFlow counts them."""
    over = max((-(-side // step) - 1) * step + size - side, 0)
    return over // 2, over - over // 2
