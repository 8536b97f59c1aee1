"""Blocks of real generators: pictures as TensorFlow makes them, and their exact derivatives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from saved_models import LATENT, Z, assert_same_pictures, make_variable, save_module

from ganinv_cli.network.make_generator import make_generator

STEP = 1e-2  # of finite differences, whose errors are O(STEP²) and those of float32


def _draw_kernel(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(0, 0.3, shape).astype(np.float32)


def _attend(x: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(x, (-1, 16, 12))
    scores = tf.einsum("bic,bjc->bij", flat, flat) / np.float32(np.sqrt(12))
    return x + tf.reshape(tf.einsum("bij,bjc->bic", tf.nn.softmax(scores), flat), (-1, 4, 4, 12))


def _convolve_groups(x: tf.Tensor) -> tf.Tensor:
    kernels = [_draw_kernel(3, 3, 4, 4, seed=n) for n in range(3)]
    parts = zip(tf.split(x, 3, -1), kernels, strict=True)
    return tf.concat([tf.nn.conv2d(part, kernel, 1, "SAME") for part, kernel in parts], -1)


def _norm_groups(x: tf.Tensor) -> tf.Tensor:
    groups = tf.reshape(x, (-1, 4, 4, 3, 4))
    mean, variance = tf.nn.moments(groups, (1, 2, 4), keepdims=True)
    return tf.reshape((groups - mean) * tf.math.rsqrt(variance + 1e-3), (-1, 4, 4, 12))


def _norm_layer(x: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(x, (1, 2, 3), keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-3)


def _resize(method: str, size: int = 7) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda x: tf.image.resize(x, (size, 6), method)


BLOCKS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "attention": _attend,
    "grouped convolution": _convolve_groups,
    "dilated convolution": lambda x: tf.nn.conv2d(
        x, _draw_kernel(3, 3, 12, 5), 1, "SAME", dilations=2
    ),
    "depthwise convolution": lambda x: tf.nn.depthwise_conv2d(
        x, _draw_kernel(3, 3, 12, 2), (1, 1, 1, 1), "SAME"
    ),
    **{method: _resize(method) for method in ("nearest", "bilinear", "bicubic", "area")},
    **{method: _resize(method) for method in ("lanczos3", "gaussian", "mitchellcubic")},
    "aligned corners": lambda x: tf.compat.v1.image.resize_bilinear(x, (7, 6), align_corners=True),
    "from corners": lambda x: tf.compat.v1.image.resize_bicubic(x, (7, 6)),
    "group norm": _norm_groups,
    "layer norm": _norm_layer,
    "softmax": lambda x: tf.nn.softmax(x) * 4,
    "mean of the picture": lambda x: x + tf.reduce_mean(x, (1, 2), keepdims=True),
    "float64": lambda x: tf.cast(tf.math.softplus(tf.cast(x, tf.float64)), tf.float32),
}


NO_DILATION = pytest.mark.xfail(
    raises=tf.errors.InvalidArgumentError,
    strict=False,
    reason="TensorFlow without oneDNN, as on some CPUs, has no gradient of dilated convolutions",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=NO_DILATION if "dilated" in name else ()) for name in BLOCKS]
)
def test_a_block_has_tensorflows_pictures_and_exact_derivatives(name: str, tmp_path: Path) -> None:
    matrix = make_variable(LATENT, 192)

    def picture(z: tf.Tensor) -> tf.Tensor:
        x = BLOCKS[name](tf.tanh(tf.reshape(z @ matrix, (-1, 4, 4, 12))))
        kernel = _draw_kernel(3, 3, int(x.shape[-1]), 3)
        return tf.tanh(tf.nn.conv2d(x, kernel, 1, "SAME"))

    save_module(tmp_path, picture, matrix)
    generator = make_generator(assert_same_pictures(tmp_path, picture(tf.constant(Z)).numpy()))
    z, v = tf.constant(Z[:1]), tf.constant(Z[1:])
    tangents = generator.compiled_jvp(z, v).numpy()
    differences = (generator(z + STEP * v) - generator(z - STEP * v)).numpy() / (2 * STEP)
    np.testing.assert_allclose(tangents, differences, atol=2e-3)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = tf.reduce_sum(generator(z) * tangents[:1])
    gradient = tape.gradient(loss, z).numpy()
    np.testing.assert_allclose(
        (gradient @ Z[1:].T)[0], (tangents * tangents[:1]).sum((1, 2, 3)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_a_block_for_batches_of_one_size(batch: int, tmp_path: Path) -> None:
    matrix, kernel = make_variable(LATENT, 128), make_variable(4, 4, 3, 8)

    @tf.function(input_signature=[tf.TensorSpec((batch, LATENT), tf.float32, name="z")])
    def picture(z: tf.Tensor) -> tf.Tensor:
        x = tf.tanh(tf.reshape(z @ matrix, (batch, 4, 4, 8)))
        return tf.tanh(tf.nn.conv2d_transpose(x, kernel, (batch, 8, 8, 3), 2))

    module = tf.Module()
    module.kept = [matrix, kernel]
    tf.saved_model.save(module, str(tmp_path), signatures=picture)
    parts = [picture(tf.constant(Z[n : n + batch])).numpy() for n in range(0, 3, batch)]
    assert_same_pictures(tmp_path, np.concatenate(parts))
