"""A frozen generator: latent vectors in, images out."""

from collections.abc import Callable
from functools import cached_property
from typing import Literal

import numpy as np
import tensorflow as tf

from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.execute import ExecutableLayer, build_layer, push_forward
from ganinv_cli.network.folding import fix_label, fold_layers
from ganinv_cli.network.graph import LABEL, Network, Z
from ganinv_cli.network.layers import (
    Activation,
    Affine,
    Conv,
    ConvTranspose,
    Dense,
    Pad,
    Reshape,
    Transpose,
    Upsample,
)

BatchNormMode = Literal["frozen", "batch"]

FINAL_LAYERS = (
    Activation | Affine | Reshape | Transpose | Upsample | Pad
)  # may be the last layers of an image
_Values = dict[int, tf.Tensor]  # by the numbers of nodes, Z and LABEL


class Generator:
    """z (batch, latent) -> images (batch, height, width, channels) in [-1, 1].

    With `batch_norm="frozen"` a row's image depends on that row alone. With `"batch"` each batch
    norm uses the moments of its batch, as the paper's code did, which couples the rows.
    Computes in the precision of z: float32, float64 or bfloat16.

    A conditional generator has `labels` labels, and needs one for every z. With `label` that label
    is fixed, and the generator is unconditional.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        batch_norm: BatchNormMode = "frozen",
        label: int | None = None,
    ) -> None:
        whole = checkpoint.network
        network = whole if label is None else fix_label(whole, label)
        self.prior = checkpoint.prior
        self.batch_norm = batch_norm
        self.sha256 = network.sha256
        self.latent = network.latent
        self.network = fold_layers(network) if batch_norm == "frozen" else network
        self.labels = self.network.labels
        self._full_precision = _full_precision_nodes(self.network)
        self._layers: dict[tf.DType, list[ExecutableLayer]] = {}

    def __call__(
        self,
        z: tf.Tensor,
        precision: tf.DType | None = None,
        labels: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return images in the precision of z; `labels` (batch,) are integers from 0.

        With `precision`, all layers but the first and the last are computed in that precision.
        """
        z = tf.convert_to_tensor(z)
        return self._evaluate(z, precision or z.dtype, labels)[len(self.network.nodes) - 1]

    def jvp(self, z: tf.Tensor, tangents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return the Jacobian-vector products J·v (n, height, width, channels) at z (1, latent).

        `tangents` v are (n, latent). Exact but for rounding, in the precision of the tangents,
        which may be less than that of z. Costs a forward pass per tangent. Needs frozen batch-norm
        statistics.
        """
        z, tangents = tf.convert_to_tensor(z), tf.convert_to_tensor(tangents)
        values = self._evaluate(z, z.dtype, labels)
        node_tangents: dict[int, tf.Tensor | None] = {Z: tangents, LABEL: None}
        for number, layer in enumerate(self._build_layers(tangents.dtype)):
            inputs = self.network.nodes[number].inputs
            given = [values[each] for each in inputs]
            node_tangents[number] = push_forward(
                layer, given, [node_tangents[each] for each in inputs]
            )
        return node_tangents[len(self.network.nodes) - 1]

    @cached_property
    def compiled_jvp(self) -> Callable[..., tf.Tensor]:
        """`jvp` as a compiled function, one for all precisions."""
        return tf.function(self.jvp, autograph=False)  # type: ignore[no-any-return]

    def _evaluate(
        self, z: tf.Tensor, inner_precision: tf.DType, labels: tf.Tensor | None
    ) -> _Values:
        """Return the output of every node."""
        values: _Values = {Z: z}
        if self.labels:
            values[LABEL] = tf.one_hot(labels, self.labels, dtype=z.dtype)
        for number, node in enumerate(self.network.nodes):
            precision = z.dtype if number in self._full_precision else inner_precision
            given = [tf.cast(values[each], precision) for each in node.inputs]
            values[number] = self._build_layers(precision)[number].apply(*given)
        return values

    def _build_layers(self, precision: tf.DType) -> list[ExecutableLayer]:
        """Return the layers in one precision, with weights as tensors that all graphs share."""
        if precision not in self._layers:
            with tf.init_scope():  # else every graph would have its own copy
                self._layers[precision] = [
                    build_layer(node.layer, precision) for node in self.network.nodes
                ]
        return self._layers[precision]

    def render(
        self,
        z: np.ndarray,
        batch_size: int,
        precision: str = "float32",
        labels: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return images (n, height, width, channels) of z (n, latent), computed in batches."""
        images = np.empty((len(z), *self.image_shape), precision)
        all_labels = np.zeros(len(z), np.int32) if labels is None else labels
        for first in range(0, len(z), batch_size):
            part, rows = z[first : first + batch_size], slice(first, first + batch_size)
            padded = np.zeros(
                (batch_size, self.latent), precision
            )  # one shape for the compiled code
            padded[: len(part)] = part
            batch_labels = np.zeros(batch_size, np.int32)
            batch_labels[: len(part)] = all_labels[rows]
            images[rows] = self._render_functions[precision](padded, batch_labels).numpy()[
                : len(part)
            ]
        return images

    @cached_property
    def _render_functions(self) -> dict[str, Callable[[np.ndarray, np.ndarray], tf.Tensor]]:
        def compile_render(precision: str) -> Callable[[np.ndarray, np.ndarray], tf.Tensor]:
            signature = [
                tf.TensorSpec([None, self.latent], precision),
                tf.TensorSpec([None], tf.int32),
            ]
            return tf.function(  # type: ignore[no-any-return]
                lambda z, labels: self(z, labels=labels), signature, autograph=False
            )

        return {precision: compile_render(precision) for precision in ("float32", "float64")}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width, channels = self.network.shapes[-1]
        return height, width, channels

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass for one image."""
        return self.network.multiply_adds


def _full_precision_nodes(network: Network) -> set[int]:
    """Return the nodes that stay in full precision: the first with weights, and the image's end."""
    raw, full = {Z, LABEL}, {len(network.nodes) - 1}
    for number, node in enumerate(network.nodes):
        if raw.intersection(node.inputs) or not node.inputs:
            full.add(number)
            if not isinstance(node.layer, Dense | Conv | ConvTranspose):
                raw.add(number)
    number = len(network.nodes) - 1
    while number >= 0 and isinstance(network.nodes[number].layer, FINAL_LAYERS):
        full.add(number)
        (number,) = network.nodes[number].inputs
    return full
