"""A SavedModel makes the pictures of its own signature."""

from pathlib import Path

import keras
import keras_models as km
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl
from saved_models import LATENT, PlainModule, Z, assert_same_pictures, make_variable, save_module

from ganinv_cli import formats
from ganinv_cli.errors import CheckpointError
from ganinv_cli.network.make_generator import make_generator

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


OFTEN = ("dcgan_16", "residual")  # the others are slow
NO_GROUPS = pytest.mark.xfail(
    raises=CheckpointError,
    strict=False,
    reason="TensorFlow without oneDNN, as on some CPUs, has no grouped convolutions before a relu",
)


def _mark(name: str) -> list[pytest.MarkDecorator]:
    slow = [] if name in OFTEN else [pytest.mark.slow]
    return [*slow, NO_GROUPS] if name == "convolutions" else slow


@pytest.mark.parametrize("name", [pytest.param(name, marks=_mark(name)) for name in km.MODELS])
def test_what_keras_exports_makes_kerass_own_pictures(name: str, tmp_path: Path) -> None:
    model = km.build_model(name)
    model.export(str(tmp_path / "exported"), verbose=False)
    expected = km.render_images(model, Z)
    checkpoint = assert_same_pictures(
        tmp_path / "exported", expected * 2 - 1 if name == "upsampled" else expected
    )
    assert (checkpoint.format, checkpoint.layout) == ("TensorFlow SavedModel", "serving_default")


def test_a_module_makes_its_own_pictures(tmp_path: Path) -> None:
    module = PlainModule()
    tf.saved_model.save(module, str(tmp_path))
    checkpoint = assert_same_pictures(tmp_path, module(Z).numpy())
    assert checkpoint.ignored == ("step/.ATTRIBUTES/VARIABLE_VALUE",)


def test_the_graph_in_the_folder_means_the_folder(tmp_path: Path) -> None:
    module = PlainModule()
    tf.saved_model.save(module, str(tmp_path))
    assert_same_pictures(tmp_path / "saved_model.pb", module(Z).numpy())


@pytest.mark.parametrize("rank", [(), (1, 1)])
def test_z_of_several_axes_is_one_vector(rank: tuple[int, ...], tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((*rank, LATENT)),
            kl.Reshape((1, 1, LATENT)),
            kl.Conv2DTranspose(5, 4, activation="relu"),
            kl.Conv2DTranspose(3, 4, 2, padding="same", activation="tanh"),
        ]
    )
    km.randomize_weights(model).export(str(tmp_path / "m"), verbose=False)
    expected = np.asarray(model(Z.reshape(3, *rank, LATENT), training=False))
    assert_same_pictures(tmp_path / "m", expected)


def test_the_length_of_z_may_be_that_of_the_first_matrix(tmp_path: Path) -> None:
    matrix = make_variable(LATENT, 48)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
    def picture(z: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.tanh(z @ matrix), (-1, 4, 4, 3))

    module = tf.Module()
    module.matrix = matrix
    tf.saved_model.save(module, str(tmp_path), signatures=picture)
    assert_same_pictures(tmp_path, picture(Z).numpy())


def _norms(x: tf.Tensor) -> dict[str, tf.Tensor]:
    mean, variance = tf.nn.moments(x, (1, 2), keepdims=True)
    square = tf.reduce_mean(tf.square(x), -1, keepdims=True)
    return {
        "pixel": x * tf.math.rsqrt(square + 1e-8),
        "pixel by a root": x / tf.sqrt(tf.reduce_mean(x * x, axis=-1, keepdims=True) + 1e-8),
        "instance": tf.nn.batch_normalization(x, mean, variance, 0.3, 1.7, 1e-5),
        "by a root": (x - mean) / tf.sqrt(variance + 1e-3),
        "channels": tf.nn.batch_normalization(
            x, *tf.nn.moments(x, (3,), keepdims=True), None, None, 1e-3
        ),
    }


@pytest.mark.parametrize("name", ["pixel", "pixel by a root", "instance", "by a root", "channels"])
def test_norms_that_are_spelled_out_are_found(name: str, tmp_path: Path) -> None:
    matrix, kernel = make_variable(LATENT, 96), make_variable(3, 3, 6, 3)

    def picture(z: tf.Tensor) -> tf.Tensor:
        x = _norms(tf.reshape(z @ matrix + 0.1, (-1, 4, 4, 6)))[name]
        return tf.tanh(tf.nn.conv2d(x, kernel, 1, "SAME"))

    save_module(tmp_path, picture, matrix, kernel)
    assert_same_pictures(tmp_path, picture(tf.constant(Z)).numpy())


