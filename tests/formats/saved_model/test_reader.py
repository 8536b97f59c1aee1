"""A SavedModel makes the pictures of its own signature."""

from pathlib import Path

import keras_models as km
import pytest
import tensorflow as tf
from saved_models import LATENT, PlainModule, Z, assert_same_pictures, make_variable, save_module

from ganinv_cli.errors import CheckpointError

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
