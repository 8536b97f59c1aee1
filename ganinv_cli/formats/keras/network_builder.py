"""Build a network from Keras's layers."""

import math
from collections.abc import Callable, Sequence
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
    """The output of a node of the network; Keras would take a tuple apart."""

    node: int
    shape: Shape  # of a row
    integer: bool = False  # a label as an integer; the network takes it as one-hot


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
        self.outputs: list[Value] = []  # of the nodes
        self.labels = 0
        self.assumptions: list[str] = []

    def add_layer(self, layer: Layer, inputs: Sequence[Value], name: str) -> Value:
        """Add a layer and return its output."""
        shape = infer_shape(layer, [each.shape for each in inputs])
        self.nodes.append(Node(layer, tuple(each.node for each in inputs), name))
        self.outputs.append(Value(len(self.nodes) - 1, shape))
        return self.outputs[-1]

    def add_elementwise(self, make: Callable[[Shape], Layer], x: Value, name: str) -> Value:
        """Add a layer that treats all values alike, before a change of the axes if x is one.

        So the changes of a model with channels first meet, and `transpose` removes them.
        """
        source = self._find_transposed(x)
        if source is None:
            return self.add_layer(make(x.shape), [x], name)
        earlier: Any = self.nodes[x.node].layer
        changed = self.add_layer(make(source.shape), [source], name)
        return self.transpose(changed, earlier.order, name)

    def reshape(self, x: Value, shape: Shape, name: str) -> Value:
        """Return a value in another shape, without -1."""
        if x.integer and math.prod(shape) == math.prod(x.shape):
            return replace(x, shape=shape)
        return x if x.shape == shape else self.add_layer(Reshape(shape), [x], name)

    def transpose(self, x: Value, order: tuple[int, ...], name: str) -> Value:
        """Return a value with its axes in another order; what was transposed back is the source."""
        if source := self._find_transposed(x):
            earlier: Any = self.nodes[x.node].layer
            x, order = source, tuple(earlier.order[axis] for axis in order)
        if order == tuple(range(len(order))):
            return x
        return self.add_layer(Transpose(order), [x], name)

    def _find_transposed(self, x: Value) -> Value | None:
        """Return the value of which x is a transposition."""
        if x.node < 0 or not isinstance(self.nodes[x.node].layer, Transpose):
            return None
        return self.outputs[self.nodes[x.node].inputs[0]]

    def one_hot_label(self, labels: int, name: str) -> Value:
        """Return the label as one-hot. Raises UntranslatedError if layers differ in its size."""
        if labels < 2 or self.labels not in (0, labels):
            raise UntranslatedError(name)
        self.labels = labels
        return Value(LABEL, (labels,))

    def build_network(self, latent: int, output: Value) -> Network:
        """Return the network that ends in `output`, with the channels of an image last."""
        if output.integer or output.node in (Z, LABEL):
            raise UntranslatedError("a model that returns its input")
        first, *_, last = output.shape or (0, 0)
        if len(output.shape) == 3 and first in (1, 3) and last not in (1, 3):
            output = self.transpose(output, (1, 2, 0), "channels last")
        network = Network(latent, tuple(self.nodes)).prune_to(output.node)
        return replace(network, labels=self.labels)
