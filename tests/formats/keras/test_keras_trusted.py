"""A Keras file with code of its own, once it is trusted, makes the pictures that Keras makes."""

from pathlib import Path

import keras
import keras_models as km
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl
from saved_models import LATENT, Z

from ganinv_cli import formats
from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras import trace
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


def _with_code() -> keras.Model:
    function = "lambda x: __import__('tensorflow').reshape(x, (-1, 4, 4, 3)) * 2 + 1"
    chain = [keras.Input((LATENT,)), kl.Dense(48), kl.Lambda(eval(function))]
    last = kl.Conv2DTranspose(3, 4, 2, padding="same", activation="tanh")
    return km.randomize_weights(keras.Sequential([*chain, last]))


@pytest.mark.parametrize("name", ["g.keras", "g.h5"])
def test_a_lambda_layer_makes_kerass_own_pictures(name: str, tmp_path: Path) -> None:
    model = _with_code()
    path = km.save_model(tmp_path, model, name)
    checkpoint = formats.read(path, Conventions(trust=True))
    made = make_generator(checkpoint)(tf.constant(Z)).numpy()
    np.testing.assert_allclose(made, km.render_images(model, Z), atol=1e-5, rtol=0)
    assert (checkpoint.format, checkpoint.layout) == ("Keras", "traced")


def test_without_trust_nothing_of_it_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = km.save_model(tmp_path, _touching(marker))
    marker.unlink()
    with pytest.raises(CheckpointError, match="trust"):
        formats.read(path)
    assert not marker.exists()


def _touching(marker: Path) -> keras.Model:
    code = f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]"
    chain = [keras.Input((LATENT,)), kl.Lambda(eval(code)), kl.Dense(48), kl.Reshape((4, 4, 3))]
    return keras.Sequential(chain)


def test_code_that_computes_what_is_not_a_layer_loads(tmp_path: Path) -> None:
    code = "lambda x: __import__('tensorflow').math.cumsum(x, 1)"
    chain = [keras.Input((LATENT,)), kl.Lambda(eval(code)), kl.Dense(48), kl.Reshape((4, 4, 3))]
    path = km.save_model(tmp_path, keras.Sequential(chain))
    assert trace.read(path).network.operations["Cumsum"] == 1


def test_code_that_needs_what_the_file_does_not_hold(tmp_path: Path) -> None:
    chain = [keras.Input((LATENT,)), kl.Lambda(lambda x: tf.nn.relu(x)), kl.Dense(48)]
    path = km.save_model(tmp_path, keras.Sequential([*chain, kl.Reshape((4, 4, 3))]))
    with pytest.raises(UnreadableError, match=r"NameError: .*'tf'.*export"):
        trace.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text"])
def test_what_keras_cannot_load(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "g.keras").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"cannot be loaded by Keras \(.*model\.export"):
        trace.read(tmp_path / "g.keras")


def test_labels_and_inputs_by_name_are_those_of_the_model(tmp_path: Path) -> None:
    z, label = keras.Input((LATENT,), name="z"), keras.Input((1,), dtype="int32", name="label")
    beside = kl.Flatten()(kl.Embedding(5, 3)(label))
    x = kl.Reshape((4, 4, 3))(kl.Dense(48)(kl.Concatenate()([z, beside])))
    model = km.randomize_weights(keras.Model({"z": z, "label": label}, kl.Activation("tanh")(x)))
    path = km.save_model(tmp_path, model)
    network = trace.read(path).network
    assert network.labels == 5 and network.latent == LATENT


def test_two_pictures_are_refused(tmp_path: Path) -> None:
    z = keras.Input((LATENT,))
    x = kl.Reshape((4, 4, 3))(kl.Dense(48)(z))
    path = km.save_model(tmp_path, keras.Model(z, [x, kl.ReLU()(x)]))
    with pytest.raises(UnreadableError, match="2 outputs"):
        trace.read(path)
