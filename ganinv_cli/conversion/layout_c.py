"""A network as the arrays of a DCGAN in layout C, where it is one.

Dense, a square map, and for each transposed convolution of stride 2 a relu before it; tanh at the
end. Batch norms stay where layout C has a place for them; else they are folded. A label that is
fixed goes into the bias of the matrix.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ganinv_cli.conversion.labels import unlabelled
from ganinv_cli.conversion.unwritable import UnwritableError, layer
from ganinv_cli.network.folding import folded
from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import (
    Activation,
    Affine,
    BatchNorm,
    ConvTranspose,
    Dense,
    Layer,
    Pair,
    Reshape,
)

PREFIX = "generator/"
EPSILON = 1e-5  # of every batch norm in layout C
STRIDE = 2
CALLED = "a TensorFlow 1 checkpoint with the names of carpedm20's DCGAN"
FORM = "dense, then 'relu, transposed convolution of stride 2' to a tanh"

Arrays = dict[str, np.ndarray]
Kind = TypeVar("Kind", bound=Layer)


def arrays(network: Network) -> Arrays:
    """By the names of layout C. Raises UnwritableError, which names the layer in the way."""
    if network.labels:
        raise UnwritableError(
            f"asks for a label, for which {CALLED} has no place ({FORM}); name one with --label, "
            "or convert to .keras"
        )
    network = unlabelled(network)
    try:
        return _Walk(network).arrays()
    except UnwritableError:
        return _Walk(_halved(folded(network))).arrays()


class _Walk:
    """Along the layers, which must come in one order."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._at = 0
        self._arrays: Arrays = {}

    def arrays(self) -> Arrays:
        """Raises UnwritableError."""
        self._check_chained()
        self._keep("g_h0_lin", self._next(Dense, "a matrix"), "Matrix", "bias")
        shape = self._next(Reshape, "a reshape to a square map").shape
        if len(shape) != 3 or shape[0] != shape[1]:
            raise self._refused("a square map", back=1)
        self._norm(0)
        number = 0
        while not self._is_last("tanh"):
            self._relu()
            number += 1
            convolution = self._next(ConvTranspose, "a transposed convolution of stride 2 or tanh")
            self._keep(f"g_h{number}", self._same(convolution), "w", "biases")
            self._norm(number)
        if not number:
            raise self._refused("a transposed convolution of stride 2")
        return self._arrays

    def _check_chained(self) -> None:
        for number, node in enumerate(self._network.nodes):
            if node.inputs != (number - 1,):
                raise UnwritableError(
                    f"{layer(self._network, number)} does not simply follow the layer before it, "
                    f"as all do in {CALLED} ({FORM}); convert to .keras"
                )

    def _peek(self) -> Layer | None:
        nodes = self._network.nodes
        return nodes[self._at].layer if self._at < len(nodes) else None

    def _next(self, kind: type[Kind], wanted: str) -> Kind:
        found = self._peek()
        if not isinstance(found, kind):
            raise self._refused(wanted)
        self._at += 1
        return found

    def _is_last(self, name: str) -> bool:
        end = self._at == len(self._network.nodes) - 1
        return end and self._peek() == Activation(name)

    def _relu(self) -> None:
        found = self._peek()
        same = isinstance(found, Activation) and found in _RELU
        if not same:
            raise self._refused("relu alone between layers, and tanh at the end")
        self._at += 1

    def _norm(self, number: int) -> None:
        found = self._peek()
        if not isinstance(found, BatchNorm):
            return
        if found.epsilon != EPSILON:
            raise self._refused(f"batch norms with epsilon {EPSILON:g} alone")
        self._at += 1
        name = f"{PREFIX}g_bn{number}"
        self._arrays |= {
            f"{name}/gamma": found.gamma,
            f"{name}/beta": found.beta,
            f"{name}/moving_mean": found.mean,
            f"{name}/moving_variance": found.variance,
        }

    def _keep(self, name: str, found: Dense | ConvTranspose, weights: str, bias: str) -> None:
        self._arrays |= {
            f"{PREFIX}{name}/{weights}": found.weights,
            f"{PREFIX}{name}/{bias}": found.bias,
        }

    def _same(self, convolution: ConvTranspose) -> ConvTranspose:
        if convolution.stride != (STRIDE, STRIDE):
            raise self._refused("a stride of 2 alone", back=1)
        if convolution.same:
            return convolution
        sides = zip(convolution.weights.shape[:2], convolution.crop, strict=True)
        around = [_around(size, crop) for size, crop in sides]
        if None in around:
            raise self._refused("maps that double their sides", back=1)
        padded = np.pad(convolution.weights, [*filter(None, around), (0, 0), (0, 0)])
        crop = [
            (before + zeros[0], behind + zeros[1])
            for (before, behind), zeros in zip(convolution.crop, filter(None, around), strict=True)
        ]
        return replace(convolution, weights=padded, crop=(crop[0], crop[1]))

    def _refused(self, wanted: str, back: int = 0) -> UnwritableError:
        number = self._at - back
        if number == len(self._network.nodes):
            return UnwritableError(f"ends where {CALLED} has {wanted} ({FORM}); convert to .keras")
        return UnwritableError(
            f"{layer(self._network, number)} stands where {CALLED} has {wanted} ({FORM}); convert "
            "to .keras"
        )


_RELU = (Activation("relu"), Activation("leaky_relu", 0.0))


def _around(size: int, crop: Pair) -> Pair | None:
    """Zeros before and behind a kernel that make its crop TensorFlow's SAME; None: nothing does."""
    if sum(crop) != size - STRIDE:
        return None
    return next(
        (
            (before, behind)
            for before, behind in _few(size)
            if crop[0] + before == max(size + before + behind - STRIDE, 0) // 2
        ),
        None,
    )


def _few(size: int) -> Iterator[Pair]:
    """The least zeros first."""
    for added in range(size + 3):
        yield (0, added)
        yield (added, 0)


def _halved(network: Network) -> Network:
    """sigmoid(x), mapped from 0 to 1 to -1 to 1, is tanh(x / 2): exactly, as halves are exact."""
    if len(network.nodes) < 3:
        return network
    *before, linear, sigmoid, level = network.nodes
    mapped = (
        isinstance(level.layer, Affine)
        and (level.layer.scale == 2).all()
        and (level.layer.shift == -1).all()
    )
    if not (
        mapped
        and sigmoid.layer == Activation("sigmoid")
        and isinstance(linear.layer, ConvTranspose)
    ):
        return network
    half = replace(linear.layer, weights=linear.layer.weights / 2, bias=linear.layer.bias / 2)
    end = sigmoid._replace(layer=Activation("tanh"))
    return replace(network, nodes=(*before, linear._replace(layer=half), end))
