"""A generator whose layers are known: folded, in any precision, with exact derivatives."""

from typing import cast

import tensorflow as tf

from ganinv_cli.generators.network.definition import UNKNOWN, Origin
from ganinv_cli.generators.network.execute import ExecutableLayer, prepare_layer, push_forward
from ganinv_cli.generators.network.folding import fix_label, fold_layers
from ganinv_cli.generators.network.generator import BatchNormMode, Generator
from ganinv_cli.generators.network.graph import LABEL, Network, Z
from ganinv_cli.generators.network.layers import Activation, Affine, LinearLayer, Move
from ganinv_cli.prior import Prior

_Values = dict[int, tf.Tensor]  # by the numbers of nodes, Z and LABEL


class LayeredGenerator(Generator):
    """A generator of layers. Computes in the precision of z.

    With `label` that label is fixed, and the generator is unconditional.
    """

    jvp_gradients = 0.5  # a forward pass, half of a forward and backward pass

    def __init__(
        self,
        network: Network,
        prior: Prior,
        batch_norm: BatchNormMode = "frozen",
        label: int | None = None,
        origin: Origin = UNKNOWN,
    ) -> None:
        network = network if label is None else fix_label(network, label)
        self.prior, self.origin = prior, origin
        self.batch_norm = batch_norm
        self.sha256 = network.sha256
        self.latent, self.latent_shape = network.latent, network.latent_shape
        self.network = fold_layers(network) if batch_norm == "frozen" else network
        self.labels = self.network.labels
        # (height, width, channels) once a format has checked that it makes pictures
        self.image_shape = cast("tuple[int, int, int]", self.network.shapes[-1])
        self.multiply_adds = self.network.multiply_adds
        self.largest_layer = self.network.largest_layer
        self._full_precision = _full_precision_nodes(self.network)
        self._layers: dict[tf.DType, list[ExecutableLayer]] = {}

    def __call__(
        self,
        z: tf.Tensor,
        precision: tf.DType | None = None,
        labels: tf.Tensor | None = None,
    ) -> tf.Tensor:
        z = tf.convert_to_tensor(z)
        return self._evaluate(z, precision or z.dtype, labels)[len(self.network.nodes) - 1]

    def jvp(self, z: tf.Tensor, tangents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return J·v; it costs a forward pass per tangent."""
        z, tangents = tf.convert_to_tensor(z), tf.convert_to_tensor(tangents)
        values = self._evaluate(z, z.dtype, labels)
        node_tangents: dict[int, tf.Tensor | None] = {Z: tangents, LABEL: None}
        for number, layer in enumerate(self._prepare_layers(tangents.dtype)):
            inputs = self.network.nodes[number].inputs
            given = [values[each] for each in inputs]
            node_tangents[number] = push_forward(
                layer, given, [node_tangents[each] for each in inputs]
            )
        return node_tangents[len(self.network.nodes) - 1]

    def _evaluate(
        self, z: tf.Tensor, inner_precision: tf.DType, labels: tf.Tensor | None
    ) -> _Values:
        values: _Values = {Z: z}
        if self.labels:
            values[LABEL] = tf.one_hot(labels, self.labels, dtype=z.dtype)
        for number, node in enumerate(self.network.nodes):
            precision = z.dtype if number in self._full_precision else inner_precision
            given = [tf.cast(values[each], precision) for each in node.inputs]
            values[number] = self._prepare_layers(precision)[number].apply(*given)
        return values

    def _prepare_layers(self, precision: tf.DType) -> list[ExecutableLayer]:
        if precision not in self._layers:
            with tf.init_scope():  # else every graph would have its own copy
                self._layers[precision] = [
                    prepare_layer(node.layer, precision) for node in self.network.nodes
                ]
        return self._layers[precision]


def _full_precision_nodes(network: Network) -> set[int]:
    """Return the nodes that stay in full precision: the first with weights, and the image's end."""
    raw, full = {Z, LABEL}, {len(network.nodes) - 1}
    for number, node in enumerate(network.nodes):
        if raw.intersection(node.inputs) or not node.inputs:
            full.add(number)
            if not isinstance(node.layer, LinearLayer):
                raw.add(number)
    number = len(network.nodes) - 1
    while number >= 0 and isinstance(network.nodes[number].layer, Activation | Affine | Move):
        full.add(number)
        (number,) = network.nodes[number].inputs
    return full
