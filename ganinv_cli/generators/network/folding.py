"""Fold constants and batch norms: the same generator in fewer layers, as it is run."""

from collections import Counter
from dataclasses import replace

import numpy as np

from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.graph import LABEL, Network, Node, Z
from ganinv_cli.generators.network.layers import Layer, LinearLayer, Shape, infer_shape


def fix_label(network: Network, label: int) -> Network:
    """Return an unconditional network: the given one with its label fixed."""
    one_hot = np.zeros(network.labels, np.float32)
    one_hot[label] = 1
    nodes = [Node(kinds.Constant(one_hot), (), "label")]
    for node in network.nodes:
        inputs = (0 if each == LABEL else each + (each >= 0) for each in node.inputs)
        nodes.append(node._replace(inputs=tuple(inputs)))
    return Network(network.latent, tuple(nodes))


def add_label_input(network: Network, labels: int) -> Network:
    """Return a conditional network from one whose last inputs are the one-hot label."""
    nodes = [Node(kinds.Concat(), (Z, LABEL), "z and label")]
    for node in network.nodes:
        nodes.append(node._replace(inputs=tuple(each + 1 for each in node.inputs)))
    return Network(network.latent - labels, tuple(nodes), labels)


def fold_layers(network: Network) -> Network:
    """Return the network with its batch norms, by moving statistics, folded into other layers.

    A batch norm is multiplied into the linear layer before it if only Reshapes are between them;
    else it becomes an Affine layer. A transposed convolution of a single pixel, as the first one of
    a PyTorch DCGAN, becomes a matrix. Reshapes without effect are removed.
    """
    readers = Counter(each for node in network.nodes for each in node.inputs)
    nodes: list[Node] = []
    shapes: dict[int, Shape] = {Z: (network.latent,), LABEL: (network.labels,)}  # of new nodes
    places = {Z: Z, LABEL: LABEL}  # node -> new node with its values
    linear: dict[int, int] = {}  # node -> new linear layer whose values it alone holds

    def add(layer: Layer, inputs: tuple[int, ...], name: str) -> int:
        """Return the new node of a layer, or of its input if it is a Reshape without effect."""
        if isinstance(layer, kinds.Reshape):
            if inputs[0] >= 0 and isinstance(nodes[inputs[0]].layer, kinds.Reshape):
                inputs = nodes[inputs[0]].inputs
            if shapes[inputs[0]] == layer.shape:
                return inputs[0]
        place = len(nodes)
        shapes[place] = infer_shape(layer, [shapes[each] for each in inputs])
        nodes.append(Node(layer, inputs, name))
        return place

    for number, (layer, old_inputs, name) in enumerate(network.nodes):
        inputs = tuple(places[each] for each in old_inputs)
        source = old_inputs[0] if old_inputs else LABEL
        holder = linear.get(source, LABEL) if readers[source] == 1 else LABEL
        if isinstance(layer, kinds.BatchNorm):
            scale, shift = _scale_and_shift(layer)
            before = nodes[holder].layer if holder >= 0 else None
            if isinstance(before, LinearLayer) and len(before.bias) % len(scale) == 0:
                nodes[holder] = nodes[holder]._replace(layer=_scale_linear(before, scale, shift))
                places[number], linear[number] = inputs[0], holder
                continue
            layer = kinds.Affine(scale.astype(layer.gamma.dtype), shift.astype(layer.gamma.dtype))
        elif isinstance(layer, kinds.ConvTranspose) and network.node_shape(source)[:2] == (1, 1):
            pixel = add(kinds.Reshape((layer.weights.shape[3],)), inputs, name)
            holder = add(_to_dense(layer, network.shapes[number]), (pixel,), name)
            layer, inputs = kinds.Reshape(network.shapes[number]), (holder,)
        places[number] = add(layer, inputs, name)
        if isinstance(layer, LinearLayer | kinds.Reshape):
            linear[number] = holder if isinstance(layer, kinds.Reshape) else places[number]
    return replace(network, nodes=tuple(nodes)).prune_to(places[len(network.nodes) - 1])


def _to_dense(layer: kinds.ConvTranspose, shape: Shape) -> kinds.Dense:
    """Return a transposed convolution of one pixel as a matrix (inputs, all outputs)."""
    (top, bottom), (left, right) = layer.crop
    sides = [(max(-top, 0), max(-bottom, 0)), (max(-left, 0), max(-right, 0)), (0, 0), (0, 0)]
    kernel = np.pad(layer.weights, sides)
    kernel = kernel[max(top, 0) :, max(left, 0) :][: shape[0], : shape[1]]
    weights = kernel.reshape(-1, kernel.shape[3]).T
    return kinds.Dense(np.ascontiguousarray(weights), np.tile(layer.bias, shape[0] * shape[1]))


def _scale_linear(linear: LinearLayer, scale: np.ndarray, shift: np.ndarray) -> LinearLayer:
    copies = len(linear.bias) // len(scale)  # a matrix has one bias per pixel and channel
    scale, shift = np.tile(scale, copies), np.tile(shift, copies)
    weight_scale = scale[:, None] if isinstance(linear, kinds.ConvTranspose) else scale
    with np.errstate(all="ignore"):  # weights that overflow make pictures that are not finite
        weights = (linear.weights * weight_scale).astype(linear.weights.dtype)
        bias = (linear.bias * scale + shift).astype(weights.dtype)
    return replace(linear, weights=weights, bias=bias)


def _scale_and_shift(norm: kinds.BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift of the norm x * scale + shift, in float64 to avoid rounding errors."""
    with np.errstate(all="ignore"):
        scale = norm.gamma / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
        return scale, norm.beta - norm.mean * scale
