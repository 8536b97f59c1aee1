"""A label that is fixed, as part of the first matrix."""

from dataclasses import replace

import numpy as np

from ganinv_cli.network.graph import Network, Node
from ganinv_cli.network.layers import Concat, Constant, Dense, Reshape


def fold_constants(network: Network) -> Network:
    """With constants that stand beside z gone into the bias of the matrix behind them.

    A matrix of a constant, as an embedding is, and its shape are worked out too. What else a
    constant feeds stays as it is.
    """
    nodes: list[Node] = []
    for node in network.nodes:
        nodes.append(_fold_node(node, nodes))
    whole = replace(network, nodes=tuple(nodes))
    return whole.prune_to(len(nodes) - 1)


def _fold_node(node: Node, earlier: list[Node]) -> Node:
    """The same node with less before it, where a constant is."""
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
    """The matrix of one input alone, where all others of a concatenation are constants."""
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
    """Summed in float64, so that it costs no more than the last rounding."""
    output = value.astype(np.float64) @ dense.weights + dense.bias
    return np.asarray(output, dense.bias.dtype)
