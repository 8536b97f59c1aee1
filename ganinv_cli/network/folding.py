"""Fold constants and batch norms: the same generator in fewer layers, as it is run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ganinv_cli.network.graph import LABEL, Network, Node, Z
from ganinv_cli.network.layers import (
    Affine,
    BatchNorm,
    Concat,
    Constant,
    Conv,
    ConvTranspose,
    Dense,
    Reshape,
)
from ganinv_cli.network.shapes import Shape

LinearLayer = Dense | ConvTranspose | Conv


def fix_label(network: Network, label: int) -> Network:
    """Return an unconditional network: the given one with its label fixed."""
    one_hot = np.zeros(network.labels, np.float32)
    one_hot[label] = 1
    nodes = [Node(Constant(one_hot), (), "label")]
    for node in network.nodes:
        inputs = (0 if each == LABEL else each + (each >= 0) for each in node.inputs)
        nodes.append(node._replace(inputs=tuple(inputs)))
    return Network(network.latent, tuple(nodes))


def add_label_input(network: Network, labels: int) -> Network:
    """Return a conditional network from one whose last inputs are the one-hot label."""
    nodes = [Node(Concat(), (Z, LABEL), "z and label")]
    for node in network.nodes:
        nodes.append(node._replace(inputs=tuple(each + 1 for each in node.inputs)))
    return Network(network.latent - labels, tuple(nodes), labels)


def fold_layers(network: Network) -> Network:
    """Return the network with its batch norms, by moving statistics, folded into other layers.

    A batch norm is multiplied into the linear layer before it if only Reshapes are between them;
    else it becomes an Affine layer. A transposed convolution of a single pixel, as the first one of
    a PyTorch DCGAN, becomes a matrix. Reshapes without effect are removed.
    """
    whole = _replace_single_pixels(network)
    nodes = list(whole.nodes)
    readers = Counter(each for node in nodes for each in node.inputs)
    for number, (norm, inputs, name) in enumerate(nodes):
        if not isinstance(norm, BatchNorm):
            continue
        scale, shift = _scale_and_shift(norm)
        place = _find_linear(nodes, readers, inputs[0])
        linear = nodes[place].layer if place >= 0 and readers[place] == 1 else None
        if isinstance(linear, LinearLayer) and len(linear.bias) % len(scale) == 0:
            nodes[place] = nodes[place]._replace(layer=_scale_linear(linear, scale, shift))
            nodes[number] = Node(Reshape(whole.shapes[number]), inputs, name)  # without effect
        else:
            affine = Affine(scale.astype(norm.gamma.dtype), shift.astype(norm.gamma.dtype))
            nodes[number] = Node(affine, inputs, name)
    return _drop_reshapes(replace(whole, nodes=tuple(nodes)))


def _replace_single_pixels(network: Network) -> Network:
    """Return the network with each transposed convolution of a single pixel as a matrix."""
    nodes: list[Node] = []
    numbers = {Z: Z, LABEL: LABEL}  # in the new network
    for number, (layer, old_inputs, name) in enumerate(network.nodes):
        inputs = tuple(numbers[each] for each in old_inputs)
        if isinstance(layer, ConvTranspose) and network.node_shape(old_inputs[0])[:2] == (1, 1):
            shape = network.shapes[number]
            nodes.append(Node(Reshape((layer.weights.shape[3],)), inputs, name))
            nodes.append(Node(_to_dense(layer, shape), (len(nodes) - 1,), name))
            layer, inputs = Reshape(shape), (len(nodes) - 1,)
        nodes.append(Node(layer, inputs, name))
        numbers[number] = len(nodes) - 1
    return replace(network, nodes=tuple(nodes))


def _find_linear(nodes: Sequence[Node], readers: Mapping[int, int], number: int) -> int:
    """Return the first node before a norm that is no Reshape, or that others read too."""
    while number >= 0 and readers[number] == 1 and isinstance(nodes[number].layer, Reshape):
        (number,) = nodes[number].inputs
    return number


def _drop_reshapes(network: Network) -> Network:
    """Return the network without Reshapes that have no effect or precede another."""
    nodes: list[Node] = []
    same: dict[int, int] = {}  # the node that has the values of a Reshape without effect
    for number, (layer, old_inputs, name) in enumerate(network.nodes):
        inputs = tuple(same.get(each, each) for each in old_inputs)
        if isinstance(layer, Reshape):
            if inputs[0] >= 0 and isinstance(nodes[inputs[0]].layer, Reshape):
                inputs = nodes[inputs[0]].inputs
            if network.node_shape(inputs[0]) == layer.shape:
                same[number] = inputs[0]
        nodes.append(Node(layer, inputs, name))
    last = len(nodes) - 1
    return replace(network, nodes=tuple(nodes)).prune_to(same.get(last, last))


def _to_dense(layer: ConvTranspose, shape: Shape) -> Dense:
    """Return a transposed convolution of one pixel as a matrix (inputs, all outputs)."""
    (top, bottom), (left, right) = layer.crop
    sides = [(max(-top, 0), max(-bottom, 0)), (max(-left, 0), max(-right, 0)), (0, 0), (0, 0)]
    kernel = np.pad(layer.weights, sides)
    kernel = kernel[max(top, 0) :, max(left, 0) :][: shape[0], : shape[1]]
    weights = kernel.reshape(-1, kernel.shape[3]).T
    return Dense(np.ascontiguousarray(weights), np.tile(layer.bias, shape[0] * shape[1]))


def _scale_linear(linear: LinearLayer, scale: np.ndarray, shift: np.ndarray) -> LinearLayer:
    copies = len(linear.bias) // len(scale)  # a matrix has one bias per pixel and channel
    scale, shift = np.tile(scale, copies), np.tile(shift, copies)
    weight_scale = scale[:, None] if isinstance(linear, ConvTranspose) else scale
    weights = (linear.weights * weight_scale).astype(linear.weights.dtype)
    bias = (linear.bias * scale + shift).astype(weights.dtype)
    return replace(linear, weights=weights, bias=bias)


def _scale_and_shift(norm: BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift of the norm x * scale + shift, in float64 to avoid rounding errors."""
    scale = norm.gamma / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    return scale, norm.beta - norm.mean * scale
