"""The DCGAN's two networks in training mode.

Radford, Metz & Chintala 2016 with the widths of Amos' TensorFlow code: 5x5 (transposed)
convolutions of stride 2, batch norm with epsilon 1e-5, ReLU and tanh in the generator,
leaky ReLU .2 in the discriminator. Parameters are dictionaries of float32 arrays under the names of
checkpoint layout C; `precision` is the dtype of the convolutions.
"""

from collections.abc import Mapping
from itertools import pairwise

import tensorflow as tf

from ganinv_cli.training.settings import TrainingSettings

EPSILON = 1e-5

Parameters = Mapping[str, tf.Variable]


def generator_shapes(settings: TrainingSettings) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a generator's trainable arrays, by their names in layout C."""
    widths, channels = settings.widths, settings.channels
    side = settings.size >> len(widths)
    shapes: dict[str, tuple[int, ...]] = {
        "generator/g_h0_lin/Matrix": (settings.latent, side * side * widths[0]),
        "generator/g_h0_lin/bias": (side * side * widths[0],),
    }
    for number, (inputs, outputs) in enumerate(zip(widths, (*widths[1:], channels), strict=True)):
        shapes[f"generator/g_bn{number}/gamma"] = (inputs,)
        shapes[f"generator/g_bn{number}/beta"] = (inputs,)
        shapes[f"generator/g_h{number + 1}/w"] = (5, 5, outputs, inputs)
        shapes[f"generator/g_h{number + 1}/biases"] = (outputs,)
    return shapes


def discriminator_shapes(settings: TrainingSettings) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a discriminator's trainable arrays; widths mirror the generator's."""
    shapes: dict[str, tuple[int, ...]] = {}
    widths = settings.widths
    for number, (inputs, outputs) in enumerate(pairwise((settings.channels, *reversed(widths)))):
        shapes[f"discriminator/d_h{number}_conv/w"] = (5, 5, inputs, outputs)
        shapes[f"discriminator/d_h{number}_conv/biases"] = (outputs,)
        if number:
            shapes[f"discriminator/d_bn{number}/gamma"] = (outputs,)
            shapes[f"discriminator/d_bn{number}/beta"] = (outputs,)
    side = settings.size >> len(widths)
    shapes["discriminator/d_h_lin/Matrix"] = (side * side * widths[0], 1)
    shapes["discriminator/d_h_lin/bias"] = (1,)
    return shapes


def initialize_parameters(
    shapes: Mapping[str, tuple[int, ...]], seed: int
) -> dict[str, tf.Variable]:
    """Create variables: weights from N(0, .02²), gammas 1, biases and betas 0."""
    parameters = {}
    for number, (name, shape) in enumerate(shapes.items()):
        if name.endswith(("/w", "/Matrix")):
            value = 0.02 * tf.random.stateless_normal(shape, [seed, number])
        else:
            value = tf.ones(shape) if name.endswith("/gamma") else tf.zeros(shape)
        parameters[name] = tf.Variable(value, name=name)
    return parameters


def generate(
    parameters: Parameters, z: tf.Tensor, precision: tf.DType
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Return images (batch, size, size, channels) in [-1, 1] of z (batch, latent), and moments.

    Batch norms use the batch's own moments, which are returned by the names `moving_mean` and
    `moving_variance` of layout C.
    """
    moments: dict[str, tf.Tensor] = {}
    depth = sum(name.endswith("/w") for name in parameters)
    width = parameters["generator/g_bn0/gamma"].shape[0]
    side = round((parameters["generator/g_h0_lin/bias"].shape[0] / width) ** 0.5)

    def normalize(x: tf.Tensor, norm: str) -> tf.Tensor:
        norm = f"generator/{norm}"
        x, mean, variance = _batch_norm(x, parameters[f"{norm}/gamma"], parameters[f"{norm}/beta"])
        moments.update({f"{norm}/moving_mean": mean, f"{norm}/moving_variance": variance})
        return tf.nn.relu(x)

    matrix = tf.cast(parameters["generator/g_h0_lin/Matrix"], precision)
    x = tf.matmul(tf.cast(z, precision), matrix)
    x += tf.cast(parameters["generator/g_h0_lin/bias"], precision)
    x = normalize(tf.reshape(x, [-1, side, side, width]), "g_bn0")
    for number in range(1, depth + 1):
        w = tf.cast(parameters[f"generator/g_h{number}/w"], precision)
        shape = [tf.shape(z)[0], side << number, side << number, w.shape[2]]
        x = tf.nn.conv2d_transpose(x, w, shape, 2, "SAME")
        x = tf.nn.bias_add(x, tf.cast(parameters[f"generator/g_h{number}/biases"], precision))
        if number < depth:
            x = normalize(x, f"g_bn{number}")
    return tf.tanh(tf.cast(x, tf.float32)), moments


def logits(parameters: Parameters, images: tf.Tensor, precision: tf.DType) -> tf.Tensor:
    """Return the discriminator's logits (batch,) for images (batch, size, size, channels)."""
    x = tf.cast(images, precision)
    depth = sum(name.endswith("_conv/w") for name in parameters)
    for number in range(depth):
        name = f"discriminator/d_h{number}_conv"
        x = tf.nn.conv2d(x, tf.cast(parameters[f"{name}/w"], precision), 2, "SAME")
        x = tf.nn.bias_add(x, tf.cast(parameters[f"{name}/biases"], precision))
        if number:
            norm = f"discriminator/d_bn{number}"
            x, _, _ = _batch_norm(x, parameters[f"{norm}/gamma"], parameters[f"{norm}/beta"])
        x = tf.nn.leaky_relu(x, 0.2)
    x = tf.cast(tf.reshape(x, [tf.shape(x)[0], -1]), tf.float32)
    matrix, bias = (parameters[f"discriminator/d_h_lin/{name}"] for name in ("Matrix", "bias"))
    return tf.squeeze(x @ matrix + bias, -1)


def _batch_norm(
    x: tf.Tensor, gamma: tf.Variable, beta: tf.Variable
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the normalized x, and the mean and variance (channels,) of its batch."""
    return tf.compat.v1.nn.fused_batch_norm(  # type: ignore[no-any-return]
        x, gamma, beta, epsilon=EPSILON, is_training=True
    )
