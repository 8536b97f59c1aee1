"""The conditional DCGAN of carpedm20, as for MNIST: the label stands beside what each layer takes.

z, label -> g_h0_lin -> norm, relu; label -> g_h1_lin -> norm, relu -> map; label -> g_h2 -> norm,
relu; label -> g_h3 -> sigmoid. Beside a map the label is at every pixel.
"""

from collections.abc import Sequence

import numpy as np

from ganinv_cli.formats.reading import Conventions, UnreadableError
from ganinv_cli.formats.tensorflow import dcgan
from ganinv_cli.formats.tensorflow.dcgan import Shapes, Tensors
from ganinv_cli.formats.tensorflow.dcgan_names import Linear, Names
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
    same_transpose,
)

MOST_LABELS = 1000


def network(tensors: Tensors, names: Names, given: Conventions) -> Network:
    """From z and the label to the image. Every shape is checked before the first tensor is read.

    Relu, strides of 2 and sigmoid, where the conventions have nothing else. Raises UnreadableError.
    """
    assert names.second is not None
    shapes = tensors.shapes
    strides, epsilons = dcgan.settled(names, given)
    hidden, end = overrides.activation(given.activation or "relu"), overrides.ending(given)
    labels, side, width = _checked(shapes, names, names.second, strides)
    if given.labels not in (-1, labels):
        raise UnreadableError(f"takes {labels} labels by its shapes; leave --labels out")
    graph = _Graph(labels)
    graph.beside_label()
    for dense, norm in zip((names.dense, names.second), names.norms, strict=False):
        graph.add(Dense(tensors[dense.weights], tensors[dense.bias]), dense.weights)
        if norm:
            graph.add(dcgan.batch_norm(tensors, norm, epsilons.pop(0)), norm.gamma)
        graph.add(hidden)
        if dense is names.dense:
            graph.beside_label()
    graph.add(Reshape((side, side, width)))
    for linear, norm, stride in zip(names.convolutions, names.norms[2:], strides, strict=True):
        graph.beside_label(side)
        weights, bias = tensors[linear.weights], tensors[linear.bias]
        graph.add(same_transpose(weights, bias, stride), linear.weights)
        side *= stride
        if norm:
            graph.add(dcgan.batch_norm(tensors, norm, epsilons.pop(0)), norm.gamma)
        if linear is not names.convolutions[-1]:
            graph.add(hidden)
    if end:
        graph.add(end if given.range else Activation("sigmoid"))
    return Network(shapes[names.dense.weights][0] - labels, tuple(graph.nodes), labels)


class _Graph:
    """Layers one behind another, and the label beside some of them."""

    def __init__(self, labels: int) -> None:
        self.nodes: list[Node] = []
        self._labels = labels
        self._last = Z

    def add(self, layer: Layer, name: str = "") -> None:
        """Behind the last layer."""
        self._last = self._placed(layer, (self._last,), name)

    def beside_label(self, side: int = 0) -> None:
        """The label behind the values of the last layer, at each pixel of a map with a side."""
        label = LABEL
        if side:
            pixel = self._placed(Reshape((1, 1, self._labels)), (LABEL,))
            ones = self._placed(Constant(np.ones((side, side, 1), np.float32)), ())
            label = self._placed(Multiply(), (pixel, ones))
        self._last = self._placed(Concat(), (self._last, label))

    def _placed(self, layer: Layer, inputs: tuple[int, ...], name: str = "") -> int:
        self.nodes.append(Node(layer, inputs, name.rpartition("/")[0]))
        return len(self.nodes) - 1


def _checked(
    shapes: Shapes, names: Names, second: Linear, strides: Sequence[int]
) -> tuple[int, int, int]:
    """How many labels there are, and side and channels of the first map."""
    first, kernel = names.dense.weights, names.convolutions[0].weights
    dcgan.check_total(shapes, names)
    for dense in (first, second.weights):
        dcgan.check_rank(shapes, dense, "inputs", "outputs")
    labels = shapes[second.weights][0] - shapes[first][1]
    if not 0 < labels <= min(MOST_LABELS, shapes[first][0] - 1):
        raise UnreadableError(
            f"{dcgan.shaped(shapes, second.weights)} takes what {dcgan.shaped(shapes, first)} "
            f"makes and {labels} values of a label; expected 1 to {MOST_LABELS}, and fewer than go "
            "into the first layer; the checkpoint is damaged or not a conditional DCGAN's"
        )
    dcgan.check_rank(shapes, kernel, "height", "width", "outputs", "inputs")
    width = shapes[kernel][3] - labels
    if width < 1:
        raise dcgan.unfit(shapes, kernel, second.weights)
    start = side = dcgan.square(shapes, second.weights, kernel, width)
    for linear, norm in zip((names.dense, second), names.norms, strict=False):
        for name in (linear.bias, *(norm or ())):
            dcgan.check_vector(shapes, name, shapes[linear.weights][1], linear.weights)
    before, channels = second.weights, width
    for linear, norm, stride in zip(names.convolutions, names.norms[2:], strides, strict=True):
        dcgan.check_rank(shapes, linear.weights, "height", "width", "outputs", "inputs")
        if shapes[linear.weights][3] != channels + labels:
            raise dcgan.unfit(shapes, linear.weights, before)
        before, channels, side = linear.weights, shapes[linear.weights][2], side * stride
        dcgan.check_map(shapes, before, side, channels)
        for name in (linear.bias, *(norm or ())):
            dcgan.check_vector(shapes, name, channels, before)
    if channels not in (1, 3):
        raise dcgan.other_image(shapes, before, channels)
    return labels, start, width
