"""Find the batch norms in a graph of TensorFlow operations, and measure their inputs.

TensorFlow, Keras and the reader of ONNX all compute a norm with stored statistics as

    factor = gamma * rsqrt(variance + epsilon)
    x * factor + (beta - mean * factor)

with the factor in any shape that broadcasts. A norm that was multiplied into the layer before it,
or is computed otherwise, is not found.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.norms.check import Measure, Moments, StoredNorm
from ganinv_cli.generators.network.norms.measure import BATCH, BatchMoments, Run, make_measure
from ganinv_cli.generators.network.operations.copy_graph import GraphReplay
from ganinv_cli.prior import Prior

_MOVES = ("Cast", "ExpandDims", "Identity", "Reshape", "Squeeze")  # keep all values


class VisibleNorm(NamedTuple):
    """A batch norm in a graph; outputs of nodes are named as in a GraphDef."""

    input: str
    mean_node: str
    variance_node: str
    mean: np.ndarray
    variance: np.ndarray
    factor_shape: tuple[int, ...]  # 1 along the axes over which the moments are


def prepare_visible_norms(network: TracedNetwork, prior: Prior) -> tuple[list[StoredNorm], Measure]:
    """Return what `norms.measure.prepare_norms` does; some norms may not be found."""
    visible = find_norms(network)
    moments = [Moments(each.mean.ravel(), each.variance.ravel()) for each in visible]
    stored = [StoredNorm(f"norm {n}", each) for n, each in enumerate(moments, 1)]
    return stored, make_measure(network, prior, lambda: _run_operations(network, visible))


def find_norms(network: TracedNetwork) -> list[VisibleNorm]:
    """Return the batch norms whose statistics are constants, from z to the image."""
    search = _Search(network)
    weights = {f"{name}:0": array for name, array in network.arrays.items()}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(search.graph, name="")
        norms = []
        for x, *constants in search.list_norms():
            names = [_get_name(each) for each in constants]
            values = session.run([f"{name}:0" for name in names], weights)
            place = 0 if values[1].size == 1 else 1  # of the variance, beside epsilon
            mean, factor = values[2:]
            if mean.size == values[place].size == factor.size:
                arrays = mean, values[place], factor.shape
                norms.append(VisibleNorm(x, names[2], names[place], *arrays))
        return norms


class _Search:
    def __init__(self, network: TracedNetwork) -> None:
        self.graph = tf.compat.v1.GraphDef.FromString(network.graph)
        self._nodes = {node.name: node for node in self.graph.node}
        self._varying = {network.z_node, network.label_node}  # nodes that depend on z or the label
        self._readers: dict[str, list[Any]] = {}  # of each node
        for node in self.graph.node:  # each after its inputs
            names = [_get_name(each) for each in node.input]
            if self._varying.intersection(names):
                self._varying.add(node.name)
            for name in names:
                self._readers.setdefault(name, []).append(node)

    def list_norms(self) -> Iterator[tuple[str, ...]]:
        """Yield the input, variance and epsilon in any order, mean and factor of possible norms."""
        for node in self.graph.node:
            if node.op == "Mul" and node.name in self._varying:
                x, factor = sorted(node.input, key=self._is_constant)
                product = self._skip_moves(factor)
                addends, mean = self._find_addends(product), self._find_mean(product)
                if self._is_constant(factor) and addends and mean:
                    yield x, *addends, mean, factor

    def _is_constant(self, text: str) -> bool:
        return _get_name(text) not in self._varying

    def _find_addends(self, product: Any) -> tuple[str, ...]:
        """Return the addends in gamma * rsqrt(variance + epsilon), if `product` is that."""
        factors = [self._skip_moves(each) for each in product.input if product.op == "Mul"]
        for root in (product, *factors):
            if root.op == "Rsqrt":
                total = self._skip_moves(root.input[0])
                return tuple(total.input) if total.op in ("Add", "AddV2") else ()
        return ()

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


def _get_name(text: str) -> str:
    return text.lstrip("^").split(":")[0]


def _run_operations(network: TracedNetwork, norms: Sequence[VisibleNorm]) -> Run:
    graph = tf.compat.v1.GraphDef.FromString(network.graph)
    with tf.init_scope():
        weights = {name: tf.constant(array) for name, array in network.arrays.items()}

    def run(z: tf.Tensor, labels: tf.Tensor) -> list[BatchMoments]:
        inputs = {**weights, network.label_node: labels, network.z_node: z}
        replay = GraphReplay(graph, inputs, rows=BATCH)
        moments = []
        for norm in norms:
            mean, variance = _measure_channels(replay.evaluate(norm.input), norm)
            replay.set_value(norm.mean_node, tf.reshape(mean, norm.mean.shape))
            replay.set_value(norm.variance_node, tf.reshape(variance, norm.variance.shape))
            moments.append((tf.reshape(mean, [-1]), tf.reshape(variance, [-1])))
        return moments

    return run


def _measure_channels(x: tf.Tensor, norm: VisibleNorm) -> BatchMoments:
    rank = len(x.shape)
    shape = [1] * (rank - len(norm.factor_shape)) + list(norm.factor_shape)
    mean, variance = tf.nn.moments(x, [axis for axis in range(rank) if shape[axis] == 1])
    return mean, variance
