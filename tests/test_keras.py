"""A generator that Keras saved makes the pictures that Keras makes, whatever the file's layout."""

from pathlib import Path

import keras_models as km
import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli import formats
from ganinv_cli.formats.checkpoint import Checkpoint
from ganinv_cli.generator import Generator

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Z = np.random.default_rng(1).normal(size=(3, km.LATENT)).astype(np.float32)


def same_pictures(checkpoint: Checkpoint, expected: np.ndarray) -> None:
    """Within the rounding of float32."""
    made = Generator(checkpoint)(tf.constant(Z)).numpy()
    assert made.shape == expected.shape
    assert np.ptp(expected) > 0.1  # not all alike
    np.testing.assert_allclose(made, expected, atol=1e-5, rtol=0)


def levelled(name: str, pictures: np.ndarray) -> np.ndarray:
    """In [-1, 1] as ganinv has them."""
    return pictures * 2 - 1 if name == "upsampled" else pictures


@pytest.mark.parametrize("name", km.MODELS)
def test_a_keras_archive_makes_kerass_own_pictures(name: str, tmp_path: Path) -> None:
    model = km.built(name)
    checkpoint = formats.read(km.saved(tmp_path, model))
    assert checkpoint.format == "Keras 3 (.keras)"
    same_pictures(checkpoint, levelled(name, km.pictures(model, Z)))


@pytest.mark.parametrize("name", km.MODELS)
def test_a_model_in_hdf5_makes_kerass_own_pictures(name: str, tmp_path: Path) -> None:
    model = km.built(name)
    checkpoint = formats.read(km.saved(tmp_path, model, "generator.h5"))
    assert checkpoint.format == "Keras 3 (.h5)"
    same_pictures(checkpoint, levelled(name, km.pictures(model, Z)))


@pytest.mark.parametrize("beside", ["g.json", "config.json", "model.json"])
def test_weights_alone_take_their_layers_from_json_beside_them(beside: str, tmp_path: Path) -> None:
    model = km.built("nested")
    path = km.saved(tmp_path, model, "g.weights.h5")
    (tmp_path / beside).write_text(model.to_json())
    checkpoint = formats.read(path)
    assert checkpoint.format == "Keras 3 (.weights.h5)"
    same_pictures(checkpoint, km.pictures(model, Z))
