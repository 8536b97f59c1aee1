"""A generator that is any graph of TensorFlow operations."""

import hashlib

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.definition import UNKNOWN, Origin
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.tracing import import_graph
from ganinv_cli.precision import Dtype
from ganinv_cli.prior import Prior


class TracedGenerator(Generator):
    """A graph from z, and a label if it has labels, to images. Computes in float32.

    J·v is the derivative of u -> Jᵀu along v, which is two backward passes.
    """

    precisions: tuple[Dtype, ...] = ("float32",)
    jvp_gradients = 1.0  # a forward pass, and one of the same size for the products

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
        self.latent = network.latent
        self.labels = network.labels if label is None else 0
        self.image_shape = network.image_shape
        self.multiply_adds = network.multiply_adds
        self.largest_layer = network.largest_layer
        self._network, self._label = network, label
        with tf.init_scope():  # else every graph would have its own copy
            self._weights = [tf.constant(array) for array in network.arrays.values()]
        self._draw = import_graph(network)
        # compiled for each size of a batch, because known sizes make its gradient faster
        self._compiled = tf.function(self._draw, autograph=False)

    def __call__(
        self,
        z: tf.Tensor,
        precision: tf.DType | None = None,
        labels: tf.Tensor | None = None,
    ) -> tf.Tensor:
        inputs = self._list_inputs(z, precision, labels)
        return self._map_range(self._compiled.get_concrete_function(*inputs)(*inputs))

    def jvp(self, z: tf.Tensor, tangents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return J·v; it costs about two forward passes per tangent."""
        if tf.executing_eagerly():
            return self.compiled_jvp(z, tangents, labels)
        tangents = _check_precision(tangents)
        rows = tf.shape(tangents)[0]
        points = tf.broadcast_to(_check_precision(z), [rows, self.latent])
        repeated = None if labels is None else tf.repeat(labels, rows, 0)
        images = self._map_range(self._draw(*self._list_inputs(points, None, repeated)))
        weights, zero = tf.zeros_like(images), tf.UnconnectedGradients.ZERO
        (pulled,) = tf.gradients(images, points, weights, unconnected_gradients=zero)
        (moved,) = tf.gradients(pulled, weights, tangents, unconnected_gradients=zero)
        return moved  # the derivative of Jᵀu, which is linear in the weights u

    def _list_inputs(
        self, z: tf.Tensor, precision: tf.DType | None, labels: tf.Tensor | None
    ) -> list[tf.Tensor]:
        z = _check_precision(z, precision)
        if self._label is not None:
            labels = tf.fill([tf.shape(z)[0]], self._label)
        given = [tf.cast(labels, tf.int32)] if self._network.label_node else []
        return [z, *given, *self._weights]

    def _map_range(self, images: tf.Tensor) -> tf.Tensor:
        low, high = self._network.pixel_range
        if (low, high) != (-1, 1):
            images = images * np.float32(2 / (high - low)) - np.float32((high + low) / (high - low))
        return tf.ensure_shape(images, [None, *self.image_shape])


def _check_precision(numbers: tf.Tensor, precision: tf.DType | None = None) -> tf.Tensor:
    """Return float32 numbers as a tensor; others are refused, as they would be rounded silently."""
    numbers = tf.convert_to_tensor(numbers)
    for dtype in (numbers.dtype, precision or tf.float32):
        if dtype != tf.float32:
            raise TypeError(f"a traced generator computes in float32, not in {dtype.name}")
    return numbers


def _hash_label(network: TracedNetwork, label: int) -> str:
    return hashlib.sha256(f"{network.sha256} label{label}".encode()).hexdigest()
