"""Intermediate tensors of a network that alone decide its picture, and networks that begin there.

The w of a style generator is one. What comes after it is a generator whose latent vector is w; what
comes before it makes w of z.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.graph import LABEL, Network, Node, TracedNetwork, Z
from ganinv_cli.generators.network.layered import LayeredGenerator
from ganinv_cli.generators.network.layers import Move, Reshape, Shape
from ganinv_cli.generators.network.operations import cut_graph
from ganinv_cli.prior import Prior

Key = TypeVar("Key", bound=Hashable)


class Intermediate(NamedTuple):
    """A tensor that decides the picture, together with the label if there is one."""

    name: str
    shape: Shape  # of one row


def list_intermediates(network: Network | TracedNetwork) -> list[Intermediate]:
    """Return the intermediate tensors in order, the dominators of the picture in the graph from z.

    Those that only move values are left out, and those with at least as many as a picture, from
    which they could not be recovered.
    """
    if isinstance(network, TracedNetwork):
        nodes = {each.name: each for each in cut_graph.list_nodes(network)}
        inputs = ((name, each.inputs) for name, each in nodes.items())
        names = find_dominators(inputs, network.z_node)
        found = [Intermediate(name, nodes[name].shape) for name in names if nodes[name].is_offered]
    else:
        numbers = find_dominators(((n, node.inputs) for n, node in enumerate(network.nodes)), Z)
        found = [
            Intermediate(_name_layer(network, number), network.shapes[number])
            for number in numbers
            if not isinstance(network.nodes[number].layer, Move)
        ]
    return [each for each in found if math.prod(each.shape) < math.prod(network.image_shape)]


def find_dominators(nodes: Iterable[tuple[Key, Sequence[Key]]], source: Key) -> list[Key]:
    """Return the nodes, except for the last, through which every path from the source goes.

    Each node comes with its inputs, and after them. The last one is the end of all paths.
    """
    places, last_uses = {source: 0}, {source: 0}
    for place, (node, inputs) in enumerate(nodes, 1):
        reached = [each for each in inputs if each in places]
        if reached:
            places[node] = place
            last_uses |= dict.fromkeys([*reached, node], place)
    found, furthest = [], last_uses[source]
    for node in list(places)[1:-1]:
        if furthest <= places[node]:
            found.append(node)
        furthest = max(furthest, last_uses[node])
    return found


def cut_network(network: Network | TracedNetwork, name: str) -> Network | TracedNetwork:
    """Return the network after an intermediate tensor, which is its latent vector, flat.

    Raises KeyError if `list_intermediates` has no such name.
    """
    shape = dict(list_intermediates(network))[name]
    if isinstance(network, TracedNetwork):
        return cut_graph.cut_graph(network, name, shape)
    cut = _find_layer(network, name)
    places = {Z: Z, LABEL: LABEL, cut: 0}
    nodes = [Node(Reshape(shape), (Z,), name)]
    for number, node in enumerate(network.nodes):
        if number != cut and all(each in places and each != Z for each in node.inputs):
            places[number] = len(nodes)
            nodes.append(node._replace(inputs=tuple(places[each] for each in node.inputs)))
    after = Network(math.prod(shape), tuple(nodes), network.labels).prune_to(len(nodes) - 1)
    takes_label = any(LABEL in node.inputs for node in after.nodes)
    return after if takes_label else Network(after.latent, after.nodes)


def compute_intermediate(
    network: Network | TracedNetwork, name: str, z: np.ndarray, labels: np.ndarray, prior: Prior
) -> np.ndarray:
    """Return an intermediate tensor, flat, of each z (n, latent) and its label (n,) int32."""
    if isinstance(network, TracedNetwork):
        return cut_graph.compute_node(network, name, z, labels)
    before = LayeredGenerator(network.prune_to(_find_layer(network, name)), prior)
    values: np.ndarray = before(tf.constant(z), labels=tf.constant(labels)).numpy()
    return values.reshape(len(z), -1)


def _name_layer(network: Network, number: int) -> str:
    return network.nodes[number].name or f"layer {number + 1}"


def _find_layer(network: Network, name: str) -> int:
    names = [_name_layer(network, number) for number in range(len(network.nodes))]
    return names.index(name)
