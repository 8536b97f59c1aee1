"""A generator as a graph, of layers or of TensorFlow operations, with its shapes, size and hash."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.generators.network.layers import (
    ConvTranspose,
    Layer,
    LinearLayer,
    Pad,
    Shape,
    ShapeError,
    infer_shape,
)

PixelRange = tuple[float, float]  # the values of black and white
Z, LABEL = -1, -2  # the inputs of the network: the latent vector, and the one-hot label


class Node(NamedTuple):
    """A layer and its inputs."""

    layer: Layer
    inputs: tuple[int, ...]  # the numbers of earlier nodes, or Z or LABEL
    name: str = ""  # of the layer, in its file


@dataclass(frozen=True)
class Network:
    """A graph of layers from z (batch, latent), and labels if it has some, to the last node."""

    latent: int
    nodes: tuple[Node, ...]
    labels: int = 0  # number of labels; 0: unconditional

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of each node's output for one row. Raises ShapeError."""
        known: dict[int, Shape] = {Z: (self.latent,), LABEL: (self.labels,)}
        for number, (layer, inputs, name) in enumerate(self.nodes):
            try:
                known[number] = infer_shape(layer, [known[each] for each in inputs])
            except ShapeError as error:
                raise ShapeError(f"{name or f'layer {number + 1}'}: {error}") from None
        return tuple(known[number] for number in range(len(self.nodes)))

    def node_shape(self, number: int) -> Shape:
        """Return the shape of a node's output, or of Z or LABEL."""
        return {Z: (self.latent,), LABEL: (self.labels,)}.get(number) or self.shapes[number]

    def prune_to(self, last: int) -> "Network":
        """Return the network of the nodes that node `last` depends on; it becomes the output."""
        needed = {last}
        for number in range(last, -1, -1):
            if number in needed:
                needed.update(self.nodes[number].inputs)
        places = {Z: Z, LABEL: LABEL}
        places |= {old: new for new, old in enumerate(sorted(n for n in needed if n >= 0))}
        nodes = (
            node._replace(inputs=tuple(places[each] for each in node.inputs))
            for number, node in enumerate(self.nodes)
            if number in needed
        )
        return Network(self.latent, tuple(nodes), self.labels)

    @property
    def latent_shape(self) -> Shape:
        return (self.latent,)

    @property
    def image_shape(self) -> Shape:
        """Height, width, channels, if the network makes images."""
        return self.shapes[-1]

    @property
    def largest_layer(self) -> int:
        """Number of values in the largest layer output for one image."""
        return max(math.prod(shape) for shape in self.shapes)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass for one image, in matrices and convolutions."""
        total = 0
        for (layer, inputs, _), shape in zip(self.nodes, self.shapes, strict=True):
            if isinstance(layer, LinearLayer):
                places = self.node_shape(inputs[0]) if isinstance(layer, ConvTranspose) else shape
                total += math.prod(places[:-1]) * layer.weights.size
        return total

    @cached_property
    def sha256(self) -> str:
        """Hash of the layers and their weights; it does not depend on the file or the names."""
        digest = hashlib.sha256()
        if self.labels:
            digest.update(f"labels{self.labels}".encode())
        for number, node in enumerate(self.nodes):
            if node.inputs != (number - 1,):  # -1 is z
                digest.update(f"inputs{node.inputs}".encode())
            digest.update(type(node.layer).__name__.encode())
            for field, value in _hashed_fields(node.layer):
                array = np.ascontiguousarray(value) if isinstance(value, np.ndarray) else None
                digest.update(f"{field}{value if array is None else array.shape}".encode())
                digest.update(b"" if array is None else array.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class TracedNetwork:
    """A graph of TensorFlow operations from z (batch, latent) to images; can be pickled.

    `operations.trace_network` makes one. Numbers of values and multiply-adds are per image.
    """

    graph: bytes  # a GraphDef
    arrays: Mapping[str, np.ndarray]  # weights, by the names of the nodes that take them
    z_node: str
    label_node: str  # of labels (batch,) int32; empty: unconditional
    output: str  # (batch, height, width, channels)
    latent: int
    latent_shape: tuple[int, ...]  # of one z, as the generator took it before it was traced
    labels: int  # number of labels; 0: unconditional
    image_shape: tuple[int, int, int]
    graph_sha256: str
    operations: Mapping[str, int]  # how many of each kind
    multiply_adds: int
    largest_layer: int  # values in the largest output of an operation
    output_range: PixelRange | None  # least and largest value of the graph's output; None: unknown
    output_function: str = ""  # tanh, sigmoid or softsign, which bounds it; empty: unknown
    ignores_length: bool = False  # whether images follow from the direction of z alone
    pixel_range: PixelRange = (-1.0, 1.0)  # of the graph's output, which is mapped to [-1, 1]

    @property
    def parameters(self) -> int:
        """Number of values in all weights."""
        return sum(array.size for array in self.arrays.values())

    @property
    def sha256(self) -> str:
        """Hash of the operations and weights; it does not depend on the file or the names."""
        if self.pixel_range == (-1.0, 1.0):
            return self.graph_sha256
        return hashlib.sha256(f"{self.graph_sha256} {self.pixel_range}".encode()).hexdigest()


def make_sequence(latent: int, layers: Iterable[Layer], names: Sequence[str] = ()) -> Network:
    """Return a network of layers in sequence."""
    all_layers = list(layers)
    all_names = [*names, *[""] * (len(all_layers) - len(names))]
    nodes = [Node(layer, (n - 1,), all_names[n]) for n, layer in enumerate(all_layers)]
    return Network(latent, tuple(nodes))


def weight_arrays(layer: Layer) -> list[np.ndarray]:
    """Return the weights of a layer."""
    return [value for value in vars(layer).values() if isinstance(value, np.ndarray)]


def _hashed_fields(layer: Layer) -> list[tuple[str, Any]]:
    """Return the fields of a layer that the hash includes, by name.

    Hashes must not change, so fields are as in the first version, which read DCGANs alone: a square
    stride is one number; SAME padding and None are left out; a Pad has a mode.
    """
    values = dict(vars(layer))
    if isinstance(layer, ConvTranspose):
        if layer.stride[0] == layer.stride[1]:
            values["stride"] = layer.stride[0]
        if layer.has_same_padding:
            del values["crop"]
    if isinstance(layer, Pad):
        values["mode"] = "constant"
    return [(name, value) for name, value in values.items() if value is not None]
