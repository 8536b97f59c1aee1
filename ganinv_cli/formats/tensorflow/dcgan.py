"""The layers of a DCGAN from its named tensors; all sizes come from their shapes.

An image has the first map's side times the stride of every transposed convolution, which is 2.
(The original code can also cut off the last row and column of a map, for sizes such as 28; no shape
tells.)
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ganinv_cli.formats.interface import MAX_SIDE, MAX_VALUES, MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.tensorflow.dcgan_names import BatchNormNames, GeneratorNames, LinearNames
from ganinv_cli.formats.weights import overrides
from ganinv_cli.network.folding import add_label_input
from ganinv_cli.network.graph import Network, chain
from ganinv_cli.network.layers import BatchNorm, Dense, Layer, Reshape, same_conv_transpose
from ganinv_cli.settings.conventions import Conventions

DEFAULT_STRIDE = 2
DEFAULT_EPSILON = 1e-5  # of batch norms

Shapes = Mapping[str, tuple[int, ...]]


class Tensors(Protocol):
    """Named arrays whose shapes are known before they are read."""

    @property
    def shapes(self) -> Shapes: ...

    def __getitem__(self, name: str) -> np.ndarray: ...


def build_network(tensors: Tensors, names: GeneratorNames, conventions: Conventions) -> Network:
    """Return the network from z to the image; all shapes are checked before a tensor is read.

    Relu, strides of 2 and tanh, unless the conventions say otherwise. Raises UnreadableError.
    """
    strides, epsilons = choose_strides_and_epsilons(names, conventions)
    hidden, end = (
        overrides.parse_activation(conventions.activation or "relu"),
        overrides.choose_output_activation(conventions),
    )
    side, channels = _infer_first_map(tensors.shapes, names)
    labels = overrides.count_labels(conventions, tensors.shapes[names.dense.weights][0])
    _check_shapes(tensors.shapes, names, side, channels, strides)
    dense = Dense(tensors[names.dense.weights], tensors[names.dense.bias])
    named_layers: list[tuple[Layer, str]] = [(dense, names.dense.weights)]
    named_layers.append((Reshape((side, side, channels)), ""))
    for number, norm in enumerate(names.norms):
        if norm:
            named_layers.append((read_batch_norm(tensors, norm, epsilons.pop(0)), norm.gamma))
        if number < len(strides):
            convolution = names.convolutions[number]
            layer = same_conv_transpose(
                tensors[convolution.weights], tensors[convolution.bias], strides[number]
            )
            named_layers += [(hidden, ""), (layer, convolution.weights)]
    if end:
        named_layers.append((end, ""))
    layers, tensor_names = zip(*named_layers, strict=True)
    inputs = tensors.shapes[names.dense.weights][0]
    whole = chain(inputs, layers, [name.rpartition("/")[0] for name in tensor_names])
    return add_label_input(whole, labels) if labels else whole


def choose_strides_and_epsilons(
    names: GeneratorNames, conventions: Conventions
) -> tuple[list[int], list[float]]:
    """Return a stride per convolution and an epsilon per norm. Raises UnreadableError."""
    if conventions.padding:
        raise UnreadableError(
            "is a TensorFlow 1 DCGAN, whose convolutions pad as TensorFlow's SAME does; leave "
            "--padding out"
        )
    count = len(names.convolutions)
    norms = sum(norm is not None for norm in names.norms)
    strides = overrides.check_strides(conventions, count) or [DEFAULT_STRIDE] * count
    return strides, overrides.check_epsilons(conventions, norms, DEFAULT_EPSILON)


def _infer_first_map(shapes: Shapes, names: GeneratorNames) -> tuple[int, int]:
    """Return side and channels of the map that the dense output is reshaped to."""
    matrix, first = names.dense.weights, names.convolutions[0].weights
    check_rank(shapes, matrix, "latent", "outputs")
    check_rank(shapes, first, "height", "width", "outputs", "inputs")
    return infer_square_side(shapes, matrix, first, shapes[first][3]), shapes[first][3]


def infer_square_side(shapes: Shapes, matrix: str, kernel: str, channels: int) -> int:
    """Return the side of the first map. Raises UnreadableError."""
    outputs = shapes[matrix][1]
    if outputs % channels:
        raise misfit_error(shapes, kernel, matrix)
    side = math.isqrt(outputs // channels)
    if side * side * channels != outputs:
        raise UnreadableError(
            f"{describe_tensor(shapes, matrix)} makes {outputs // channels} places of {channels} "
            "channels, which "
            "is not a square map (as 16 places are 4 x 4); use a generator of square images"
        )
    return side


def _check_shapes(
    shapes: Shapes, names: GeneratorNames, side: int, channels: int, strides: Sequence[int]
) -> None:
    """Check each tensor against the layer before it, from z to the image."""
    check_weight_count(shapes, names)
    previous = names.dense.weights
    check_vector(shapes, names.dense.bias, shapes[previous][1], previous)
    convolution: LinearNames | None
    steps = zip(names.norms, (*names.convolutions, None), (*strides, 1), strict=True)
    for norm, convolution, stride in steps:
        check_map(shapes, previous, side, channels)
        for name in norm or ():
            check_vector(shapes, name, channels, previous)
        if convolution:
            check_rank(shapes, convolution.weights, "height", "width", "outputs", "inputs")
            if shapes[convolution.weights][3] != channels:
                raise misfit_error(shapes, convolution.weights, previous)
            previous, channels, side = (
                convolution.weights,
                shapes[convolution.weights][2],
                side * stride,
            )
            check_vector(shapes, convolution.bias, channels, previous)
    if channels not in (1, 3):
        raise wrong_channels_error(shapes, previous, channels)


def wrong_channels_error(shapes: Shapes, last: str, channels: int) -> UnreadableError:
    """Return the error for an image that is neither grey nor coloured."""
    return UnreadableError(
        f"{describe_tensor(shapes, last)} makes images of {channels} channels; expected 1 (grey) "
        "or 3 (colour); use such a generator"
    )


def check_weight_count(shapes: Shapes, names: GeneratorNames) -> None:
    """Raise UnreadableError if there are too many weights."""
    total = sum(math.prod(shapes[name]) for name in names.list_names())
    if total > MAX_WEIGHTS:
        raise UnreadableError(
            f"holds a generator of {total:,} weights where at most {MAX_WEIGHTS:,} were expected; "
            "is it a DCGAN?"
        )


def check_map(shapes: Shapes, previous: str, side: int, channels: int) -> None:
    """Raise UnreadableError if a map is too large."""
    if side > MAX_SIDE or side * side * channels > MAX_VALUES:
        raise UnreadableError(
            f"{describe_tensor(shapes, previous)} makes a map of {side} x {side} x {channels}; "
            f"expected at most {MAX_SIDE} pixels a side and {MAX_VALUES:,} values; is it a DCGAN?"
        )


def check_rank(shapes: Shapes, name: str, *axes: str) -> None:
    """Raise UnreadableError if a tensor does not have these axes."""
    if len(shapes[name]) != len(axes) or min(shapes[name]) < 1:
        raise UnreadableError(
            f"{describe_tensor(shapes, name)} is not ({', '.join(axes)}), each at least 1; "
            "the checkpoint is damaged or not a plain DCGAN's"
        )


def check_vector(shapes: Shapes, name: str, length: int, previous: str) -> None:
    """Raise UnreadableError if a tensor is not a vector of this length."""
    if shapes[name] != (length,):
        raise misfit_error(shapes, name, previous)


def misfit_error(shapes: Shapes, name: str, previous: str) -> UnreadableError:
    """Return the error for two tensors that do not fit one another."""
    return UnreadableError(
        f"{describe_tensor(shapes, name)} does not fit {describe_tensor(shapes, previous)}; "
        "the checkpoint is damaged or not a plain DCGAN's"
    )


def describe_tensor(shapes: Shapes, name: str) -> str:
    """Return a tensor's name and shape as text."""
    return f"{name} {list(shapes[name])}"


def read_batch_norm(tensors: Tensors, norm: BatchNormNames, epsilon: float) -> BatchNorm:
    """Return a batch norm. Raises UnreadableError for a negative variance."""
    gamma, beta, mean, variance = (tensors[name] for name in norm)
    if variance.min() < 0:
        raise UnreadableError(
            f"{norm.variance} holds {variance.min():g} where a variance is at least 0; "
            "use another checkpoint of the run"
        )
    return BatchNorm(gamma, beta, mean, variance, epsilon)
