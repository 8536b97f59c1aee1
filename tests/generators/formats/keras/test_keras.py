"""A generator of Keras 2 or 3 makes its pictures, for each layout of the file and each label."""

from pathlib import Path

import keras
import keras_models as km
import numpy as np
import pytest
from keras import layers as kl

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators import formats
from ganinv_cli.generators.network.make_generator import make_generator

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUICK = ("dcgan_16", "residual", "nested")  # the others are `slow`
FILES = [
    *((name, "generator.keras") for name in QUICK),
    ("nested", "generator.h5"),
    *(
        pytest.param(name, "generator.keras", marks=pytest.mark.slow)
        for name in km.MODELS
        if name not in QUICK
    ),
]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_model_makes_kerass_own_pictures(name, file, tmp_path):
    model = km.build_model(name)
    definition = formats.read(km.save_model(tmp_path, model, file))
    assert definition.format == f"Keras 3 ({Path(file).suffix})"
    assert definition.layout in ("Sequential", "Functional")
    expected = km.render_images(model)
    km.assert_pictures(definition, expected * 2 - 1 if name == "upsampled" else expected)


@keras.saving.register_keras_serializable()
class Subclassed(keras.Model):
    """A model whose layers are in its code."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.project = kl.Dense(8 * 8 * 3, activation="tanh")

    def call(self, z):
        return keras.ops.reshape(self.project(z), (-1, 8, 8, 3))


def test_the_advice_for_a_subclassed_model_works(tmp_path):
    model = Subclassed()
    expected = km.render_images(model)
    model.save(tmp_path / "g.keras")
    with pytest.raises(CheckpointError, match=r"layers are in its code.*model\.export\(FOLDER\)"):
        formats.read(tmp_path / "g.keras")
    model.export(tmp_path / "saved", verbose=False)
    km.assert_pictures(formats.read(tmp_path / "saved"), expected)


@pytest.mark.parametrize("beside", ["g.json", "model.json"])
def test_weights_alone_take_their_layers_from_json_beside_them(beside, tmp_path):
    model = km.build_model("nested")
    path = km.save_model(tmp_path, model, "g.weights.h5")
    (tmp_path / beside).write_text(model.to_json(), encoding="utf-8")
    definition = formats.read(path)
    assert definition.format == "Keras 3 (.weights.h5)"
    km.assert_pictures(definition, km.render_images(model))


def test_what_is_not_the_generators_is_ignored_and_told(tmp_path):
    model = km.build_model("dcgan_16")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    for name, told in (("g.keras", "optimizer"), ("g.h5", "optimizer_weights")):
        definition = formats.read(km.save_model(tmp_path, model, name))
        assert told in definition.ignored
        km.assert_pictures(definition, km.render_images(model))


def test_norms_that_are_called_as_in_training_are_read_with_their_statistics(tmp_path):
    z = keras.Input((km.LATENT,))
    x = kl.BatchNormalization(name="norm")(kl.Dense(16)(z), training=True)
    model = km.randomize_weights(keras.Model(z, kl.Reshape((4, 4, 1))(x)))
    path = km.save_model(tmp_path, model)
    model.get_layer("norm").trainable = False  # Keras then takes the statistics, too
    km.assert_pictures(formats.read(path), km.render_images(model))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("chain.h5", "Keras 2 (.h5 weights)"),  # its layers are in chain.json
        ("conditional.keras", "Keras 2 (.keras)"),
        pytest.param("conditional.h5", "Keras 2 (.h5)", marks=pytest.mark.slow),
        pytest.param("frozen.keras", "Keras 2 (.keras)", marks=pytest.mark.slow),
        ("frozen.h5", "Keras 2 (.h5)"),
    ],
)
def test_a_file_of_keras_2_makes_the_pictures_that_keras_2_made(name, told):
    folder = Path(__file__).parent / "keras2"
    with np.load(folder / "pictures.npz") as pictures:
        z, label, expected = pictures["z"], pictures["label"], pictures[name.split(".")[0]]
    definition = formats.read(folder / name)
    assert definition.format == told
    labels = label[:, 0] if definition.network.labels else None
    km.assert_pictures(definition, expected, z, labels)


def test_channels_first_are_refused(tmp_path):
    x = kl.Reshape((6, 4, 4))(kl.Dense(96)(z := keras.Input((km.LATENT,))))
    model = keras.Model(z, kl.Conv2D(3, 3, padding="same", data_format="channels_first")(x))
    with pytest.raises(CheckpointError, match=r"channels first, .* as a SavedModel"):
        formats.read(km.save_model(tmp_path, model))


def test_a_picture_that_is_reshaped_to_channels_first_is_put_last(tmp_path):
    model = keras.Sequential(
        [keras.Input((km.LATENT,)), kl.Dense(25, activation="tanh"), kl.Reshape((1, 5, 5))]
    )
    expected = np.moveaxis(km.render_images(km.randomize_weights(model)), 1, -1)
    km.assert_pictures(formats.read(km.save_model(tmp_path, model)), expected)


LABEL = np.array([4, 0, 2])
HOT = np.eye(km.LABELS, dtype=np.float32)[LABEL]


def _ending(x: keras.KerasTensor, side: int = 4) -> keras.KerasTensor:
    x = kl.Reshape((side, side, 4))(kl.Dense(side * side * 4, activation="relu")(x))
    return kl.Conv2DTranspose(1, 5, 2, padding="same", activation="tanh")(x)


def embedded_and_concatenated() -> keras.Model:
    z, y = keras.Input((km.LATENT,)), keras.Input((1,), dtype="int32")
    table = kl.Flatten()(kl.Embedding(km.LABELS, 3)(y))
    return keras.Model([z, y], _ending(kl.Concatenate()([z, table])))


def embedded_times_z() -> keras.Model:
    """The label is the first input, a float with another name; the Embedding identifies it."""
    y, z = keras.Input((1,), name="a"), keras.Input((km.LATENT,), name="b")
    table = kl.Embedding(km.LABELS, km.LATENT)(kl.Flatten()(y))
    return keras.Model([y, z], _ending(kl.Multiply()([z, kl.Flatten()(table)])))


def one_hot() -> keras.Model:
    z, y = keras.Input((km.LATENT,)), keras.Input((km.LABELS,), name="class_label")
    return keras.Model([z, y], _ending(kl.Concatenate(axis=1)([y, z])))


def encoded() -> keras.Model:
    z, y = keras.Input((km.LATENT,)), keras.Input((1,), dtype="int32")
    hot = kl.CategoryEncoding(km.LABELS, output_mode="one_hot")(y)
    return keras.Model([z, y], _ending(kl.Concatenate()([z, hot])))


@pytest.mark.parametrize(
    ("build", "label"),
    [
        (embedded_and_concatenated, LABEL[:, None]),
        pytest.param(embedded_times_z, LABEL[:, None], marks=pytest.mark.slow),
        (one_hot, HOT),
        pytest.param(encoded, LABEL[:, None], marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_label_makes_kerass_own_pictures(build, label, tmp_path):
    keras.utils.clear_session()
    model = km.randomize_weights(build())
    given = [label, km.Z] if build is embedded_times_z else [km.Z, label]
    expected = np.asarray(model(given, training=False))
    definition = formats.read(km.save_model(tmp_path, model))
    assert definition.network.labels == km.LABELS
    km.assert_pictures(definition, expected, labels=LABEL)
    alone = make_generator(definition, label=4)(km.Z[:1])
    np.testing.assert_allclose(alone, expected[:1], atol=1e-5, rtol=0)


def test_two_inputs_of_which_none_is_a_label_are_refused(tmp_path):
    a, b = keras.Input((km.LABELS,), name="first"), keras.Input((km.LATENT,), name="second")
    path = km.save_model(tmp_path, keras.Model([a, b], _ending(kl.Concatenate()([a, b]))))
    with pytest.raises(CheckpointError, match="floats by the name of label"):
        formats.read(path)
