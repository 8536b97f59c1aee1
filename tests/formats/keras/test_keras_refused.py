"""Keras models that cannot be read, and weights that do not fit, are refused in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import keras_files as kf
import keras_models as km
import numpy as np
import pytest
from builders import assert_refused
from keras import layers as kl

from ganinv_cli import formats

pytestmark = [
    pytest.mark.refusals,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

Make = Callable[[Path], Path]


def _save(*chain: Any, name: str = "g.keras") -> Make:
    return lambda folder: km.save_model(folder, keras.Sequential(list(chain)), name)


def _save_branches(*sizes: int, ends: int = 1) -> Make:
    """A model with an input of each size, and the same picture several times."""

    def make(folder: Path) -> Path:
        inputs = [keras.Input((size,), name=f"input{n}") for n, size in enumerate(sizes)]
        x = kl.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
        pictures = [kl.Reshape((4, 4, 1))(kl.Dense(16)(x)) for _ in range(ends)]
        return km.save_model(folder, keras.Model(inputs, pictures))

    return make


def _save_quantised(folder: Path) -> Path:
    model = keras.Sequential([keras.Input((4,)), kl.Dense(16, name="small"), kl.Reshape((4, 4, 1))])
    model.layers[0].quantize("int8")
    return km.save_model(folder, model)


def _save_weights(folder: Path) -> Path:
    return km.save_model(folder, km.build_model("dcgan_16"), "g.weights.h5")


def _save_other(change: Callable[[dict[str, Any]], object], name: str) -> Make:
    """A model or weights with a config that does not fit the weights."""

    def make(folder: Path) -> Path:
        model = km.build_model("dcgan_16")
        config, path = json.loads(model.to_json()), km.save_model(folder, model, name)
        change(config["config"])
        if name.endswith(".weights.h5"):
            path.with_name("g.json").write_text(json.dumps(config))
        else:
            with h5py.File(path, "r+") as file:
                file.attrs["model_config"] = json.dumps(config)
        return path

    return make


def _write_config(config: object) -> Make:
    return lambda folder: kf.write_archive(folder / "g.keras", config)


def _use_bias(config: dict[str, Any]) -> None:
    config["layers"][1]["config"]["use_bias"] = True


def _make_grey(config: dict[str, Any]) -> None:
    config["layers"][-1]["config"]["filters"] = 1


IMAGE = keras.Input((28, 28, 1))
REFUSED: dict[str, tuple[Make, str]] = {
    "discriminator": (
        _save(IMAGE, kl.Flatten(), kl.Dense(1), name="d.h5"),
        "is a discriminator or an encoder: it takes images and makes none",
    ),
    "three inputs": (_save_branches(4, 4, 4), "has the inputs input0 (batch, 4), input1"),
    "two outputs": (_save_branches(4, ends=2), "has 2 outputs; expected one, the picture"),
    "unknown length": (
        _save(keras.Input((None,)), kl.Dropout(0.5)),
        "but a latent vector of 1 to 16,384 values was expected",
    ),
    "quantised": (_save_quantised, "cannot be loaded by Keras"),
    "weights alone": (_save_weights, "weights without the layers"),
    "no model": (_write_config([1, 2]), "describes no model"),
    "no settings": (_write_config({"class_name": "Sequential", "config": 3}), ""),
    "circle": (
        _write_config(
            kf.functional_config(
                [
                    (kf.layer_config("ReLU", "a"), kf.inbound_nodes("b")),
                    (kf.layer_config("ReLU", "b"), kf.inbound_nodes("a")),
                ],
                "b",
            )
        ),
        "cannot be loaded by Keras",
    ),
    "bias that is not there": (_save_other(_use_bias, "g.weights.h5"), "expected 2 variables"),
    "bias that is not there in HDF5": (_save_other(_use_bias, "g.h5"), "expects 2 weight(s)"),
    "other shapes": (_save_other(_make_grey, "g.h5"), "Shape mismatch"),
    "other layers": (
        _save_other(lambda config: config["layers"].pop(), "g.h5"),
        "Model expected 4 layers, found 5",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    make, says = REFUSED[name]
    assert_refused(make(tmp_path), says)


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16", "float64"])
def test_a_model_of_another_precision_is_read_in_float32(policy: str, tmp_path: Path) -> None:
    chain = [kl.Dense(16, dtype=policy), kl.Reshape((4, 4, 1), name="end")]
    model = km.randomize_weights(keras.Sequential([keras.Input((km.LATENT,)), *chain]))
    weights = formats.read(km.save_model(tmp_path, model)).network.nodes[0].layer.weights
    assert weights.dtype == np.float32
    assert (weights == np.asarray(model.layers[0].kernel, np.float32)).all()
