"""Find the batch norms in a graph of TensorFlow operations.

TensorFlow, Keras and the reader of ONNX all compute a norm with stored statistics as

    factor = gamma * rsqrt(variance + epsilon)
    x * factor + (beta - mean * factor)

with the factor in any shape that broadcasts. A norm that was multiplied into the layer before it,
or is computed otherwise, is not found.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.network.traced_network import TracedNetwork

_MOVES = ("Cast", "ExpandDims", "Identity", "Reshape", "Squeeze")  # keep all values
_SUMS = ("Add", "AddV2")


class VisibleNorm(NamedTuple):
    """A batch norm in a graph; outputs of nodes are named as in a GraphDef."""

    input: str
    mean_node: str
    variance_node: str
    mean: np.ndarray
    variance: np.ndarray
    factor_shape: tuple[int, ...]  # 1 along the axes over which the moments are


def find_norms(network: TracedNetwork) -> list[VisibleNorm]:
    """Return the batch norms whose statistics are constants, from z to the image."""
    return list(_Search(network).find_norms())


class _Search:
    def __init__(self, network: TracedNetwork) -> None:
        self._graph = tf.compat.v1.GraphDef.FromString(network.graph)
        self._nodes: Mapping[str, Any] = {node.name: node for node in self._graph.node}
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(self._graph, name="")
        self._session = tf.compat.v1.Session(graph=graph)
        self._weights = {f"{name}:0": array for name, array in network.arrays.items()}
        self._varying = {network.z_node, network.label_node}  # nodes that depend on z or the label
        self._readers: dict[str, list[Any]] = {}  # of each node
        for node in self._graph.node:  # each after its inputs
            names = [_get_name(each) for each in node.input]
            if self._varying.intersection(names):
                self._varying.add(node.name)
            for name in names:
                self._readers.setdefault(name, []).append(node)

    def find_norms(self) -> Iterator[VisibleNorm]:
        for node in self._graph.node:
            if node.op == "Mul" and node.name in self._varying:
                x, factor = sorted(node.input, key=self._is_constant)
                if self._is_constant(factor) and (norm := self._match(x, factor)):
                    yield norm

    def _is_constant(self, text: str) -> bool:
        return _get_name(text) not in self._varying

    def _match(self, x: str, factor: str) -> VisibleNorm | None:
        """Return the norm that multiplies x with this factor, if there is one."""
        product = self._skip_moves(factor)
        variance = self._find_variance(product)
        mean = self._find_mean(product)
        if not (variance and mean):
            return None
        means, variances, factors = self._session.run(
            [f"{_get_name(each)}:0" for each in (mean, variance, factor)], self._weights
        )
        if not means.size == variances.size == factors.size:
            return None
        nodes = _get_name(mean), _get_name(variance)
        return VisibleNorm(x, *nodes, means, variances, factors.shape)

    def _find_variance(self, product: Any) -> str | None:
        """Return the variance of gamma * rsqrt(variance + epsilon), if `product` is that."""
        candidates = [product]
        if product.op == "Mul":
            candidates = [self._skip_moves(each) for each in product.input]
        for root in candidates:
            total = self._skip_moves(root.input[0]) if root.op == "Rsqrt" else None
            if total is not None and total.op in _SUMS:
                scalars = [self._count(each) == 1 for each in total.input]
                return total.input[0 if scalars[1] else 1] if any(scalars) else None
        return None

    def _find_mean(self, product: Any) -> str | None:
        """Return the mean in beta - mean * factor, which is the only other use of the factor."""
        for reader in self._list_readers(product):
            if reader.op == "Mul" and self._is_constant(reader.name):
                others = [each for each in reader.input if self._skip_moves(each) is not product]
                uses = [node.op for node in self._readers.get(reader.name, [])]
                if len(others) == 1 and uses in (["Sub"], ["Neg"]):
                    return str(others[0])
        return None

    def _list_readers(self, node: Any) -> Iterator[Any]:
        """Yield the nodes that take a node's output, in any shape."""
        for reader in self._readers.get(node.name, []):
            if reader.op in _MOVES:
                yield from self._list_readers(reader)
            else:
                yield reader

    def _skip_moves(self, text: str) -> Any:
        node = self._nodes[_get_name(text)]
        while node.op in _MOVES:
            node = self._nodes[_get_name(node.input[0])]
        return node

    def _count(self, text: str) -> int:
        """Return how many values a constant has; 0 if it is none."""
        if not self._is_constant(text):
            return 0
        shape = self._session.graph.get_tensor_by_name(f"{_get_name(text)}:0").shape
        return int(shape.num_elements() or 0)


def _get_name(text: str) -> str:
    return text.lstrip("^").split(":")[0]
