"""A SavedModel, of either TensorFlow, or a graph alone makes the pictures of its own signature."""

from pathlib import Path

import keras_models as km
import numpy as np
import pytest
import tensorflow as tf
from saved_models import LATENT, PlainModule, Z, make_variable, save_module

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators import formats

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

OFTEN = ("dcgan_16", "residual")  # the others run at night
NO_GROUPS = pytest.mark.xfail(
    raises=CheckpointError,
    strict=False,
    reason="TensorFlow without oneDNN, as on some CPUs, has no grouped convolutions before a relu",
)


def _mark(name: str) -> list[pytest.MarkDecorator]:
    nightly = [] if name in OFTEN else [pytest.mark.nightly]
    return [*nightly, NO_GROUPS] if name == "convolutions" else nightly


@pytest.mark.parametrize("name", [pytest.param(name, marks=_mark(name)) for name in km.MODELS])
def test_what_keras_exports_makes_kerass_own_pictures(name, tmp_path):
    model = km.build_model(name)
    model.export(str(tmp_path / "exported"), verbose=False)
    expected = km.render_images(model, Z)
    definition = formats.read(tmp_path / "exported")
    km.assert_pictures(definition, expected * 2 - 1 if name == "upsampled" else expected)
    assert (definition.format, definition.layout) == ("TensorFlow SavedModel", "serving_default")


def test_a_module_makes_its_own_pictures(tmp_path):
    module = PlainModule()
    tf.saved_model.save(module, str(tmp_path))
    km.assert_pictures(formats.read(tmp_path / "saved_model.pb"), module(Z).numpy())
    assert formats.read(tmp_path).ignored == ("step/.ATTRIBUTES/VARIABLE_VALUE",)


def test_channels_first_makes_the_pictures_of_channels_last(tmp_path):
    """Of a graph that a CPU cannot run."""
    matrix, kernel = make_variable(LATENT, 128), make_variable(4, 4, 6, 8)
    bias, last = make_variable(6), make_variable(3, 3, 6, 3)

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
        sides = [[1, 1], [2, 0]]
        pads = [[0, 0], [0, 0], *sides] if first else [[0, 0], *sides, [0, 0]]
        return tf.tanh(tf.nn.conv2d(x, last, 1, pads, data_format=layout))

    save_module(tmp_path, lambda z: picture(z, True), matrix, kernel, bias, last)
    km.assert_pictures(formats.read(tmp_path), picture(tf.constant(Z), False).numpy())


LABELS = np.array([4, 0, 2])


def _carpedm20(folder: Path, resource: bool, batch: int | None) -> np.ndarray:
    """As programs of TensorFlow 1 save it; returns its own pictures of Z and LABELS."""
    v1 = tf.compat.v1
    random = np.random.default_rng(0)
    with tf.Graph().as_default() as graph:
        z = v1.placeholder(tf.float32, (batch, LATENT), "z")
        y = v1.placeholder(tf.float32, (batch, km.LABELS), "y")
        training = v1.placeholder_with_default(False, (), "training")

        def get(name: str, *shape: int) -> tf.Variable:
            values = random.normal(0, 0.3, shape).astype(np.float32)
            return v1.get_variable(name, initializer=tf.constant(values), use_resource=resource)

        with v1.variable_scope("generator"):
            x = tf.reshape(tf.concat([z, y], 1) @ get("w", LATENT + km.LABELS, 96), (-1, 4, 4, 6))
            mean, rows = get("mean", 6), tf.shape(x)[0]
            x = v1.cond(training, lambda: x * tf.random.normal((6,), seed=1), lambda: x - mean)
            beside = tf.reshape(y, (-1, 1, 1, km.LABELS)) * tf.ones((rows, 4, 4, km.LABELS))
            x = tf.nn.relu(tf.concat([x, beside], 3))
            kernel = get("k", 5, 5, 3, 6 + km.LABELS)
            x = tf.tanh(tf.nn.conv2d_transpose(x, kernel, (rows, 8, 8, 3), 2), "picture")
        get("discriminator", 3)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(str(folder))
            signature = v1.saved_model.predict_signature_def({"z": z, "y": y}, {"image": x})
            builder.add_meta_graph_and_variables(session, ["serve"], {"generate": signature})
            builder.save()
            one_hot = np.eye(km.LABELS, dtype=np.float32)[LABELS]
            made = session.run(x, {z: Z, y: one_hot})
            names = ["generator/picture"]
            frozen = v1.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), names
            )
            (folder / "frozen.pb").write_bytes(frozen.SerializeToString())
    return made


@pytest.mark.parametrize(("resource", "batch"), [(False, None), (True, 3)])
def test_a_saved_model_of_tensorflow_1_and_its_frozen_graph(resource, batch, tmp_path):
    expected = _carpedm20(tmp_path / "m", resource, batch)
    saved = formats.read(tmp_path / "m")
    km.assert_pictures(saved, expected, labels=LABELS)
    assert (saved.layout, saved.ignored) == ("generate", ("discriminator",))
    frozen = formats.read(tmp_path / "m" / "frozen.pb")
    km.assert_pictures(frozen, expected, labels=LABELS)
    assert (frozen.format, frozen.sha256) == ("TensorFlow graph", saved.sha256)


@pytest.mark.parametrize(
    "dtype", [pytest.param(tf.bfloat16, marks=pytest.mark.bfloat16), tf.float64]
)
def test_a_graph_of_another_precision(dtype, tmp_path):
    matrix = tf.Variable(tf.cast(make_variable(LATENT, 48), dtype))

    @tf.function(input_signature=[tf.TensorSpec((None, LATENT), dtype)])
    def picture(z: tf.Tensor) -> tf.Tensor:
        return tf.tanh(tf.reshape(z @ matrix, (-1, 4, 4, 3)))

    module = tf.Module()
    module.matrix = matrix
    tf.saved_model.save(module, str(tmp_path), signatures=picture)
    expected = tf.cast(picture(tf.cast(Z, dtype)), tf.float32).numpy()
    km.assert_pictures(formats.read(tmp_path), expected)
