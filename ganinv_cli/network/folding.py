"""The same generator in fewer layers, as it is run."""

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
from ganinv_cli.network.shapes import Shape, made

Linear = Dense | ConvTranspose | Conv


def labelled(network: Network, label: int) -> Network:
    """The generator of one label alone, which then asks for none."""
    one_hot = np.zeros(network.labels, np.float32)
    one_hot[label] = 1
    nodes = [Node(Constant(one_hot), (), "label")]
    for node in network.nodes:
        inputs = (0 if each == LABEL else each + (each >= 0) for each in node.inputs)
        nodes.append(node._replace(inputs=tuple(inputs)))
    return Network(network.latent, tuple(nodes))


def beside_label(network: Network, labels: int) -> Network:
    """The generator that takes a label in the last of its inputs, as one-hot behind z."""
    nodes = [Node(Concat(), (Z, LABEL), "z and label")]
    for node in network.nodes:
        nodes.append(node._replace(inputs=tuple(each + 1 for each in node.inputs)))
    return Network(network.latent - labels, tuple(nodes), labels)


def folded(network: Network) -> Network:
    """With moving statistics, and whatever is known beforehand worked out.

    A batch norm is multiplied into the linear layer before it, if only a Reshape stands between the
    two; elsewhere it becomes an Affine layer. A transposed convolution of a single place, as
    PyTorch's first one is, becomes a matrix; reshapes that come to nothing go.
    """
    fold = _Fold(network)
    for number in range(len(network.nodes)):
        fold.take(number)
    return fold.network


class _Fold:
    """The network so far; which of its nodes stands for each of the old one's."""

    def __init__(self, old: Network) -> None:
        self._old = old
        self._nodes: list[Node] = []
        self._shapes: dict[int, Shape] = {each: old.shape(each) for each in (Z, LABEL)}
        self._now = {Z: Z, LABEL: LABEL}
        self._into_linear: set[int] = set()  # the norms that have gone into the layer before them
        used = [each for node in old.nodes for each in node.inputs]
        self._shared = {number for number in used if used.count(number) > 1}

    def take(self, number: int) -> None:
        """Add an old node, or what it amounts to."""
        layer, inputs, name = self._old.nodes[number]
        now = [self._now[each] for each in inputs]
        if isinstance(layer, BatchNorm):
            self._now[number] = self._norm(layer, number)
        elif isinstance(layer, ConvTranspose) and self._old.shape(inputs[0])[:2] == (1, 1):
            shape = self._old.shape(number)
            flat = self._reshape((layer.weights.shape[3],), now[0], name)
            dense = self._add(_matrix(layer, shape), [flat], name)
            self._now[number] = self._reshape(shape, dense, name)
        elif isinstance(layer, Reshape):
            self._now[number] = self._reshape(layer.shape, now[0], name)
        else:
            self._now[number] = self._add(layer, now, name)

    @property
    def network(self) -> Network:
        """Of the nodes that the last old one needs."""
        last = self._now[len(self._old.nodes) - 1]
        return Network(self._old.latent, tuple(self._nodes), self._old.labels).up_to(last)

    def _add(self, layer: Layer, now: list[int], name: str) -> int:
        number = len(self._nodes)
        self._nodes.append(Node(layer, tuple(now), name))
        self._shapes[number] = made(layer, [self._shapes[each] for each in now])
        return number

    def _reshape(self, shape: Shape, now: int, name: str) -> int:
        """Of what was there before any reshape; nothing, where that is its shape."""
        if now >= 0 and isinstance(self._nodes[now].layer, Reshape):
            (now,) = self._nodes[now].inputs
        return now if self._shapes[now] == shape else self._add(Reshape(shape), [now], name)

    def _norm(self, norm: BatchNorm, number: int) -> int:
        """Folded into the linear layer before it, or else by itself."""
        given, name = self._old.nodes[number].inputs[0], self._old.nodes[number].name
        place = self._linear(given)
        if place is not None:
            linear = self._nodes[place].layer
            if isinstance(linear, Linear) and len(linear.bias) % len(norm.gamma) == 0:
                self._nodes[place] = self._nodes[place]._replace(layer=_scaled(linear, norm))
                self._into_linear.add(number)
                return self._now[given]
        scale, shift = (each.astype(norm.gamma.dtype) for each in _scale(norm))
        return self._add(Affine(scale, shift), [self._now[given]], name)

    def _linear(self, given: int) -> int | None:
        """The new node of the linear layer that a norm alone reads, if only reshapes lie between.

        Norms that went into it count as nothing.
        """
        while given >= 0 and given not in self._shared:
            if isinstance(self._old.nodes[given].layer, Linear):
                now = self._now[given]
                if isinstance(self._nodes[now].layer, Reshape):  # that of a matrix for one place
                    (now,) = self._nodes[now].inputs
                return now
            if not (
                isinstance(self._old.nodes[given].layer, Reshape) or given in self._into_linear
            ):
                return None
            (given,) = self._old.nodes[given].inputs
        return None


def _matrix(layer: ConvTranspose, shape: Shape) -> Dense:
    """(inputs, height * width * outputs) of a transposed convolution that sees one place."""
    (top, bottom), (left, right) = layer.crop
    sides = [(max(-top, 0), max(-bottom, 0)), (max(-left, 0), max(-right, 0)), (0, 0), (0, 0)]
    kernel = np.pad(layer.weights, sides)
    kernel = kernel[max(top, 0) :, max(left, 0) :][: shape[0], : shape[1]]
    weights = kernel.reshape(-1, kernel.shape[3]).T
    return Dense(np.ascontiguousarray(weights), np.tile(layer.bias, shape[0] * shape[1]))


def _scaled(linear: Linear, norm: BatchNorm) -> Linear:
    scale, shift = _scale(norm)
    copies = len(linear.bias) // len(scale)  # a matrix makes all places of a map
    scale, shift = np.tile(scale, copies), np.tile(shift, copies)
    along = scale[:, None] if isinstance(linear, ConvTranspose) else scale
    weights = (linear.weights * along).astype(linear.weights.dtype)
    return replace(
        linear, weights=weights, bias=(linear.bias * scale + shift).astype(weights.dtype)
    )


def _scale(norm: BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """x * scale + shift, in float64, so that folding costs no more than the last rounding."""
    scale = norm.gamma / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    return scale, norm.beta - norm.mean * scale
