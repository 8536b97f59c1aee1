"""Build a network from Keras's layers, and keep the axis order of each value.

Images have channels last. A value with another order in the file is stored with channels last and
its order in the file, so that a generator with channels first needs a single change of order.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.interface import MAX_LATENT, MAX_VALUES, UnreadableError
from ganinv_cli.formats.keras.config import LayerConfig
from ganinv_cli.formats.keras.layer_settings import UntranslatedError
from ganinv_cli.formats.keras.weights import Weights
from ganinv_cli.network.graph import LABEL, Network, Node, Z
from ganinv_cli.network.layers import Layer, Transpose
from ganinv_cli.network.shapes import Shape, ShapeError, format_shape, infer_shape

MAX_NODES = 4_000


class Value(NamedTuple):
    """The output of a node of the network."""

    node: int
    shape: Shape  # of a row, channels last
    order: tuple[int, ...]  # for each axis of `shape`, the axis in the file
    integer: bool = False  # a label as an integer; the network takes it as one-hot

    @property
    def file_shape(self) -> Shape:
        """The shape in the file."""
        return tuple(self.shape[self.order.index(axis)] for axis in range(len(self.order)))


def make_value(number: int, shape: Shape) -> Value:
    """Return a value in the axis order of the file."""
    return Value(number, shape, tuple(range(len(shape))))


class NetworkBuilder:
    """Collects the nodes that the translation of each layer adds."""

    def __init__(self, weights: Weights, version: int) -> None:
        self.version = version  # of Keras: 1, 2 or 3
        self.nodes: list[Node] = []
        self.labels = 0
        self.assumptions: list[str] = []
        self._weights = weights
        self._call_count = 0

    def count_call(self) -> None:
        """Count a call of a layer. Raises UnreadableError if there are too many."""
        self._call_count += 1
        if self._call_count > MAX_NODES:
            raise UnreadableError(
                f"calls its layers more than {MAX_NODES:,} times; is it a generator of pictures?"
            )

    def add_layer(
        self, layer: Layer, inputs: Sequence[Value], name: str, order: tuple[int, ...] | None = None
    ) -> Value:
        """Add a layer and return its output.

        `order` is the axis order of the output; None: the order of the first input, or the file's.
        Raises UnreadableError if the layer does not fit its inputs.
        """
        try:
            shape = infer_shape(layer, [each.shape for each in inputs])
        except ShapeError as error:
            raise UnreadableError(
                f"the layers do not fit one another: {name} ({type(layer).__name__}) {error}; the "
                "file is damaged or of another network"
            ) from None
        if math.prod(shape) > MAX_VALUES:
            raise UnreadableError(
                f"{name} makes {format_shape(shape)} values for one picture, but at most "
                f"{MAX_VALUES:,} were expected; is it a generator of pictures?"
            )
        self.nodes.append(Node(layer, tuple(each.node for each in inputs), name))
        if order is None:
            order = inputs[0].order if inputs else ()
        if len(order) != len(shape):
            order = tuple(range(len(shape)))
        return Value(len(self.nodes) - 1, shape, order)

    def transpose(self, x: Value, order: tuple[int, ...], name: str) -> Value:
        """Return a value with its axes in another order."""
        if x.order == order:
            return x
        permutation = tuple(x.order.index(axis) for axis in order)
        return self.add_layer(Transpose(permutation), [x], name, order)

    def to_file_order(self, x: Value, name: str) -> Value:
        """Return a value in the axis order of the file."""
        return self.transpose(x, tuple(range(len(x.order))), name)

    def move_axis_last(self, x: Value, axis: int, name: str) -> Value:
        """Return a value with one of the file's axes last."""
        if x.order[-1] == axis:
            return x
        rest = tuple(each for each in range(len(x.order)) if each != axis)
        return self.transpose(x, (*rest, axis), name)

    def to_channels_last(self, x: Value, channels_first: bool, name: str) -> Value:
        """Return a value as (height, width, channels)."""
        if len(x.shape) != 3:
            raise UnreadableError(
                f"{name} expects height x width x channels, found {format_shape(x.file_shape)}; "
                "the config is damaged or of another network"
            )
        return self.transpose(x, (1, 2, 0) if channels_first else (0, 1, 2), name)

    def read_weights(
        self, layer: LayerConfig, shapes: Mapping[str, Shape]
    ) -> dict[str, np.ndarray]:
        """Return the weights of a layer by name, given their shapes. Raises UnreadableError."""
        return self._weights.read_layer(layer, shapes)

    def one_hot_label(self, labels: int, name: str) -> Value:
        """Return the label as one-hot. Raises UnreadableError if layers differ in its size."""
        if labels < 2 or labels > MAX_LATENT or self.labels not in (0, labels):
            raise UnreadableError(
                f"{name} takes {labels:,} labels"
                + (f", but another layer takes {self.labels:,}" if self.labels else "")
                + f"; expected the same number from 2 to {MAX_LATENT:,} in all"
            )
        self.labels = labels
        return make_value(LABEL, (labels,))

    def build_network(self, latent: int, output: Value) -> Network:
        """Return the network that ends in `output`, with the channels of an image last."""
        if output.integer or output.node in (Z, LABEL):
            raise UntranslatedError("returns its input unchanged; is it a generator?")
        if (
            len(output.shape) == 3
            and output.order == (0, 1, 2)
            and _is_channels_first(output.shape)
        ):
            output = self.add_layer(Transpose((1, 2, 0)), [output], "channels last")
        nodes = list(self.nodes)
        if output.node != len(nodes) - 1:
            nodes, output = nodes[: output.node + 1], output
        return Network(latent, tuple(nodes), self.labels)


def _is_channels_first(shape: Shape) -> bool:
    """Return whether an image has channels first, by their number."""
    return shape[0] in (1, 3) and shape[2] not in (1, 3)


def row_axis(x: Value, axis: int, name: str) -> int:
    """Return the axis of a row for an axis of a batch, which may count from the end."""
    axes = len(x.shape) + 1
    batch_axis = axis + axes if axis < 0 else axis
    if not 1 <= batch_axis < axes:
        raise UnreadableError(
            f"{name} has axis {axis} of a value of {axes} axes; the config is damaged or of "
            "another network"
        )
    return batch_axis - 1
