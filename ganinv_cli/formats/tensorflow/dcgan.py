"""The layers of a DCGAN from its named tensors; all sizes come from their shapes.

z -> g_h0_lin -> map, norm, relu -> g_h1 -> norm, relu -> … -> tanh. In the conditional DCGAN of
carpedm20, as for MNIST, the label is an input of each layer, beside a map at every pixel:
z, label -> g_h0_lin -> norm, relu; label -> g_h1_lin -> norm, relu, map; label -> g_h2 -> norm,
relu; label -> g_h3 -> sigmoid.

An image has the first map's side times the stride of every transposed convolution, which is 2.
(The original code can also cut off the last row and column of a map, for sizes such as 28. The
shapes in the file do not show that.)
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ganinv_cli.formats.interface import MAX_SIDE, MAX_VALUES, MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.tensorflow.dcgan_names import BatchNormNames, GeneratorNames
from ganinv_cli.formats.weights import overrides
from ganinv_cli.network.convention import Convention
from ganinv_cli.network.folding import add_label_input
from ganinv_cli.network.graph import LABEL, Network, Node, Z
from ganinv_cli.network.layers import (
    Activation,
    BatchNorm,
    Concat,
    Constant,
    Dense,
    Layer,
    Multiply,
    Reshape,
    same_conv_transpose,
)
from ganinv_cli.prior import format_number
from ganinv_cli.settings.conventions import Conventions

DEFAULT_STRIDE = 2
DEFAULT_EPSILON = 1e-5  # of batch norms
MAX_LABELS = 1000

Shapes = Mapping[str, tuple[int, ...]]


class Tensors(Protocol):
    """Named arrays whose shapes are known before they are read."""

    @property
    def shapes(self) -> Shapes: ...

    def __getitem__(self, name: str) -> np.ndarray: ...


def build_network(tensors: Tensors, names: GeneratorNames, conventions: Conventions) -> Network:
    """Return the network from z, and a label, to the image; all shapes are checked first.

    Relu, strides of 2 and tanh (sigmoid with a label), unless the conventions say otherwise. Raises
    UnreadableError.
    """
    strides, epsilons = _choose_strides_and_epsilons(names, conventions)
    places = len(names.denses) + len(names.convolutions) - 1
    hidden = _choose_activations(conventions, places)
    end = overrides.choose_output_activation(conventions)
    labels, side, channels = _check_shapes(tensors.shapes, names, strides)
    inputs = tensors.shapes[names.dense.weights][0]
    labels_behind_z = 0 if labels else overrides.count_labels(conventions, inputs)
    if labels and conventions.labels not in (-1, labels):
        raise UnreadableError(f"takes {labels} labels by its shapes; leave --labels out")
    graph = _GraphBuilder(labels)

    def add_norm(norm: BatchNormNames | None) -> None:
        if norm:
            graph.add(_read_batch_norm(tensors, norm, epsilons.pop(0)), norm.gamma)

    denses, norms = names.denses, names.norms
    for dense, norm in zip(denses, norms, strict=False):
        graph.concat_label()
        graph.add(Dense(tensors[dense.weights], tensors[dense.bias]), dense.weights)
        if not labels:
            graph.add(Reshape((side, side, channels)))
        add_norm(norm)
        graph.add(hidden.pop(0))
    if labels:
        graph.add(Reshape((side, side, channels)))
    for linear, norm, stride in zip(names.convolutions, norms[len(denses) :], strides, strict=True):
        graph.concat_label(side)
        weights, bias = tensors[linear.weights], tensors[linear.bias]
        graph.add(same_conv_transpose(weights, bias, stride), linear.weights)
        side *= stride
        add_norm(norm)
        if linear is not names.convolutions[-1]:
            graph.add(hidden.pop(0))
    if end:
        graph.add(Activation("sigmoid") if labels and not conventions.range else end)
    whole = Network(inputs - labels, tuple(graph.nodes), labels)
    return add_label_input(whole, labels_behind_z) if labels_behind_z else whole


def list_conventions(names: GeneratorNames, conventions: Conventions) -> tuple[Convention, ...]:
    """Return the conventions, each given or assumed as in carpedm20's program."""
    strides, epsilons = _choose_strides_and_epsilons(names, conventions)
    linears = [each.weights.rpartition("/")[0] for each in (*names.denses, *names.convolutions)]
    activations = overrides.split_activations(conventions.activation) or ["relu"]
    values = {
        "activation": activations * ((len(linears) - 1) // len(activations)),
        "strides": list(map(str, strides)),
        "epsilon": list(map(format_number, epsilons)),
    }
    layers = {
        "activation": linears,
        "strides": linears[len(names.denses) :],
        "epsilon": [norm.gamma.rpartition("/")[0] for norm in names.norms if norm],
    }
    return tuple(
        Convention(name, layer, value, "given" if conventions.is_given(name) else "assumed")
        for name in values
        for layer, value in zip(layers[name], values[name], strict=False)
    )


class _GraphBuilder:
    """Builds a chain of layers, some of which also take the label if there is one."""

    def __init__(self, labels: int) -> None:
        self.nodes: list[Node] = []
        self._labels = labels
        self._last = Z

    def add(self, layer: Layer | None, name: str = "") -> None:
        """Add a layer, if there is one, after the last one."""
        if layer:
            self._last = self._add_node(layer, (self._last,), name)

    def concat_label(self, side: int = 0) -> None:
        """Append the label to the last output, at each pixel if it is a map of this side."""
        if not self._labels:
            return
        label = LABEL
        if side:
            pixel = self._add_node(Reshape((1, 1, self._labels)), (LABEL,))
            ones = self._add_node(Constant(np.ones((side, side, 1), np.float32)), ())
            label = self._add_node(Multiply(), (pixel, ones))
        self._last = self._add_node(Concat(), (self._last, label))

    def _add_node(self, layer: Layer, inputs: tuple[int, ...], name: str = "") -> int:
        self.nodes.append(Node(layer, inputs, name.rpartition("/")[0]))
        return len(self.nodes) - 1


def _choose_activations(conventions: Conventions, count: int) -> list[Activation | None]:
    """Return an activation per place between layers. Raises UnreadableError."""
    texts = overrides.split_activations(conventions.activation) or ["relu"]
    if len(texts) not in (1, count):
        raise UnreadableError(
            f"not with the activation {','.join(texts)[:80]}; expected one, or {count}, one for "
            "each place between its layers"
        )
    return [overrides.parse_activation(text) for text in texts * (count // len(texts))]


def _choose_strides_and_epsilons(
    names: GeneratorNames, conventions: Conventions
) -> tuple[list[int], list[float]]:
    """Return a stride per convolution and an epsilon per norm. Raises UnreadableError."""
    for name in ("norm", "upsampling"):
        if conventions.is_given(name):
            raise UnreadableError(
                f"is a TensorFlow 1 DCGAN, which has no choice of {name}; leave --{name} out"
            )
    if conventions.padding:
        raise UnreadableError(
            "is a TensorFlow 1 DCGAN, whose convolutions pad as TensorFlow's SAME does; leave "
            "--padding out"
        )
    count = len(names.convolutions)
    norms = sum(norm is not None for norm in names.norms)
    strides = overrides.check_strides(conventions, count) or [DEFAULT_STRIDE] * count
    return strides, overrides.check_epsilons(conventions, norms) or [DEFAULT_EPSILON] * norms


def _check_shapes(
    shapes: Shapes, names: GeneratorNames, strides: Sequence[int]
) -> tuple[int, int, int]:
    """Check each tensor against the layer before it, from z to the image.

    Return the number of labels that each layer takes, and side and channels of the first map.
    """
    denses, kernel = names.denses, names.convolutions[0].weights
    for dense in denses:
        _check_rank(shapes, dense.weights, "inputs", "outputs")
    _check_rank(shapes, kernel, "height", "width", "outputs", "inputs")
    labels = _count_labels(shapes, denses[0].weights, denses[1].weights) if denses[1:] else 0
    previous, first_channels = denses[-1].weights, shapes[kernel][3] - labels
    first_side = _infer_square_side(shapes, previous, kernel, first_channels)
    _check_weight_count(shapes, names)
    _check_map(shapes, previous, first_side, first_channels)
    for dense, norm in zip(denses, names.norms, strict=False):
        outputs = shapes[dense.weights][1]
        _check_vectors(shapes, (dense.bias,), outputs, dense.weights)
        _check_vectors(shapes, norm or (), outputs if labels else first_channels, dense.weights)
    side, channels, norms = first_side, first_channels, names.norms[len(denses) :]
    for linear, norm, stride in zip(names.convolutions, norms, strides, strict=True):
        _check_rank(shapes, linear.weights, "height", "width", "outputs", "inputs")
        if shapes[linear.weights][3] != channels + labels:
            raise _misfit_error(shapes, linear.weights, previous)
        previous, channels, side = linear.weights, shapes[linear.weights][2], side * stride
        _check_map(shapes, previous, side, channels)
        _check_vectors(shapes, (linear.bias, *(norm or ())), channels, previous)
    if channels not in (1, 3):
        raise UnreadableError(
            f"{_describe_tensor(shapes, previous)} makes images of {channels} channels; expected 1 "
            "(grey) or 3 (colour); use such a generator"
        )
    return labels, first_side, first_channels


def _count_labels(shapes: Shapes, first: str, second: str) -> int:
    """Return how many inputs of the second dense layer are not outputs of the first."""
    labels = shapes[second][0] - shapes[first][1]
    if not 0 < labels <= min(MAX_LABELS, shapes[first][0] - 1):
        raise UnreadableError(
            f"{_describe_tensor(shapes, second)} takes what {_describe_tensor(shapes, first)} "
            f"makes and {labels} values of a label; expected 1 to {MAX_LABELS}, and fewer than go "
            "into the first layer; the checkpoint is damaged or not a conditional DCGAN's"
        )
    return labels


def _infer_square_side(shapes: Shapes, matrix: str, kernel: str, channels: int) -> int:
    """Return the side of the first map. Raises UnreadableError."""
    outputs = shapes[matrix][1]
    if channels < 1 or outputs % channels:
        raise _misfit_error(shapes, kernel, matrix)
    side = math.isqrt(outputs // channels)
    if side * side * channels != outputs:
        raise UnreadableError(
            f"{_describe_tensor(shapes, matrix)} makes {outputs // channels} places of {channels} "
            "channels, which is not a square map (as 16 places are 4 x 4); use a generator of "
            "square images"
        )
    return side


def _check_weight_count(shapes: Shapes, names: GeneratorNames) -> None:
    total = sum(math.prod(shapes[name]) for name in names.list_names())
    if total > MAX_WEIGHTS:
        raise UnreadableError(
            f"holds a generator of {total:,} weights, but at most {MAX_WEIGHTS:,} were expected; "
            "is it a DCGAN?"
        )


def _check_map(shapes: Shapes, previous: str, side: int, channels: int) -> None:
    if side > MAX_SIDE or side * side * channels > MAX_VALUES:
        raise UnreadableError(
            f"{_describe_tensor(shapes, previous)} makes a map of {side} x {side} x {channels}; "
            f"expected at most {MAX_SIDE} pixels a side and {MAX_VALUES:,} values; is it a DCGAN?"
        )


def _check_rank(shapes: Shapes, name: str, *axes: str) -> None:
    """Raise UnreadableError if a tensor does not have these axes."""
    if len(shapes[name]) != len(axes) or min(shapes[name]) < 1:
        raise UnreadableError(
            f"{_describe_tensor(shapes, name)} is not ({', '.join(axes)}), each at least 1; "
            "the checkpoint is damaged or not a plain DCGAN's"
        )


def _check_vectors(shapes: Shapes, names: Sequence[str], length: int, previous: str) -> None:
    """Raise UnreadableError if a tensor is not a vector of this length."""
    for name in names:
        if shapes[name] != (length,):
            raise _misfit_error(shapes, name, previous)


def _misfit_error(shapes: Shapes, name: str, previous: str) -> UnreadableError:
    return UnreadableError(
        f"{_describe_tensor(shapes, name)} does not fit {_describe_tensor(shapes, previous)}; "
        "the checkpoint is damaged or not a plain DCGAN's"
    )


def _describe_tensor(shapes: Shapes, name: str) -> str:
    return f"{name} {list(shapes[name])}"


def _read_batch_norm(tensors: Tensors, norm: BatchNormNames, epsilon: float) -> BatchNorm:
    """Return a batch norm. Raises UnreadableError for a negative variance."""
    gamma, beta, mean, variance = (tensors[name] for name in norm)
    if variance.min() < 0:
        raise UnreadableError(
            f"{norm.variance} holds {variance.min():g}, but a variance is at least 0; "
            "use another checkpoint of the run"
        )
    return BatchNorm(gamma, beta, mean, variance, epsilon)
