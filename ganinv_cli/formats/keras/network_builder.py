"""Build a network from Keras's layers, and keep the axis order of each value.

Images have channels last. A value with another order in the model is stored with channels last and
its order in the model, so that a generator with channels first needs a single change of order.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganinv_cli.network.graph import LABEL, Network, Node, Z
from ganinv_cli.network.layers import Layer, Reshape, Transpose
from ganinv_cli.network.shapes import Shape, infer_shape


class UntranslatedError(Exception):
    """Raised for what the layers of network/ do not express; the model is traced then."""


@dataclass(frozen=True)
class Value:
    """The output of a node of the network."""

    node: int
    shape: Shape  # of a row, channels last
    order: tuple[int, ...]  # for each axis of `shape`, the axis in the model
    integer: bool = False  # a label as an integer; the network takes it as one-hot

    @property
    def model_shape(self) -> Shape:
        """The shape in the model."""
        return tuple(self.shape[self.order.index(axis)] for axis in range(len(self.order)))


def make_value(number: int, shape: Shape) -> Value:
    """Return a value in the axis order of the model."""
    return Value(number, shape, tuple(range(len(shape))))


def read_array(variable: Any, size: int = 0, default: float = 0) -> np.ndarray:
    """Return the float32 values of a layer's weights, or `size` default values if it has none."""
    if variable is None:
        return np.full(size, default, np.float32)
    return np.asarray(variable.numpy(), np.float32)


class NetworkBuilder:
    """Collects the nodes that the translation of each layer adds.

    Its methods raise ShapeError if a layer does not fit its inputs.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.labels = 0
        self.assumptions: list[str] = []

    def add_layer(
        self, layer: Layer, inputs: Sequence[Value], name: str, order: tuple[int, ...] | None = None
    ) -> Value:
        """Add a layer and return its output.

        `order` is the axis order of the output; None: that of the first input, or the model's.
        """
        shape = infer_shape(layer, [each.shape for each in inputs])
        self.nodes.append(Node(layer, tuple(each.node for each in inputs), name))
        if order is None:
            order = inputs[0].order if inputs else ()
        if len(order) != len(shape):
            order = tuple(range(len(shape)))
        return Value(len(self.nodes) - 1, shape, order)

    def reshape(self, x: Value, shape: Shape, name: str) -> Value:
        """Return a value in the axis order of the model in another shape, without -1."""
        if x.integer and math.prod(shape) == math.prod(x.shape):
            return replace(x, shape=shape, order=tuple(range(len(shape))))
        if x.shape == shape:
            return x
        return self.add_layer(Reshape(shape), [x], name, tuple(range(len(shape))))

    def transpose(self, x: Value, order: tuple[int, ...], name: str) -> Value:
        """Return a value with its axes in another order."""
        if x.order == order:
            return x
        permutation = tuple(x.order.index(axis) for axis in order)
        return self.add_layer(Transpose(permutation), [x], name, order)

    def to_model_order(self, x: Value, name: str) -> Value:
        """Return a value in the axis order of the model."""
        return self.transpose(x, tuple(range(len(x.order))), name)

    def move_axis_last(self, x: Value, axis: int, name: str) -> Value:
        """Return a value with one axis of the model's batch last; it may count from the end."""
        row_axis = axis - 1 if axis > 0 else axis % len(x.order)
        if x.order[-1] == row_axis:
            return x
        rest = tuple(each for each in range(len(x.order)) if each != row_axis)
        return self.transpose(x, (*rest, row_axis), name)

    def to_channels_last(self, x: Value, data_format: str, name: str) -> Value:
        """Return an image as (height, width, channels)."""
        if len(x.shape) != 3:
            raise UntranslatedError(name)
        return self.transpose(x, (1, 2, 0) if data_format == "channels_first" else (0, 1, 2), name)

    def one_hot_label(self, labels: int, name: str) -> Value:
        """Return the label as one-hot. Raises UntranslatedError if layers differ in its size."""
        if labels < 2 or self.labels not in (0, labels):
            raise UntranslatedError(name)
        self.labels = labels
        return make_value(LABEL, (labels,))

    def build_network(self, latent: int, output: Value) -> Network:
        """Return the network that ends in `output`, with the channels of an image last."""
        if output.integer or output.node in (Z, LABEL):
            raise UntranslatedError("a model that returns its input")
        is_first = len(output.shape) == 3 and output.order == (0, 1, 2)
        if is_first and output.shape[0] in (1, 3) and output.shape[2] not in (1, 3):
            output = self.add_layer(Transpose((1, 2, 0)), [output], "channels last")
        return Network(latent, tuple(self.nodes[: output.node + 1]), self.labels)
