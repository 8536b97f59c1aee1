"""Any layer of Keras is computed; no code of a file is run."""

import keras
import keras_models as km
import pytest
from keras import layers as kl
from keras_models import LATENT

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators import formats
from ganinv_cli.settings.conventions import Conventions

pytestmark = [
    pytest.mark.refusals,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


def test_a_lambda_layer_is_run_in_a_trusted_python_file_alone(tmp_path):
    chain = [kl.Dense(48), kl.Lambda(lambda x: x + 1), kl.Reshape((4, 4, 3))]
    model = km.randomize_weights(keras.Sequential([keras.Input((LATENT,)), *chain]))
    path = km.save_model(tmp_path, model, "g.keras")
    with pytest.raises(CheckpointError, match=r"Lambda layer, which is code.* Python file"):
        formats.read(path)
    load = f"keras.models.load_model({str(path)!r}, safe_mode=False)"
    (tmp_path / "g.py").write_text(
        f"import keras\n\nLATENT = {LATENT}\ngenerate = {load}\n", encoding="utf-8"
    )
    definition = formats.read(tmp_path / "g.py", Conventions(trust=True))
    km.assert_pictures(definition, km.render_images(model))


def _build_attention() -> keras.Model:
    keras.utils.clear_session()
    z = keras.Input((LATENT,), name="z")
    x = kl.Reshape((16, 8))(kl.Dense(128)(z))
    x = kl.Conv1D(8, 3, padding="same")(kl.UnitNormalization()(kl.Dropout(0.3)(x)))
    x = kl.LayerNormalization()(x + kl.MultiHeadAttention(2, 4)(x, x))
    x = kl.EinsumDense("abc,cd->abd", (16, 8), bias_axes="d", activation="gelu")(x)
    x = kl.GroupNormalization(2)(kl.Reshape((4, 4, 8))(x))
    x = kl.LayerNormalization(axis=(1, 2))(kl.GaussianNoise(0.1)(x))
    x = kl.SeparableConv2D(8, 3, padding="same")(kl.PReLU()(1 - x))
    x = kl.UpSampling2D(2, interpolation="bicubic")(keras.ops.cumsum(x, -1) / 4)
    model = keras.Model(z, kl.Conv2D(3, 3, padding="same", activation="tanh")(x))
    return km.randomize_weights(model)


def test_layers_that_only_keras_knows_need_no_trust(tmp_path):
    model = _build_attention()
    definition = formats.read(km.save_model(tmp_path, model))
    assert (definition.format, definition.layout) == ("Keras 3 (.keras)", "Functional")
    km.assert_pictures(definition, km.render_images(model))


@pytest.mark.parametrize(
    "layer",
    [
        *(kl.Dense(48, activation="softmax", name="odd"), kl.ReLU(max_value=2)),
        *(kl.RMSNormalization(), kl.LeakyReLU(), kl.Activation("mish")),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_makes_kerass_own_pictures(layer, tmp_path):
    chain = [keras.Input((LATENT,)), kl.Dense(48), layer, kl.Reshape((4, 4, 3))]
    model = km.randomize_weights(keras.Sequential(chain))
    definition = formats.read(km.save_model(tmp_path, model))
    km.assert_pictures(definition, km.render_images(model))


def test_labels_and_inputs_by_name_are_those_of_the_model(tmp_path):
    z, label = keras.Input((LATENT,), name="z"), keras.Input((1,), name="label")
    beside = kl.Softmax()(kl.Flatten()(kl.Embedding(5, 3)(label)))
    x = kl.Reshape((4, 4, 3))(kl.Dense(48)(kl.Concatenate()([z, beside])))
    model = km.randomize_weights(keras.Model({"z": z, "label": label}, kl.Activation("tanh")(x)))
    network = formats.read(km.save_model(tmp_path, model)).network
    assert network.labels == 5 and network.latent == LATENT
