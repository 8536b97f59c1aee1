"""The layers of a DCGAN from its named tensors: all sizes come from their shapes.

An image has the first map's side times the stride of every transposed convolution, which is 2.
(The original code can also cut off the last row and column of a map, for sizes such as 28; no shape
tells.)
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ganinv_cli.formats.limits import MOST_SIDE, MOST_VALUES, MOST_WEIGHTS
from ganinv_cli.formats.reading import Conventions, UnreadableError
from ganinv_cli.formats.tensorflow.dcgan_names import Linear, Names, Norm
from ganinv_cli.formats.weights import overrides
from ganinv_cli.network.folding import beside_label
from ganinv_cli.network.graph import Network, chain
from ganinv_cli.network.layers import BatchNorm, Dense, Layer, Reshape, same_transpose

STRIDE = 2
EPSILON = 1e-5  # of batch norms

Shapes = Mapping[str, tuple[int, ...]]


class Tensors(Protocol):
    """Named arrays whose shapes are known before they are read."""

    @property
    def shapes(self) -> Shapes: ...

    def __getitem__(self, name: str) -> np.ndarray: ...


def network(tensors: Tensors, names: Names, given: Conventions) -> Network:
    """From z to the image. Every shape is checked before the first tensor is read.

    Relu, strides of 2 and tanh, where the conventions have nothing else. Raises UnreadableError.
    """
    strides, epsilons = settled(names, given)
    hidden, end = overrides.activation(given.activation or "relu"), overrides.ending(given)
    side, width = _first_map(tensors.shapes, names)
    labels = overrides.labels(given, tensors.shapes[names.dense.weights][0])
    _check(tensors.shapes, names, side, width, strides)
    dense = Dense(tensors[names.dense.weights], tensors[names.dense.bias])
    built: list[tuple[Layer, str]] = [(dense, names.dense.weights)]
    built.append((Reshape((side, side, width)), ""))
    for number, norm in enumerate(names.norms):
        if norm:
            built.append((batch_norm(tensors, norm, epsilons.pop(0)), norm.gamma))
        if number < len(strides):
            after = names.convolutions[number]
            layer = same_transpose(tensors[after.weights], tensors[after.bias], strides[number])
            built += [(hidden, ""), (layer, after.weights)]
    if end:
        built.append((end, ""))
    layers, called = zip(*built, strict=True)
    inputs = tensors.shapes[names.dense.weights][0]
    whole = chain(inputs, layers, [name.rpartition("/")[0] for name in called])
    return beside_label(whole, labels) if labels else whole


def settled(names: Names, given: Conventions) -> tuple[list[int], list[float]]:
    """A stride for each convolution and an epsilon for each norm. Raises UnreadableError."""
    if given.padding:
        raise UnreadableError(
            "is a TensorFlow 1 DCGAN, whose convolutions pad as TensorFlow's SAME does; leave "
            "--padding out"
        )
    count = len(names.convolutions)
    norms = sum(norm is not None for norm in names.norms)
    strides = overrides.strides(given, count) or [STRIDE] * count
    return strides, overrides.epsilons(given, norms, EPSILON)


def _first_map(shapes: Shapes, names: Names) -> tuple[int, int]:
    """Side and channels of what the dense layer's output is reshaped to."""
    matrix, first = names.dense.weights, names.convolutions[0].weights
    check_rank(shapes, matrix, "latent", "outputs")
    check_rank(shapes, first, "height", "width", "outputs", "inputs")
    return square(shapes, matrix, first, shapes[first][3]), shapes[first][3]


def square(shapes: Shapes, matrix: str, first: str, width: int) -> int:
    """The side of the first map. Raises UnreadableError."""
    outputs = shapes[matrix][1]
    if outputs % width:
        raise unfit(shapes, first, matrix)
    side = math.isqrt(outputs // width)
    if side * side * width != outputs:
        raise UnreadableError(
            f"{shaped(shapes, matrix)} makes {outputs // width} places of {width} channels, which "
            "is not a square map (as 16 places are 4 x 4); use a generator of square images"
        )
    return side


def _check(shapes: Shapes, names: Names, side: int, width: int, strides: Sequence[int]) -> None:
    """Walk from z to the image, comparing each tensor with the layer before it."""
    check_total(shapes, names)
    before = names.dense.weights
    check_vector(shapes, names.dense.bias, shapes[before][1], before)
    after: Linear | None
    steps = zip(names.norms, (*names.convolutions, None), (*strides, 1), strict=True)
    for norm, after, stride in steps:
        check_map(shapes, before, side, width)
        for name in norm or ():
            check_vector(shapes, name, width, before)
        if after:
            check_rank(shapes, after.weights, "height", "width", "outputs", "inputs")
            if shapes[after.weights][3] != width:
                raise unfit(shapes, after.weights, before)
            before, width, side = after.weights, shapes[after.weights][2], side * stride
            check_vector(shapes, after.bias, width, before)
    if width not in (1, 3):
        raise other_image(shapes, before, width)


def other_image(shapes: Shapes, last: str, channels: int) -> UnreadableError:
    """What the last layer makes is neither grey nor coloured."""
    return UnreadableError(
        f"{shaped(shapes, last)} makes images of {channels} channels; expected 1 (grey) or 3 "
        "(colour); use such a generator"
    )


def check_total(shapes: Shapes, names: Names) -> None:
    """Raises UnreadableError where there are too many weights."""
    total = sum(math.prod(shapes[name]) for name in names.used())
    if total > MOST_WEIGHTS:
        raise UnreadableError(
            f"holds a generator of {total:,} weights where at most {MOST_WEIGHTS:,} were expected; "
            "is it a DCGAN?"
        )


def check_map(shapes: Shapes, before: str, side: int, width: int) -> None:
    """Raises UnreadableError where a map is too large."""
    if side > MOST_SIDE or side * side * width > MOST_VALUES:
        raise UnreadableError(
            f"{shaped(shapes, before)} makes a map of {side} x {side} x {width}; expected at most "
            f"{MOST_SIDE} pixels a side and {MOST_VALUES:,} values; is it a DCGAN?"
        )


def check_rank(shapes: Shapes, name: str, *axes: str) -> None:
    """Raises UnreadableError where a tensor has other axes."""
    if len(shapes[name]) != len(axes) or min(shapes[name]) < 1:
        raise UnreadableError(
            f"{shaped(shapes, name)} is not ({', '.join(axes)}), each at least 1; "
            "the checkpoint is damaged or not a plain DCGAN's"
        )


def check_vector(shapes: Shapes, name: str, length: int, before: str) -> None:
    """Raises UnreadableError where a tensor is no vector of a length."""
    if shapes[name] != (length,):
        raise unfit(shapes, name, before)


def unfit(shapes: Shapes, name: str, before: str) -> UnreadableError:
    """Two tensors and their shapes, which do not fit one another."""
    return UnreadableError(
        f"{shaped(shapes, name)} does not fit {shaped(shapes, before)}; "
        "the checkpoint is damaged or not a plain DCGAN's"
    )


def shaped(shapes: Shapes, name: str) -> str:
    """A tensor's name and shape."""
    return f"{name} {list(shapes[name])}"


def batch_norm(tensors: Tensors, norm: Norm, epsilon: float) -> BatchNorm:
    """Raises UnreadableError for statistics that are none."""
    gamma, beta, mean, variance = (tensors[name] for name in norm)
    if variance.min() < 0:
        raise UnreadableError(
            f"{norm.variance} holds {variance.min():g} where a variance is at least 0; "
            "use another checkpoint of the run"
        )
    return BatchNorm(gamma, beta, mean, variance, epsilon)
