"""The conditional DCGAN of carpedm20, as for MNIST: the label is an input of each layer.

z, label -> g_h0_lin -> norm, relu; label -> g_h1_lin -> norm, relu -> map; label -> g_h2 -> norm,
relu; label -> g_h3 -> sigmoid. Beside a map the label is at every pixel.
"""

from collections.abc import Sequence

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.tensorflow import dcgan
from ganinv_cli.formats.tensorflow.dcgan import Shapes, Tensors
from ganinv_cli.formats.tensorflow.dcgan_names import GeneratorNames, LinearNames
from ganinv_cli.formats.weights import overrides
from ganinv_cli.network.graph import LABEL, Network, Node, Z
from ganinv_cli.network.layers import (
    Activation,
    Concat,
    Constant,
    Dense,
    Layer,
    Multiply,
    Reshape,
    same_conv_transpose,
)
from ganinv_cli.settings.conventions import Conventions

MAX_LABELS = 1000


def build_network(tensors: Tensors, names: GeneratorNames, conventions: Conventions) -> Network:
    """Return the network from z and label to the image; all shapes are checked first.

    Relu, strides of 2 and sigmoid, unless the conventions say otherwise. Raises UnreadableError.
    """
    assert names.second_dense is not None
    shapes = tensors.shapes
    strides, epsilons = dcgan.choose_strides_and_epsilons(names, conventions)
    hidden, end = (
        overrides.parse_activation(conventions.activation or "relu"),
        overrides.choose_output_activation(conventions),
    )
    labels, side, channels = _check_shapes(shapes, names, names.second_dense, strides)
    if conventions.labels not in (-1, labels):
        raise UnreadableError(f"takes {labels} labels by its shapes; leave --labels out")
    graph = _GraphBuilder(labels)
    graph.concat_label()
    for dense, norm in zip((names.dense, names.second_dense), names.norms, strict=False):
        graph.add(Dense(tensors[dense.weights], tensors[dense.bias]), dense.weights)
        if norm:
            graph.add(dcgan.read_batch_norm(tensors, norm, epsilons.pop(0)), norm.gamma)
        graph.add(hidden)
        if dense is names.dense:
            graph.concat_label()
    graph.add(Reshape((side, side, channels)))
    for linear, norm, stride in zip(names.convolutions, names.norms[2:], strides, strict=True):
        graph.concat_label(side)
        weights, bias = tensors[linear.weights], tensors[linear.bias]
        graph.add(same_conv_transpose(weights, bias, stride), linear.weights)
        side *= stride
        if norm:
            graph.add(dcgan.read_batch_norm(tensors, norm, epsilons.pop(0)), norm.gamma)
        if linear is not names.convolutions[-1]:
            graph.add(hidden)
    if end:
        graph.add(end if conventions.range else Activation("sigmoid"))
    return Network(shapes[names.dense.weights][0] - labels, tuple(graph.nodes), labels)


class _GraphBuilder:
    """Builds a chain of layers, some of which also take the label."""

    def __init__(self, labels: int) -> None:
        self.nodes: list[Node] = []
        self._labels = labels
        self._last = Z

    def add(self, layer: Layer, name: str = "") -> None:
        """Add a layer after the last one."""
        self._last = self._add_node(layer, (self._last,), name)

    def concat_label(self, side: int = 0) -> None:
        """Append the label to the last output, at each pixel if it is a map of this side."""
        label = LABEL
        if side:
            pixel = self._add_node(Reshape((1, 1, self._labels)), (LABEL,))
            ones = self._add_node(Constant(np.ones((side, side, 1), np.float32)), ())
            label = self._add_node(Multiply(), (pixel, ones))
        self._last = self._add_node(Concat(), (self._last, label))

    def _add_node(self, layer: Layer, inputs: tuple[int, ...], name: str = "") -> int:
        self.nodes.append(Node(layer, inputs, name.rpartition("/")[0]))
        return len(self.nodes) - 1


def _check_shapes(
    shapes: Shapes, names: GeneratorNames, second_dense: LinearNames, strides: Sequence[int]
) -> tuple[int, int, int]:
    """Return the number of labels, and side and channels of the first map."""
    first, kernel = names.dense.weights, names.convolutions[0].weights
    dcgan.check_weight_count(shapes, names)
    for dense in (first, second_dense.weights):
        dcgan.check_rank(shapes, dense, "inputs", "outputs")
    labels = shapes[second_dense.weights][0] - shapes[first][1]
    if not 0 < labels <= min(MAX_LABELS, shapes[first][0] - 1):
        raise UnreadableError(
            f"{dcgan.describe_tensor(shapes, second_dense.weights)} takes what "
            f"{dcgan.describe_tensor(shapes, first)} "
            f"makes and {labels} values of a label; expected 1 to {MAX_LABELS}, and fewer than go "
            "into the first layer; the checkpoint is damaged or not a conditional DCGAN's"
        )
    dcgan.check_rank(shapes, kernel, "height", "width", "outputs", "inputs")
    first_channels = shapes[kernel][3] - labels
    if first_channels < 1:
        raise dcgan.misfit_error(shapes, kernel, second_dense.weights)
    first_side = side = dcgan.infer_square_side(
        shapes, second_dense.weights, kernel, first_channels
    )
    for linear, norm in zip((names.dense, second_dense), names.norms, strict=False):
        for name in (linear.bias, *(norm or ())):
            dcgan.check_vector(shapes, name, shapes[linear.weights][1], linear.weights)
    previous, channels = second_dense.weights, first_channels
    for linear, norm, stride in zip(names.convolutions, names.norms[2:], strides, strict=True):
        dcgan.check_rank(shapes, linear.weights, "height", "width", "outputs", "inputs")
        if shapes[linear.weights][3] != channels + labels:
            raise dcgan.misfit_error(shapes, linear.weights, previous)
        previous, channels, side = linear.weights, shapes[linear.weights][2], side * stride
        dcgan.check_map(shapes, previous, side, channels)
        for name in (linear.bias, *(norm or ())):
            dcgan.check_vector(shapes, name, channels, previous)
    if channels not in (1, 3):
        raise dcgan.wrong_channels_error(shapes, previous, channels)
    return labels, first_side, first_channels
