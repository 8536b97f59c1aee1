"""The network that a graph amounts to, as it grows: one layer after the other, simplified."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ganinv_cli.formats.graph.simplify import simplify_network
from ganinv_cli.formats.graph.tensors import Budget
from ganinv_cli.formats.graph.values import (
    ConstantValue,
    Dead,
    Flow,
    Handle,
    Label,
    Moment,
    Positive,
    SpaceToBatch,
    Text,
    TiledFlow,
    Value,
)
from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.graph import LABEL, Network, Node, Z, weight_arrays
from ganinv_cli.network.layers import Layer
from ganinv_cli.network.shapes import Shape, ShapeError, format_shape, infer_shape

MAX_NODES = 10_000
MAX_LABELS = 100_000
MAX_PARAMETERS = 1024  # numbers that say how an operation works
CHANNELS_FIRST = (2, 0, 1)  # the order of a flow whose node has the channels last

Linear = kinds.Dense | kinds.Conv | kinds.ConvTranspose

_WHY_NOT: dict[type[Value], str] = {
    Moment: "computes with a mean or a variance otherwise than a norm does",
    Positive: "computes with where values are above 0 otherwise than an activation does",
    SpaceToBatch: "computes with parts of a picture otherwise than a dilated convolution does",
    Handle: "computes with a variable itself, not with what it holds",
    Text: "computes with text",
    Dead: "computes with a branch that is not taken",
}


class Builder:
    """The nodes so far, with the shapes that they make; the last one need not be the picture."""

    def __init__(self, latent: int, labels: int, batches: Shape, budget: Budget) -> None:
        self.latent, self.labels, self.batches, self.budget = latent, labels, batches, budget
        self._nodes: list[Node] = []
        self._node_numbers: dict[Any, int] = {}  # nodes without weights
        self._shapes: dict[int, Shape] = {Z: (latent,), LABEL: (labels,)}

    def flow(self, layer: Layer, name: str, *inputs: int) -> Flow:
        """What a new layer makes. Raises UnreadableError."""
        number = self.emit(layer, name, *inputs)
        shape = self._shapes[number]
        return Flow(number, shape, tuple(range(len(shape))))

    def emit(self, layer: Layer, name: str, *inputs: int) -> int:
        """The number of a new node, or of one that does the same. Raises UnreadableError."""
        told = None if weight_arrays(layer) else (layer, inputs)
        if told in self._node_numbers:
            return self._node_numbers[told]
        try:
            shape = infer_shape(layer, [self._shapes[each] for each in inputs])
        except ShapeError as error:
            raise UnreadableError(f"({type(layer).__name__}) {error}") from None
        if math.prod(shape) > MAX_VALUES:
            raise UnreadableError(f"makes {format_shape(shape)} values of one latent vector")
        if len(self._nodes) >= MAX_NODES:
            raise UnreadableError(f"makes a network of more than {MAX_NODES:,} layers")
        self._nodes.append(Node(layer, inputs, name))
        number = len(self._nodes) - 1
        self._shapes[number] = shape
        if told:
            self._node_numbers[told] = number
        return number

    def layer(self, number: int) -> Node | None:
        """The node of a number, or nothing for z and the label."""
        return self._nodes[number] if number >= 0 else None

    def shape(self, number: int) -> Shape:
        """What a node makes of one row."""
        return self._shapes[number]

    def input(self, number: int) -> Flow:
        """z or the one-hot label, for Z or LABEL."""
        return Flow(number, self._shapes[number], (0,))

    def transpose_axes(self, flow: Flow, axes: Sequence[int], name: str) -> int:
        """A node whose axes are the graph's in another order (0: the first behind the batch)."""
        order = tuple(flow.order[axis] for axis in axes)
        if order == tuple(range(len(order))):
            return flow.node
        return self.emit(kinds.Transpose(order), name, flow.node)

    def plain(self, flow: Flow, name: str) -> int:
        """A node with the axes of the graph."""
        return self.transpose_axes(flow, range(len(flow.shape)), name)

    def reshape(self, flow: Flow, shape: Shape, name: str, merged: bool = False) -> Flow:
        """The same values in another shape of a row."""
        if shape == flow.shape:
            return replace(flow, merged=merged)
        number = self.plain(flow, name)
        while number >= 0 and isinstance(self._nodes[number].layer, kinds.Reshape):
            number = self._nodes[number].inputs[0]
        if self._shapes[number] != shape:
            number = self.emit(kinds.Reshape(shape), name, number)
        return Flow(number, shape, tuple(range(len(shape))), merged)

    def affine(self, number: int, scale: np.ndarray, shift: np.ndarray, name: str) -> int:
        """x * scale + shift; a shift behind a linear layer is its bias."""
        self.budget.spend((2, len(scale)))
        before = self.layer(number)
        layer = before.layer if before else None
        if before and isinstance(layer, kinds.GroupNorm):
            scaled = replace(layer, gamma=layer.gamma * scale, beta=layer.beta * scale + shift)
            return self.emit(scaled, before.name, *before.inputs)
        if (scale == 1).all():
            if not shift.any():
                return number
            if before and isinstance(layer, Linear) and layer.bias.shape == shift.shape:
                biased = replace(layer, bias=layer.bias + shift)
                return self.emit(biased, before.name, *before.inputs)
            if before and isinstance(layer, kinds.Reshape):
                inside, outside = self._shapes[before.inputs[0]], layer.shape
                if inside and outside and inside[-1] == outside[-1]:
                    moved = self.affine(before.inputs[0], scale, shift, name)
                    return self.emit(layer, before.name, moved)
        return self.emit(kinds.Affine(scale, shift), name, number)

    def as_flow(self, value: Value, name: str) -> Flow:
        """Any value as what a node makes. Raises UnreadableError."""
        if isinstance(value, Flow):
            return value
        if isinstance(value, ConstantValue):
            row = self.row(value)
            return self.flow(kinds.Constant(np.asarray(row, np.float32)), name)
        if isinstance(value, Label):
            return self._of_label(value, name)
        if isinstance(value, TiledFlow):
            return self._broadcast_tiles(value, name)
        raise UnreadableError(_WHY_NOT[type(value)])

    def row(self, value: ConstantValue) -> np.ndarray:
        """What a constant is in each row of the batch. Raises UnreadableError."""
        first = value.cases[0]
        wanted = {(1,) * len(value.cases), self.batches[: len(value.cases)]}
        sizes = tuple(case.shape[0] if case.ndim else 0 for case in value.cases)
        if sizes in wanted and all((case == first[:1]).all() for case in value.cases):
            return np.asarray(first[0])
        raise UnreadableError("computes with constants that are not the same for every row")

    def network(self, output: int) -> Network:
        """What leads to one of the nodes, which becomes the last. Raises UnreadableError."""
        nodes = simplify_network(self._nodes, output)
        for layer, _, name in nodes:
            if isinstance(layer, kinds.Activation) and layer.name not in kinds.ACTIVATIONS:
                raise UnreadableError(f"{name} computes {layer.name} outside of a gelu")
        asked = any(LABEL in node.inputs for node in nodes)
        return Network(self.latent, nodes, self.labels if asked else 0)

    def know_latent(self, latent: int) -> Flow:
        """z, once the first matrix that it is multiplied by says how long it is."""
        if not self.latent:
            self.latent = latent
            self._shapes[Z] = (latent,)
        return self.input(Z)

    def _of_label(self, value: Label, name: str) -> Flow:
        if not 0 < self.labels <= MAX_LABELS:
            raise UnreadableError("computes with the label before it is known how many there are")
        table = value.of(np.arange(self.labels))
        alone = value.of(np.arange(self.labels)[-1:])
        if len(table) != self.labels or not np.array_equal(table[-1:], alone):
            raise UnreadableError("computes with the labels of the batch together")
        flat = np.asarray(table, np.float32).reshape(self.labels, -1)
        dense = kinds.Dense(flat, np.zeros(flat.shape[1], np.float32))
        return self.reshape(self.flow(dense, name, LABEL), table.shape[1:], name)

    def count_labels(self, labels: int) -> None:
        """Say how many labels there are: the first that asks decides. Raises UnreadableError."""
        if not self.labels:
            if not 0 < labels <= MAX_LABELS:
                raise UnreadableError(f"asks for a label of {labels:,}")
            self.labels = labels
            self._shapes[LABEL] = (labels,)
        elif labels < self.labels:
            raise UnreadableError(f"knows {labels} labels where others know {self.labels}")

    def _broadcast_tiles(self, value: TiledFlow, name: str) -> Flow:
        """By broadcasting: only along axes of one value."""
        flow = value.flow
        tiled = [m for s, m in zip(flow.shape, value.multiples, strict=True) if s > 1]
        if any(multiple != 1 for multiple in tiled) or flow.merged:
            raise UnreadableError("repeats a whole picture or vector")
        self.budget.spend(value.multiples)
        ones = self.emit(kinds.Constant(np.ones(value.multiples, np.float32)), name)
        return self.flow(kinds.Multiply(), name, self.plain(flow, name), ones)


def constant(value: Value) -> np.ndarray:
    """A small array that says how, such as axes: of one axis at least. Raises UnreadableError."""
    if isinstance(value, ConstantValue) and value.cases[0].size > MAX_PARAMETERS:
        raise UnreadableError(f"is told in {value.cases[0].size:,} numbers how to work")
    if not isinstance(value, ConstantValue):
        raise UnreadableError("works in a way that depends on the latent vector")
    return np.atleast_1d(value.value)


def channels(flow: Flow) -> int:
    """The size of the last axis of the flow's node."""
    return flow.own[-1] if flow.shape else 1


def values(flow: Flow) -> int:
    """How many there are in a row."""
    return math.prod(flow.shape)