def _moves(x: tf.Tensor) -> dict[str, tf.Tensor]:
    return {
        "depth to space": tf.nn.depth_to_space(x, 2),
        "space to depth": tf.nn.space_to_depth(tf.concat([tf.concat([x] * 2, 2)] * 2, 1), 2),
        "mirror": tf.pad(x, ((0, 0), (1, 2), (2, 1), (0, 0)), "REFLECT"),
        "repeat": tf.repeat(tf.repeat(x, 2, 1), 3, 2),
        "nearest": tf.compat.v1.image.resize_nearest_neighbor(x, (8, 12)),
        "bilinear": tf.image.resize(x, (8, 4)),
        "slice": tf.concat([x[:, 1:, ::-1, ::2], x[:, :1, :, 3:9]], 1),
        "split": tf.concat(tf.split(x, 3, -1)[::-1], 1),
        "transpose": tf.transpose(tf.transpose(x, (0, 3, 1, 2)), (0, 3, 2, 1)),
        "gelu": tf.nn.gelu(x) + tf.nn.gelu(x, approximate=True),
        "swish": tf.nn.silu(x) + tf.nn.relu6(3 * x),
        "elu": tf.where(x > 0, tf.nn.elu(x), 0.3 * tf.nn.elu(x)),
        "leaky": tf.where(x > 0, x, 0.3 * x) - tf.minimum(tf.maximum(x, 0), 6),
        "rows": x + np.arange(4, dtype=np.float32)[:, None, None],
        "constants": tf.concat([x, tf.ones((tf.shape(x)[0], 4, 4, 2))], -1),
        "tensordot": tf.tensordot(x, np.eye(12, 5, dtype=np.float32) + 0.1, 1),
    }


MOVES = list(_moves(tf.zeros((1, 4, 4, 12))))


@pytest.mark.parametrize("name", MOVES)
def test_operations_make_what_tensorflow_makes(name: str, tmp_path: Path) -> None:
    matrix = make_variable(LATENT, 192)

    def picture(z: tf.Tensor) -> tf.Tensor:
        x = _moves(tf.reshape(z @ matrix, (-1, 4, 4, 12)))[name]
        kernel = np.random.default_rng(0).normal(0, 0.3, (3, 3, x.shape[-1], 3))
        return tf.tanh(tf.nn.conv2d(x, kernel.astype(np.float32), 1, "SAME"))

    save_module(tmp_path, picture, matrix)
    assert_same_pictures(tmp_path, picture(tf.constant(Z)).numpy())


def test_channels_first_makes_the_pictures_of_channels_last(tmp_path: Path) -> None:
    """Of a graph that a CPU cannot run."""
    matrix, kernel, bias, last = (
        *(
            make_variable(LATENT, 128),
            make_variable(4, 4, 6, 8),
            make_variable(6),
            make_variable(3, 3, 6, 3),
        ),
    )

    def picture(z: tf.Tensor, first: bool) -> tf.Tensor:
        layout = "NCHW" if first else "NHWC"
        x = tf.nn.relu(tf.reshape(z @ matrix, (-1, 8, 4, 4)))
        x = x if first else tf.transpose(x, (0, 2, 3, 1))
        size = (tf.shape(x)[0], *((6, 8, 8) if first else (8, 8, 6)))
        x = tf.nn.conv2d_transpose(x, kernel, size, 2, data_format=layout)
        x = tf.nn.bias_add(x, bias, layout)
        x, _, _ = tf.compat.v1.nn.fused_batch_norm(
            x, bias + 1, bias, bias, tf.square(bias), 1e-4, layout, is_training=False
        )
        x = x * tf.reshape(bias, (6, 1, 1)) if first else x * bias
        x = tf.pad(
            x, [[0, 0], [0, 0], [1, 1], [1, 1]] if first else [[0, 0], [1, 1], [1, 1], [0, 0]]
        )
        return tf.tanh(tf.nn.conv2d(x, last, 1, "VALID", data_format=layout))

    save_module(tmp_path, lambda z: picture(z, True), matrix, kernel, bias, last)
    assert_same_pictures(tmp_path, picture(tf.constant(Z), False).numpy())


def test_pictures_do_not_depend_on_their_neighbours(tmp_path: Path) -> None:
    tf.saved_model.save(PlainModule(), str(tmp_path))
    generator = make_generator(formats.read(tmp_path))
    alone = generator(tf.constant(Z[:1])).numpy()
    np.testing.assert_allclose(generator(tf.constant(Z)).numpy()[:1], alone, atol=1e-6)
