"""Convert files of other programs to ours; `inspect` describes them correctly."""

import json

import conditional
import keras
import numpy as np
import pytest
import tensorflow as tf
import torch_generators as known
from called import run_ganinv
from torch_files import save_archive

from ganinv_cli.formats import read
from ganinv_cli.network.make_generator import make_generator

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_a_file_of_pytorch_makes_its_pictures_in_keras(tmp_path):
    network = known.make_upsampling()
    save_archive(tmp_path / "g.pt", network.state)
    run_ganinv(tmp_path, "convert", "g.pt", "g.keras", "--activation", "leaky_relu:0.2")
    z = np.random.default_rng(1).normal(size=(3, network.latent)).astype(np.float32)
    images = make_generator(read(tmp_path / "g.keras")).render(z, 3)
    np.testing.assert_allclose(images, network.forward(z).transpose(0, 2, 3, 1), atol=1e-5)


def test_a_saved_model_is_itself_the_program_that_is_run(tmp_path):
    z = keras.Input((conditional.LATENT,), name="latent")
    x = keras.layers.Dense(4 * 4 * 3, activation="tanh")(z)
    model = keras.Model(z, keras.layers.Reshape((3, 4, 4))(x))

    @tf.function(input_signature=[tf.TensorSpec([16, conditional.LATENT], tf.float32)])
    def first(z):
        return {"pictures": model(z, training=False)}  # channels first, in batches of 16

    tf.saved_model.save(model, str(tmp_path / "saved"), signatures=first)
    said = run_ganinv(tmp_path, "inspect", "saved", "--check", "--json").stdout
    checks = json.loads(said)["checks"]
    assert [each["passed"] for each in checks] == [True, None, None, True, None, True]
    assert checks[2]["why"] == "TensorFlow runs the file's own operations"
