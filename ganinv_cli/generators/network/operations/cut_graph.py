"""The graph of a traced network, cut at one of its nodes."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.operations.allowed import MOVES, list_names
from ganinv_cli.generators.network.operations.copy_graph import GraphReplay
from ganinv_cli.generators.network.operations.evaluate import import_graph
from ganinv_cli.generators.network.operations.trace_network import BATCH, trace_network

_SIZES = list_names("OnesLike Rank Shape ShapeN Size ZerosLike")  # follow from the shape of z alone


class GraphNode(NamedTuple):
    """An operation whose values may depend on z."""

    name: str
    inputs: list[str]  # names of nodes
    shape: tuple[int, ...]  # of its first output, for one row
    is_offered: bool  # as a latent vector: whether it computes floats, in one output


def list_nodes(network: TracedNetwork) -> list[GraphNode]:
    """Return the operations of a network, each after its inputs."""
    graph = import_graph(_read(network), (network.z_node, network.label_node), BATCH)
    return [
        GraphNode(
            each.name,
            [tensor.op.name for tensor in each.inputs],
            tuple(each.outputs[0].shape.as_list()[1:]) if each.outputs[0].shape.rank else (),
            each.type not in MOVES and _makes_floats(each.outputs),
        )
        for each in graph.get_operations()
        if each.outputs and each.type not in _SIZES
    ]


def cut_graph(network: TracedNetwork, name: str, shape: tuple[int, ...]) -> TracedNetwork:
    """Return the network of what comes after a node of this shape; its latent vector is flat."""
    is_labelled = bool(network.label_node) and network.label_node in _list_needed(network, name)

    def render(values: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        # operations on the shape of z alone may follow the node
        z = tf.zeros([tf.shape(values)[0], network.latent])
        replay = _make_replay(network, z, labels)
        replay.set_value(name, tf.reshape(values, [-1, *shape]))
        return replay.evaluate(network.output)

    labels = network.labels if is_labelled else 0
    traced = trace_network(render, math.prod(shape), labels, is_labelled=is_labelled)
    return replace(traced, latent_shape=shape, pixel_range=network.pixel_range)


def compute_node(
    network: TracedNetwork, name: str, z: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Return the first output of a node, flat, of each z (n, latent) and its label (n,)."""

    @tf.function(autograph=False)
    def compute(z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return _make_replay(network, z, labels).evaluate(f"{name}:0")

    values: np.ndarray = compute(tf.constant(z), tf.constant(labels)).numpy()
    return values.reshape(len(z), -1)


def _read(network: TracedNetwork) -> Any:
    return tf.compat.v1.GraphDef.FromString(network.graph)


def _makes_floats(outputs: list[tf.Tensor]) -> bool:
    first, *others = outputs
    has_rows = first.shape.is_fully_defined() and first.shape.rank > 1 and first.shape[0] == BATCH
    return first.dtype == tf.float32 and has_rows and not any(each.consumers() for each in others)


def _list_needed(network: TracedNetwork, cut: str) -> set[str]:
    """Return the names of the nodes that the picture needs beside a node."""
    needed = {network.output.partition(":")[0]}
    for node in reversed(_read(network).node):  # each after its inputs
        if node.name in needed and node.name != cut:
            needed.update(each.lstrip("^").partition(":")[0] for each in node.input)
    return needed


def _make_replay(network: TracedNetwork, z: tf.Tensor, labels: tf.Tensor | None) -> GraphReplay:
    with tf.init_scope():
        weights = {name: tf.constant(array) for name, array in network.arrays.items()}
    inputs = {**weights, network.label_node: labels, network.z_node: z}
    return GraphReplay(_read(network), inputs, rows=BATCH)
