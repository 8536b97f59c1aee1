"""The layers of a DCGAN from its named tensors: all sizes come from their shapes.

An image has the first map's side times 2 for every transposed convolution. (The original code can
also cut off the last row and column of a map, for sizes such as 28; no shape tells.)
"""

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ganinv_cli.formats.checkpoint import UnreadableError
from ganinv_cli.formats.dcgan_names import Names, Norm
from ganinv_cli.layers import Activation, BatchNorm, ConvTranspose, Dense, Layer, Reshape

MOST_WEIGHTS = 100_000_000  # of a generator; the paper's has 5 million
MOST_SIDE = 1024  # pixels
MOST_VALUES = 1 << 26  # in a layer's output for one image; the paper's largest has 65,536
STRIDE = 2

Shapes = Mapping[str, tuple[int, ...]]


class Tensors(Protocol):
    """Named arrays whose shapes are known before they are read."""

    @property
    def shapes(self) -> Shapes: ...

    def __getitem__(self, name: str) -> np.ndarray: ...


def layers(tensors: Tensors, names: Names) -> tuple[Layer, ...]:
    """From z to the image. Every shape is checked before the first tensor is read.

    Raises UnreadableError.
    """
    side, width = _first_map(tensors.shapes, names)
    _check(tensors.shapes, names, side, width)
    dense = Dense(tensors[names.dense.weights], tensors[names.dense.bias])
    built: list[Layer] = [dense, Reshape((side, side, width))]
    for norm, after in zip(names.norms, (*names.convolutions, None), strict=True):
        if norm:
            built.append(_batch_norm(tensors, norm))
        built.append(Activation("relu" if after else "tanh"))
        if after:
            built.append(ConvTranspose(tensors[after.weights], tensors[after.bias], STRIDE))
    return tuple(built)


def _first_map(shapes: Shapes, names: Names) -> tuple[int, int]:
    """Side and channels of what the dense layer's output is reshaped to."""
    matrix, first = names.dense.weights, names.convolutions[0].weights
    _check_rank(shapes, matrix, "latent", "outputs")
    _check_rank(shapes, first, "height", "width", "outputs", "inputs")
    outputs, width = shapes[matrix][1], shapes[first][3]
    if outputs % width:
        raise _unfit(shapes, first, matrix)
    side = math.isqrt(outputs // width)
    if side * side * width != outputs:
        raise UnreadableError(
            f"{_shaped(shapes, matrix)} makes {outputs // width} places of {width} channels, which "
            "is not a square map (as 16 places are 4 x 4); use a generator of square images"
        )
    return side, width


def _check(shapes: Shapes, names: Names, side: int, width: int) -> None:
    """Walk from z to the image, comparing each tensor with the layer before it."""
    total = sum(math.prod(shapes[name]) for name in names.used())
    if total > MOST_WEIGHTS:
        raise UnreadableError(
            f"holds a generator of {total:,} weights where at most {MOST_WEIGHTS:,} were expected; "
            "is it a DCGAN?"
        )
    before = names.dense.weights
    _check_vector(shapes, names.dense.bias, shapes[before][1], before)
    for norm, after in zip(names.norms, (*names.convolutions, None), strict=True):
        _check_map(shapes, before, side, width)
        for name in norm or ():
            _check_vector(shapes, name, width, before)
        if after:
            _check_rank(shapes, after.weights, "height", "width", "outputs", "inputs")
            if shapes[after.weights][3] != width:
                raise _unfit(shapes, after.weights, before)
            before, width, side = after.weights, shapes[after.weights][2], side * STRIDE
            _check_vector(shapes, after.bias, width, before)
    if width not in (1, 3):
        raise UnreadableError(
            f"{_shaped(shapes, before)} makes images of {width} channels; expected 1 (grey) or 3 "
            "(colour); use such a generator"
        )


def _check_map(shapes: Shapes, before: str, side: int, width: int) -> None:
    if side > MOST_SIDE or side * side * width > MOST_VALUES:
        raise UnreadableError(
            f"{_shaped(shapes, before)} makes a map of {side} x {side} x {width}; expected at most "
            f"{MOST_SIDE} pixels a side and {MOST_VALUES:,} values; is it a DCGAN?"
        )


def _check_rank(shapes: Shapes, name: str, *axes: str) -> None:
    if len(shapes[name]) != len(axes) or min(shapes[name]) < 1:
        raise UnreadableError(
            f"{_shaped(shapes, name)} is not ({', '.join(axes)}), each at least 1; "
            "the checkpoint is damaged or not a plain DCGAN's"
        )


def _check_vector(shapes: Shapes, name: str, length: int, before: str) -> None:
    if shapes[name] != (length,):
        raise _unfit(shapes, name, before)


def _unfit(shapes: Shapes, name: str, before: str) -> UnreadableError:
    return UnreadableError(
        f"{_shaped(shapes, name)} does not fit {_shaped(shapes, before)}; "
        "the checkpoint is damaged or not a plain DCGAN's"
    )


def _shaped(shapes: Shapes, name: str) -> str:
    return f"{name} {list(shapes[name])}"


def _batch_norm(tensors: Tensors, norm: Norm) -> BatchNorm:
    gamma, beta, mean, variance = (tensors[name] for name in norm)
    if variance.min() < 0:
        raise UnreadableError(
            f"{norm.variance} holds {variance.min():g} where a variance is at least 0; "
            "use another checkpoint of the run"
        )
    return BatchNorm(gamma, beta, mean, variance)
