"""Fold constants and batch norms: the same generator in fewer layers, as it is run."""

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
    Layer,
    Reshape,
)
from ganinv_cli.network.shapes import Shape, infer_shape

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
    folding = _FoldingPass(network)
    for number in range(len(network.nodes)):
        folding.add_node(number)
    return folding.network


class _FoldingPass:
    """The new network so far, and the new number of each old node."""

    def __init__(self, old: Network) -> None:
        self._old = old
        self._nodes: list[Node] = []
        self._shapes: dict[int, Shape] = {each: old.node_shape(each) for each in (Z, LABEL)}
        self._new_numbers = {Z: Z, LABEL: LABEL}
        self._folded_norms: set[int] = set()  # norms multiplied into the layer before them
        used = [each for node in old.nodes for each in node.inputs]
        self._shared = {number for number in used if used.count(number) > 1}

    def add_node(self, number: int) -> None:
        """Add an old node, folded if possible."""
        layer, inputs, name = self._old.nodes[number]
        new_inputs = [self._new_numbers[each] for each in inputs]
        if isinstance(layer, BatchNorm):
            self._new_numbers[number] = self._fold_norm(layer, number)
        elif isinstance(layer, ConvTranspose) and self._old.node_shape(inputs[0])[:2] == (1, 1):
            shape = self._old.node_shape(number)
            flat = self._append_reshape((layer.weights.shape[3],), new_inputs[0], name)
            dense = self._append(_to_dense(layer, shape), [flat], name)
            self._new_numbers[number] = self._append_reshape(shape, dense, name)
        elif isinstance(layer, Reshape):
            self._new_numbers[number] = self._append_reshape(layer.shape, new_inputs[0], name)
        else:
            self._new_numbers[number] = self._append(layer, new_inputs, name)

    @property
    def network(self) -> Network:
        """The new network, without nodes that its output does not depend on."""
        last = self._new_numbers[len(self._old.nodes) - 1]
        return Network(self._old.latent, tuple(self._nodes), self._old.labels).prune_to(last)

    def _append(self, layer: Layer, inputs: list[int], name: str) -> int:
        number = len(self._nodes)
        self._nodes.append(Node(layer, tuple(inputs), name))
        self._shapes[number] = infer_shape(layer, [self._shapes[each] for each in inputs])
        return number

    def _append_reshape(self, shape: Shape, new_number: int, name: str) -> int:
        """Append a Reshape if the shape differs, in place of an earlier one; return its number."""
        if new_number >= 0 and isinstance(self._nodes[new_number].layer, Reshape):
            (new_number,) = self._nodes[new_number].inputs
        return (
            new_number
            if self._shapes[new_number] == shape
            else self._append(Reshape(shape), [new_number], name)
        )

    def _fold_norm(self, norm: BatchNorm, number: int) -> int:
        """Fold a norm into the linear layer before it, or append an Affine; return its number."""
        input_number, name = self._old.nodes[number].inputs[0], self._old.nodes[number].name
        position = self._find_linear(input_number)
        if position is not None:
            linear = self._nodes[position].layer
            if isinstance(linear, LinearLayer) and len(linear.bias) % len(norm.gamma) == 0:
                self._nodes[position] = self._nodes[position]._replace(
                    layer=_scale_linear(linear, norm)
                )
                self._folded_norms.add(number)
                return self._new_numbers[input_number]
        scale, shift = (each.astype(norm.gamma.dtype) for each in _scale_and_shift(norm))
        return self._append(Affine(scale, shift), [self._new_numbers[input_number]], name)

    def _find_linear(self, number: int) -> int | None:
        """Return the new number of the linear layer that only this norm reads, or None.

        Reshapes, and norms that were folded into the layer, may be between them.
        """
        while number >= 0 and number not in self._shared:
            if isinstance(self._old.nodes[number].layer, LinearLayer):
                new_number = self._new_numbers[number]
                if isinstance(
                    self._nodes[new_number].layer, Reshape
                ):  # the reshape after a matrix from `_to_dense`
                    (new_number,) = self._nodes[new_number].inputs
                return new_number
            if not (
                isinstance(self._old.nodes[number].layer, Reshape) or number in self._folded_norms
            ):
                return None
            (number,) = self._old.nodes[number].inputs
        return None


def _to_dense(layer: ConvTranspose, shape: Shape) -> Dense:
    """Return a transposed convolution of one pixel as a matrix (inputs, all outputs)."""
    (top, bottom), (left, right) = layer.crop
    sides = [(max(-top, 0), max(-bottom, 0)), (max(-left, 0), max(-right, 0)), (0, 0), (0, 0)]
    kernel = np.pad(layer.weights, sides)
    kernel = kernel[max(top, 0) :, max(left, 0) :][: shape[0], : shape[1]]
    weights = kernel.reshape(-1, kernel.shape[3]).T
    return Dense(np.ascontiguousarray(weights), np.tile(layer.bias, shape[0] * shape[1]))


def _scale_linear(linear: LinearLayer, norm: BatchNorm) -> LinearLayer:
    scale, shift = _scale_and_shift(norm)
    copies = len(linear.bias) // len(scale)  # a matrix has one bias per pixel and channel
    scale, shift = np.tile(scale, copies), np.tile(shift, copies)
    weight_scale = scale[:, None] if isinstance(linear, ConvTranspose) else scale
    weights = (linear.weights * weight_scale).astype(linear.weights.dtype)
    return replace(
        linear, weights=weights, bias=(linear.bias * scale + shift).astype(weights.dtype)
    )


def _scale_and_shift(norm: BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift of the norm x * scale + shift, in float64 to avoid rounding errors."""
    scale = norm.gamma / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    return scale, norm.beta - norm.mean * scale
