"""A generator that is any graph of TensorFlow operations."""

import hashlib
from functools import cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.definition import UNKNOWN, Origin
from ganinv_cli.generators.network.generator import PIXEL_ROUNDING, Generator
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.operations.differentiate import push_forward
from ganinv_cli.generators.network.operations.evaluate import OperationGraph
from ganinv_cli.prior import Prior

ROUNDING_DRAWS = 4
ROUNDING_MARGIN = 100  # descents end with 5 to 70 times the difference (docs/decoders.md)


class TracedGenerator(Generator):
    """A graph from z, and a label if it has labels, to images. Computes in the precision of z."""

    jvp_gradients = 0.5  # a forward pass, half of a forward and backward pass

    def __init__(
        self,
        network: TracedNetwork,
        prior: Prior,
        label: int | None = None,
        origin: Origin = UNKNOWN,
    ) -> None:
        self.prior, self.origin = prior, origin
        self.batch_norm = "frozen"
        self.sha256 = network.sha256 if label is None else _hash_label(network, label)
        self.latent, self.latent_shape = network.latent, network.latent_shape
        self.labels = network.labels if label is None else 0
        self.image_shape = network.image_shape
        self.multiply_adds = network.multiply_adds
        self.largest_layer = network.largest_layer
        self._network, self._label = network, label
        self._graph = OperationGraph(network)
        # by docs/results/mixed-precision.md: low precision then needs more gradients than it saves
        self.gains_by_bfloat16 = not self._graph.has_varying_products
        self._compiled: dict[tf.DType, Any] = {}

    @cached_property
    def pixel_rounding(self) -> float:  # type: ignore[override]  # of layers it is a constant
        """Mean squared error of a pixel that descent in float32 may leave.

        In a deep graph it is more than PIXEL_ROUNDING: ROUNDING_MARGIN times the mean difference
        between pictures in float32 and in float64, at a few draws of z.
        """
        share = np.random.default_rng(0).uniform(size=(ROUNDING_DRAWS, self.latent))
        z = self.prior.quantile(share) if self.draws is None else self.draws[:ROUNDING_DRAWS]
        labels = np.zeros(len(z), np.int32)
        pictures, exact = (
            self.render(np.asarray(z, np.float32), len(z), precision, labels)
            for precision in ("float32", "float64")
        )
        measured = ROUNDING_MARGIN * float(np.square(pictures - exact).mean())
        return max(PIXEL_ROUNDING, measured)  # also of a picture that is not finite

    def __call__(
        self,
        z: tf.Tensor,
        precision: tf.DType | None = None,
        labels: tf.Tensor | None = None,
    ) -> tf.Tensor:
        z = tf.convert_to_tensor(z)
        inner = precision or z.dtype
        if inner not in self._compiled:
            # for each size of a batch, because known sizes make its gradient faster
            function = partial(self._draw, inner)
            self._compiled[inner] = tf.function(function, autograph=False)
        given = [z, *self._list_labels(labels, tf.shape(z)[0])]
        return self._compiled[inner].get_concrete_function(*given)(*given)

    def jvp(self, z: tf.Tensor, tangents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return J·v; it costs about a forward pass per tangent."""
        if tf.executing_eagerly():
            return self.compiled_jvp(z, tangents, labels)
        z, tangents = tf.convert_to_tensor(z), tf.convert_to_tensor(tangents)
        values = self._graph.evaluate(z, *self._list_labels(labels, 1), inner=z.dtype)
        low, high = self._network.pixel_range
        moved = push_forward(self._graph, values, tangents)
        return tf.cast(moved * (2 / (high - low)), tangents.dtype)

    def _list_labels(self, labels: tf.Tensor | None, rows: int | tf.Tensor) -> list[tf.Tensor]:
        if not self._network.label_node:
            return []
        if self._label is not None:
            return [tf.fill([rows], self._label)]
        return [tf.cast(labels, tf.int32)]

    def _draw(self, inner: tf.DType, z: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor:
        images = self._graph.evaluate(z, *labels, inner=inner)[self._graph.output]
        low, high = self._network.pixel_range
        images = tf.cast(images, z.dtype)
        if (low, high) != (-1, 1):
            images = images * (2 / (high - low)) - (high + low) / (high - low)
        return tf.ensure_shape(images, [None, *self.image_shape])


def _hash_label(network: TracedNetwork, label: int) -> str:
    return hashlib.sha256(f"{network.sha256} label{label}".encode()).hexdigest()
