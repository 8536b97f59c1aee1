"""A label that is fixed, as part of the first matrix."""

from dataclasses import replace

import numpy as np

from ganinv_cli.network.graph import Network, Node
from ganinv_cli.network.layers import Concat, Constant, Dense, Reshape


def unlabelled(network: Network) -> Network:
    """With constants that stand beside z gone into the bias of the matrix behind them.

    A matrix of a constant, as an embedding is, and its shape are worked out too. What else a
    constant feeds stays as it is.
    """
    nodes: list[Node] = []
    for node in network.nodes:
        nodes.append(_worked_out(node, nodes))
    whole = replace(network, nodes=tuple(nodes))
    return whole.up_to(len(nodes) - 1)


def _worked_out(node: Node, before: list[Node]) -> Node:
    """The same node with less before it, where a constant is."""
    layer, inputs = node.layer, node.inputs
    if not inputs or inputs[0] < 0 or not isinstance(layer, Dense | Reshape):
        return node
    given = before[inputs[0]]
    if isinstance(given.layer, Constant):
        value = given.layer.value
        made = value.reshape(layer.shape) if isinstance(layer, Reshape) else _made(layer, value)
        return Node(Constant(made), (), node.name)
    if isinstance(layer, Dense) and isinstance(given.layer, Concat):
        return _beside(node, layer, given, before)
    return node


def _beside(node: Node, dense: Dense, concat: Node, before: list[Node]) -> Node:
    """The matrix of one input alone, where all others of a concatenation are constants."""
    values = [before[each].layer if each >= 0 else None for each in concat.inputs]
    known = [value.value for value in values if isinstance(value, Constant)]
    if len(known) != len(values) - 1 or any(value.ndim != 1 for value in known):
        return node
    place = next(n for n, value in enumerate(values) if not isinstance(value, Constant))
    start = sum(len(value) for value in known[:place])
    size = len(dense.weights) - sum(map(len, known))
    own = slice(start, start + size)
    constant = np.concatenate([*known[:place], np.zeros(size), *known[place:]])
    folded = Dense(dense.weights[own], _made(dense, constant).astype(dense.bias.dtype))
    return Node(folded, (concat.inputs[place],), node.name)


def _made(dense: Dense, value: np.ndarray) -> np.ndarray:
    """Summed in float64, so that it costs no more than the last rounding."""
    made = value.astype(np.float64) @ dense.weights + dense.bias
    return np.asarray(made, dense.bias.dtype)
