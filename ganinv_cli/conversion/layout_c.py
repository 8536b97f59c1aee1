"""Convert a network to the arrays of a DCGAN in layout C.

Layout C is a dense layer, a reshape to a square map, then pairs of relu and a transposed
convolution of stride 2, and tanh at the end. Batch norms that layout C cannot hold are folded. A
fixed label is folded into the bias of the dense layer.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from ganinv_cli.conversion import UnwritableError, describe_layer
from ganinv_cli.network.folding import fold_layers
from ganinv_cli.network.graph import Network, Node
from ganinv_cli.network.layers import (
    Activation,
    Affine,
    BatchNorm,
    Concat,
    Constant,
    ConvTranspose,
    Dense,
    Layer,
    Pair,
    Reshape,
)

PREFIX = "generator/"
EPSILON = 1e-5  # of every batch norm in layout C
STRIDE = 2
FORMAT_NAME = "a TensorFlow 1 checkpoint with the names of carpedm20's DCGAN"
LAYER_PATTERN = "dense, then 'relu, transposed convolution of stride 2' to a tanh"

Arrays = dict[str, np.ndarray]
LayerT = TypeVar("LayerT", bound=Layer)


def make_arrays(network: Network) -> Arrays:
    """Return the arrays by their names in layout C.

    Raises UnwritableError, which names the first layer that does not fit.
    """
    if network.labels:
        raise UnwritableError(
            f"needs a label, but {FORMAT_NAME} has no label input ({LAYER_PATTERN}); give one "
            "label with --label, or convert to .keras"
        )
    network = _fold_constants(network)
    try:
        return _LayoutMatcher(network).collect_arrays()
    except UnwritableError:
        return _LayoutMatcher(_replace_sigmoid(fold_layers(network))).collect_arrays()


class _LayoutMatcher:
    """Matches the layers of a network in order with the layers of layout C."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._position = 0
        self._arrays: Arrays = {}

    def collect_arrays(self) -> Arrays:
        """Return the arrays by name. Raises UnwritableError."""
        self._check_sequential()
        dense = self._expect(Dense, "a matrix")
        self._arrays |= {
            f"{PREFIX}g_h0_lin/Matrix": dense.weights,
            f"{PREFIX}g_h0_lin/bias": dense.bias,
        }
        shape = self._expect(Reshape, "a reshape to a square map").shape
        if len(shape) != 3 or shape[0] != shape[1]:
            raise self._make_mismatch_error("a square map", back=1)
        self._collect_norm(0)
        number = 0
        while not self._is_last("tanh"):
            self._expect_relu()
            number += 1
            convolution = self._expect(
                ConvTranspose, "a transposed convolution of stride 2 or tanh"
            )
            self._arrays |= {
                f"{PREFIX}g_h{number}/w": self._pad_to_same(convolution),
                f"{PREFIX}g_h{number}/biases": convolution.bias,
            }
            self._collect_norm(number)
        if not number:
            raise self._make_mismatch_error("a transposed convolution of stride 2")
        return self._arrays

    def _check_sequential(self) -> None:
        for number, node in enumerate(self._network.nodes):
            if node.inputs != (number - 1,):
                raise UnwritableError(
                    f"{describe_layer(self._network, number)} has other inputs than the layer "
                    f"before it; {FORMAT_NAME} is a plain sequence ({LAYER_PATTERN}); convert to "
                    ".keras"
                )

    def _peek(self) -> Layer | None:
        nodes = self._network.nodes
        return nodes[self._position].layer if self._position < len(nodes) else None

    def _expect(self, kind: type[LayerT], expected: str) -> LayerT:
        found = self._peek()
        if not isinstance(found, kind):
            raise self._make_mismatch_error(expected)
        self._position += 1
        return found

    def _is_last(self, name: str) -> bool:
        end = self._position == len(self._network.nodes) - 1
        return end and self._peek() == Activation(name)

    def _expect_relu(self) -> None:
        found = self._peek()
        if not (isinstance(found, Activation) and found in _RELU_LAYERS):
            raise self._make_mismatch_error("only relu between layers, and tanh at the end")
        self._position += 1

    def _collect_norm(self, number: int) -> None:
        found = self._peek()
        if not isinstance(found, BatchNorm):
            return
        if found.epsilon != EPSILON:
            raise self._make_mismatch_error(f"only batch norms with epsilon {EPSILON:g}")
        self._position += 1
        name = f"{PREFIX}g_bn{number}"
        self._arrays |= {
            f"{name}/gamma": found.gamma,
            f"{name}/beta": found.beta,
            f"{name}/moving_mean": found.mean,
            f"{name}/moving_variance": found.variance,
        }

    def _pad_to_same(self, convolution: ConvTranspose) -> np.ndarray:
        """Return the kernel padded with zeros, so that its crop is TensorFlow's SAME."""
        if convolution.stride != (STRIDE, STRIDE):
            raise self._make_mismatch_error("only strides of 2", back=1)
        if convolution.has_same_padding:
            return convolution.weights
        zeros: list[Pair] = []
        for size, crop in zip(convolution.weights.shape[:2], convolution.crop, strict=True):
            found = _find_same_padding_zeros(size, crop)
            if found is None:
                raise self._make_mismatch_error("maps that double their sides", back=1)
            zeros.append(found)
        return np.pad(convolution.weights, [*zeros, (0, 0), (0, 0)])

    def _make_mismatch_error(self, expected: str, back: int = 0) -> UnwritableError:
        number = self._position - back
        if number == len(self._network.nodes):
            return UnwritableError(
                f"ends too early: {FORMAT_NAME} has {expected} next ({LAYER_PATTERN}); convert to "
                ".keras"
            )
        return UnwritableError(
            f"{describe_layer(self._network, number)} does not fit: {FORMAT_NAME} has {expected} "
            f"there ({LAYER_PATTERN}); convert to .keras"
        )


