"""Collect the nodes of a network from Keras's layers, in the axis order of the model.

A layer that needs another order stands between two transpositions. Transpositions that follow each
other become one, and layers that act on each value alone come before them, so that a generator with
channels first needs few.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ganinv_cli.network.graph import LABEL, Network, Node
from ganinv_cli.network.layers import Layer, Reshape, Transpose
from ganinv_cli.network.shapes import Shape, infer_shape

# names of a Keras model's input for the label
LABEL_PATTERN = re.compile(r"label|class|categor|digit|(^|_)(cond|(y|c)(_|$))", re.IGNORECASE)
Order = tuple[int, ...]  # of the axes of a row


class UntranslatedError(Exception):
    """Raised for what the layers of network/ do not express; the model is traced then."""


@dataclass(frozen=True)
class Value:
    """The output of a node of the network."""

    node: int  # its number, or Z or LABEL
    shape: Shape  # of a row
    integer: bool = False  # a label as an integer; the network takes it as one-hot


class NetworkBuilder:
    """Collects the nodes that the translation of each layer adds.

    Its methods raise ShapeError if a layer does not fit its inputs.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.name = ""  # of the nodes that are added next
        self.labels = 0
        self.assumptions: list[str] = []

    def add_layer(self, layer: Layer, *inputs: Value) -> Value:
        """Add a layer and return its output."""
        shape = infer_shape(layer, [each.shape for each in inputs])
        self.nodes.append(Node(layer, tuple(each.node for each in inputs), self.name))
        return Value(len(self.nodes) - 1, shape)

    def add_elementwise(self, layer: Layer, *inputs: Value) -> Value:
        """Add a layer that makes each value of its inputs' values at the same place."""
        sources, orders = zip(*map(self._find_source, inputs), strict=True)
        if len(set(orders)) > 1:
            return self.add_layer(layer, *inputs)
        return self.transpose(self.add_layer(layer, *sources), orders[0])

    def add_in_order(
        self, order: Order, make: Callable[[Shape], Layer], inputs: Sequence[Value]
    ) -> Value:
        """Add the layer that `make` returns for a shape, which needs the axes in another order."""
        moved = [self.transpose(each, order) for each in inputs]
        output = self.add_layer(make(moved[0].shape), *moved)
        return self.transpose(output, _invert(order))

    def reshape(self, x: Value, shape: Shape) -> Value:
        """Return a value in another shape, without -1."""
        if x.integer:
            return replace(x, shape=shape)
        return x if x.shape == shape else self.add_layer(Reshape(shape), x)

    def transpose(self, x: Value, order: Order) -> Value:
        """Return a value with its axes in another order."""
        source, source_order = self._find_source(x)
        order = tuple(source_order[axis] for axis in order)
        if order == tuple(range(len(order))):
            return source
        return self.add_layer(Transpose(order), source)

    def one_hot_label(self, labels: int) -> Value:
        """Return the label as one-hot. Raises UntranslatedError if layers differ in its size."""
        if labels < 2 or self.labels not in (0, labels):
            raise UntranslatedError
        self.labels = labels
        return Value(LABEL, (labels,))

    def build_network(self, latent: int, output: Value) -> Network:
        """Return the network that ends in `output`, with the channels of an image last."""
        shape = output.shape
        if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
            self.name = "channels last"
            output = self.transpose(output, (1, 2, 0))
        return Network(latent, tuple(self.nodes), self.labels).prune_to(output.node)

    def _find_source(self, x: Value) -> tuple[Value, Order]:
        """Return the value and the order of which a value is the transposition."""
        layer = self.nodes[x.node].layer if x.node >= 0 else None
        if not isinstance(layer, Transpose):
            return x, tuple(range(len(x.shape)))
        shape = tuple(x.shape[axis] for axis in _invert(layer.order))
        return Value(self.nodes[x.node].inputs[0], shape), layer.order


def _invert(order: Order) -> Order:
    return tuple(order.index(axis) for axis in range(len(order)))
