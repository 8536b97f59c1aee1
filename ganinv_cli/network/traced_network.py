"""A generator as a TensorFlow graph: the description, without TensorFlow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

PixelRange = tuple[float, float]  # the values of black and white


@dataclass(frozen=True, eq=False)
class TracedNetwork:
    """A graph of TensorFlow operations from z (batch, latent) to images; can be pickled.

    `network.tracing.trace_network` makes one. Numbers of values and multiply-adds are per image.
    """

    graph: bytes  # a GraphDef
    arrays: Mapping[str, np.ndarray]  # weights, by the names of the nodes that take them
    z_node: str
    label_node: str  # of labels (batch,) int32; empty: unconditional
    output: str  # (batch, height, width, channels)
    latent: int
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