_RELU_LAYERS = (Activation("relu"), Activation("leaky_relu", 0.0))


def _find_same_padding_zeros(size: int, crop: Pair) -> Pair | None:
    """Return the zeros before and after a kernel that turn its crop into SAME, None if none do."""
    if sum(crop) == size - STRIDE:
        for added in range(size + 3):  # fewest first
            for before, behind in ((0, added), (added, 0)):
                if crop[0] + before == max(size + added - STRIDE, 0) // 2:
                    return before, behind
    return None


def _replace_sigmoid(network: Network) -> Network:
    """Replace a final 2·sigmoid(x) − 1 by the equal tanh(x / 2). Halving a weight is exact."""
    if len(network.nodes) < 3:
        return network
    *before, linear, sigmoid, range_map = network.nodes
    is_range_map = (
        isinstance(range_map.layer, Affine)
        and (range_map.layer.scale == 2).all()
        and (range_map.layer.shift == -1).all()
    )
    if not (
        is_range_map
        and sigmoid.layer == Activation("sigmoid")
        and isinstance(linear.layer, ConvTranspose)
    ):
        return network
    half = replace(linear.layer, weights=linear.layer.weights / 2, bias=linear.layer.bias / 2)
    end = sigmoid._replace(layer=Activation("tanh"))
    return replace(network, nodes=(*before, linear._replace(layer=half), end))


def _fold_constants(network: Network) -> Network:
    """Fold constants that are concatenated with z into the bias of the next dense layer.

    Dense layers (e.g. an embedding) and reshapes of a constant alone are evaluated. Other layers
    that take a constant stay as they are.
    """
    nodes: list[Node] = []
    for node in network.nodes:
        nodes.append(_fold_node(node, nodes))
    whole = replace(network, nodes=tuple(nodes))
    return whole.prune_to(len(nodes) - 1)


def _fold_node(node: Node, earlier: list[Node]) -> Node:
    """Return the node with its constant inputs folded, or unchanged."""
    layer, inputs = node.layer, node.inputs
    if not inputs or inputs[0] < 0 or not isinstance(layer, Dense | Reshape):
        return node
    source = earlier[inputs[0]]
    if isinstance(source.layer, Constant):
        value = source.layer.value
        folded = (
            value.reshape(layer.shape) if isinstance(layer, Reshape) else _apply_dense(layer, value)
        )
        return Node(Constant(folded), (), node.name)
    if isinstance(layer, Dense) and isinstance(source.layer, Concat):
        return _fold_concat(node, layer, source, earlier)
    return node


def _fold_concat(node: Node, dense: Dense, concat: Node, earlier: list[Node]) -> Node:
    """Return a dense layer on the one input of a concatenation that is not constant.

    The node is unchanged if other than one input varies.
    """
    values = [earlier[each].layer if each >= 0 else None for each in concat.inputs]
    known = [value.value for value in values if isinstance(value, Constant)]
    if len(known) != len(values) - 1 or any(value.ndim != 1 for value in known):
        return node
    place = next(n for n, value in enumerate(values) if not isinstance(value, Constant))
    start = sum(len(value) for value in known[:place])
    size = len(dense.weights) - sum(map(len, known))
    rows = slice(start, start + size)
    constant = np.concatenate([*known[:place], np.zeros(size), *known[place:]])
    folded = Dense(dense.weights[rows], _apply_dense(dense, constant).astype(dense.bias.dtype))
    return Node(folded, (concat.inputs[place],), node.name)


def _apply_dense(dense: Dense, value: np.ndarray) -> np.ndarray:
    """Return W·value + bias, summed in float64 so that only the result is rounded."""
    output = value.astype(np.float64) @ dense.weights + dense.bias
    return np.asarray(output, dense.bias.dtype)
