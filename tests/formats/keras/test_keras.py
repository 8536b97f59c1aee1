"""A generator saved by Keras makes the same pictures as in Keras, for each layout of the file."""

from pathlib import Path

import keras
import keras_models as km
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from ganinv_cli import formats
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.make_generator import make_generator

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Z = np.random.default_rng(1).normal(size=(3, km.LATENT)).astype(np.float32)


def same_pictures(checkpoint: Checkpoint, expected: np.ndarray) -> None:
    """Within the rounding of float32."""
    made = make_generator(checkpoint)(tf.constant(Z)).numpy()
    assert made.shape == expected.shape
    assert np.ptp(expected) > 0.1  # not all alike
    np.testing.assert_allclose(made, expected, atol=1e-5, rtol=0)


def levelled(name: str, pictures: np.ndarray) -> np.ndarray:
    """In [-1, 1] as ganinv has them."""
    return pictures * 2 - 1 if name == "upsampled" else pictures


KINDS = [  # the second is slow: another container of the same layers
    "generator.keras",
    pytest.param("generator.h5", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", km.MODELS)
@pytest.mark.parametrize("file", KINDS)
def test_a_model_makes_kerass_own_pictures(name: str, file: str, tmp_path: Path) -> None:
    model = km.build_model(name)
    checkpoint = formats.read(km.save_model(tmp_path, model, file))
    assert checkpoint.format == f"Keras 3 ({Path(file).suffix})"
    assert checkpoint.layout in ("Sequential", "Functional")
    same_pictures(checkpoint, levelled(name, km.render_images(model, Z)))


@pytest.mark.parametrize("beside", ["g.json", "config.json", "model.json"])
def test_weights_alone_take_their_layers_from_json_beside_them(beside: str, tmp_path: Path) -> None:
    model = km.build_model("nested")
    path = km.save_model(tmp_path, model, "g.weights.h5")
    (tmp_path / beside).write_text(model.to_json())
    checkpoint = formats.read(path)
    assert checkpoint.format == "Keras 3 (.weights.h5)"
    same_pictures(checkpoint, km.render_images(model, Z))


def test_what_is_not_the_generators_is_ignored_and_told(tmp_path: Path) -> None:
    model = km.build_model("dcgan_16")
    model.compile("adam", "mse")
    model.fit(Z, km.render_images(model, Z), epochs=1, verbose=0)
    for name, told in (("g.keras", "optimizer"), ("g.h5", "optimizer_weights")):
        checkpoint = formats.read(km.save_model(tmp_path, model, name))
        assert told in checkpoint.ignored
        same_pictures(checkpoint, km.render_images(model, Z))


def test_layers_are_called_in_the_network_what_they_are_called_in_the_file(tmp_path: Path) -> None:
    model = km.build_model("dcgan_16")
    names = {node.name for node in formats.read(km.save_model(tmp_path, model)).network.nodes}
    assert names == {layer.name for layer in model.layers}


def test_norms_that_are_called_as_in_training_are_read_with_their_statistics(
    tmp_path: Path,
) -> None:
    z = keras.Input((km.LATENT,))
    x = kl.BatchNormalization(name="norm")(kl.Dense(16)(z), training=True)
    checkpoint = formats.read(km.save_model(tmp_path, keras.Model(z, kl.Reshape((4, 4, 1))(x))))
    said = "the moving statistics in norm, which the model uses as in training"
    assert said in checkpoint.assumed
