"""Keras models that cannot be read, and weights that do not fit, are refused in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import keras_models as km
import numpy as np
import pytest
from builders import assert_refused
from keras import layers as kl

from ganinv_cli import formats

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TRUST = "--trust loads it with Keras"


def _sequential(*chain: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((km.LATENT,)), *chain, kl.Reshape((4, 4, 1), name="end")])


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (kl.Softmax(name="odd"), "odd is a Softmax layer, which ganinv does not know"),
        (kl.Dense(16, activation="softmax", name="odd"), "odd is a Dense with the activation"),
        (kl.ReLU(max_value=2, name="odd"), "odd is a ReLU with negative_slope 0, max_value 2"),
    ],
    ids=["kind", "activation", "setting"],
)
def test_what_is_not_known_of_a_layer_is_named(
    layer: keras.Layer, says: str, tmp_path: Path
) -> None:
    model = _sequential(kl.Dense(16), layer)
    for name in ("g.keras", "g.h5"):
        assert_refused(km.save_model(tmp_path, model, name), says, TRUST)


def test_a_bicubic_enlargement_says_which_are_known(tmp_path: Path) -> None:
    model = _sequential(
        kl.Dense(4), kl.Reshape((2, 2, 1)), kl.UpSampling2D(interpolation="bicubic")
    )
    assert_refused(
        km.save_model(tmp_path, model),
        "interpolation 'bicubic'",
        "supports nearest, bilinear",
        TRUST,
    )


def test_a_norm_over_the_channels_of_each_pixel_is_refused(tmp_path: Path) -> None:
    model = _sequential(kl.Dense(16), kl.Reshape((4, 4, 1)), kl.LayerNormalization())
    assert_refused(km.save_model(tmp_path, model), "LayerNormalization with axis [-1] of 4 x 4 x 1")


def test_a_discriminator_is_told_as_one(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((28, 28, 1)), kl.Flatten(), kl.Dense(1)])
    words = "is a discriminator or an encoder: it takes images and makes none"
    assert_refused(km.save_model(tmp_path, model), words)
    inputs = keras.Input((28, 28, 1))
    outputs = [kl.Dense(size)(kl.Flatten()(inputs)) for size in (1, 10)]
    assert_refused(km.save_model(tmp_path, keras.Model(inputs, outputs), "d.h5"), words)


def test_two_outputs_are_refused(tmp_path: Path) -> None:
    z = keras.Input((km.LATENT,))
    x = kl.Reshape((4, 4, 1))(kl.Dense(16)(z))
    assert_refused(
        km.save_model(tmp_path, keras.Model(z, [x, x])), "has 2 outputs; expected one, the picture"
    )


def test_a_model_that_was_never_built_is_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((None,)), kl.Dropout(0.5)])
    assert_refused(km.save_model(tmp_path, model), "does not say how long its latent vector is")


def test_a_quantised_model_is_refused(tmp_path: Path) -> None:
    model = _sequential(kl.Dense(16, name="small"))
    model.layers[0].quantize("int8")
    assert_refused(km.save_model(tmp_path, model), "small is quantised", "use a model in floats")


def test_weights_alone_ask_for_their_layers(tmp_path: Path) -> None:
    path = km.save_model(tmp_path, km.build_model("dcgan_16"), "g.weights.h5")
    assert_refused(path, "weights without the layers", "model.to_json()", "g.json beside it")


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
def test_a_model_of_half_precision_is_read_in_float32(policy: str, tmp_path: Path) -> None:
    model = _sequential(kl.Dense(16, dtype=policy))
    for name in ("g.keras", "g.h5")[
        : 1 + (policy != "bfloat16")
    ]:  # Keras itself fails at the other
        network = formats.read(km.save_model(tmp_path, km.randomize_weights(model), name)).network
        weights = network.nodes[0].layer.weights
        assert weights.dtype == np.float32
        assert (weights == np.asarray(model.layers[0].kernel, np.float32)).all()


Change = Callable[[dict[str, Any]], None]


def _biased(config: dict[str, Any]) -> None:
    dense = next(layer for layer in config["layers"] if layer["class_name"] == "Dense")
    dense["config"]["use_bias"] = True


def _grey(config: dict[str, Any]) -> None:
    config["layers"][-1]["config"]["filters"] = 1


def _told(path: Path, config: str) -> Path:
    """Weights or a model with another config."""
    if path.name.endswith(".weights.h5"):
        path.with_name("g.json").write_text(config)
    else:
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = config
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_biased, "(Dense) expects 2 arrays"),
        (_grey, "expects a kernel of 5 x 5 x 1 x 6, found 5 x 5 x 3 x 6"),
    ],
)
@pytest.mark.parametrize("name", ["g.weights.h5", "g.h5"])
def test_weights_that_do_not_fit_say_where(
    change: Change, says: str, name: str, tmp_path: Path
) -> None:
    model = km.build_model("dcgan_16")
    config = json.loads(model.to_json())
    change(config["config"])
    assert_refused(_told(km.save_model(tmp_path, model, name), json.dumps(config)), says, "found")


@pytest.mark.parametrize("name", ["g.weights.h5", "g.h5"])
def test_weights_of_another_number_of_layers_are_refused(name: str, tmp_path: Path) -> None:
    config = km.build_model("dcgan_16").to_json()
    path = _told(km.save_model(tmp_path, km.build_model("dcgan_64_grey"), name), config)
    assert_refused(path, "holds weights of", "layers", "the weights are those of another model")
