"""`inspect --check` says what runs a SavedModel."""

import json

import conditional
import keras
import pytest
import tensorflow as tf
from called import run_ganinv

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


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
