"""No file can run code, open another file or exceed the limits; others get a sentence."""

import base64
import marshal
import zipfile
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

pytestmark = [
    pytest.mark.refusals,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def _lambda(marker: Path) -> kf.Config:
    """The code of a function that makes a file, as Keras 3 stores it."""
    code = compile(f"lambda x: open({str(marker)!r}, 'w')", "x", "eval").co_consts[0]
    packed = base64.b64encode(marshal.dumps(code)).decode()
    return {"class_name": "__lambda__", "config": {"value": [packed, None, None]}}


def _function(module: str, name: str) -> kf.Config:
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


def _dense(**settings: Any) -> kf.Config:
    return kf.layer_config("Dense", "odd", units=3, **settings)


def _registered(name: str) -> kf.Config:
    return {**_dense(), "registered_name": name}


def _keras_2_lambda(marker: Path) -> kf.Config:
    code = [_lambda(marker)["config"]["value"][0], None, None]
    layer = kf.layer_config("Lambda", "odd", function=code, function_type="lambda")
    del layer["module"]
    return layer


def _called_with(argument: Any) -> Callable[[Path], kf.Config]:
    def make(marker: Path) -> kf.Config:
        value = argument(marker) if callable(argument) else argument
        calls = [{"args": [kf.tensor("z")], "kwargs": {"mask": value}}]
        return kf.functional_config([(kf.layer_config("ReLU", "odd"), calls)], "odd")

    return make


ATTACKS: dict[str, Callable[[Path], kf.Config]] = {
    "Lambda": lambda m: kf.layer_config("Lambda", "odd", function=_lambda(m)),
    "Lambda of Keras 2": _keras_2_lambda,
    "Lambda that calls a function of Keras": lambda m: kf.layer_config(
        "Lambda", "odd", function=_function("keras.utils", "get_file")
    ),
    "Lambda in a wrapper": lambda m: kf.layer_config(
        "SpectralNormalization", "odd", layer=kf.layer_config("Lambda", "l", function=_lambda(m))
    ),
    "Lambda as activation": lambda m: _dense(activation=_lambda(m)),
    "Lambda as initialiser": lambda m: _dense(kernel_initializer=_lambda(m)),
    "Lambda as argument": _called_with(_lambda),
    "TFSMLayer": lambda m: kf.layer_config("TFSMLayer", "odd", filepath=str(m.parent)),
    "file of words": lambda m: kf.layer_config("StringLookup", "odd", vocabulary="/etc/passwd"),
    "class of os": lambda m: kf.layer_config("system", "odd", module="os", command=f"touch {m}"),
    "class of builtins": lambda m: kf.layer_config("Dense", "odd", module="builtins", units=3),
    "class of another Keras": lambda m: kf.layer_config("Dense", "odd", "keras_hub.layers"),
    "class that is not a layer": lambda m: kf.layer_config("get_file", "odd", "keras.utils"),
    "registered class": lambda m: _registered("mine>Dense"),
    "registered class in its name": lambda m: kf.layer_config("Custom>Dense", "odd", units=3),
    "registered function": lambda m: _dense(activation="mine>tanh"),
    "function of builtins": lambda m: _dense(activation=_function("builtins", "eval")),
    "function of os": lambda m: _dense(activation=_function("os", "system")),
    "function of the settings": lambda m: _dense(
        activation=_function("keras.config", "enable_unsafe_deserialization")
    ),
    "function that calls functions": lambda m: kf.layer_config("Map", "odd", "keras.src.ops.core"),
    "type of TensorFlow": _called_with(
        {"class_name": "__typespec__", "spec_name": "X", "module": "os", "config": []}
    ),
    "model of its own class": lambda m: {"module": "my_gan", "class_name": "G", "config": {}},
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_config_cannot_run_anything(name, tmp_path):
    marker = tmp_path / "marker"
    attack = ATTACKS[name](marker)
    is_model = attack["class_name"] in ("Functional", "G")
    config = attack if is_model else kf.sequential_config(attack)
    nested = kf.sequential_config({**kf.sequential_config(attack), "name": "inner"})
    for each in (config, nested):
        for write, file in ((kf.write_archive, "g.keras"), (kf.write_hdf5, "g.h5")):
            message = assert_refused(write(tmp_path / file, each))
            is_advised = "Python file" in message or ".py file" in message
            assert is_advised or name == "Lambda as initialiser"
    assert not marker.exists()


KERNEL = np.arange(64, dtype=np.float32).reshape(4, 16)


def _write_dense(path: Path, make_kernel: Callable[[h5py.Group], Any]) -> Path:
    """A generator of one dense layer, whose kernel is made by the function."""
    with h5py.File(path.with_name("w"), "w") as file:
        group = file.create_group("layers/dense/vars")
        make_kernel(group)
        group["1"] = np.zeros(16, np.float32)
    layers = [kf.layer_config("Dense", "dense", units=16)]
    layers.append(kf.layer_config("Reshape", "end", target_shape=[4, 4, 1]))
    return kf.write_archive(path, kf.sequential_config(*layers), path.with_name("w").read_bytes())


def _make_virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((4, 16), np.float32)
    layout[:] = h5py.VirtualSource("secret.h5", "kernel", (4, 16))
    group.create_virtual_dataset("0", layout)


KERNELS: dict[str, tuple[Callable[[h5py.Group], Any], str]] = {
    "external link": (lambda g: g.update({"0": h5py.ExternalLink("s.h5", "k")}), "leads elsewhere"),
    "soft link": (lambda g: g.update({"0": h5py.SoftLink("/elsewhere")}), "leads elsewhere"),
    "external storage": (
        lambda g: g.create_dataset("0", (4, 16), "f4", external=[("raw", 0, 256)]),
        "keeps its values in another file",
    ),
    "virtual": (_make_virtual, "keeps its values in another file"),
    "vast": (
        lambda g: g.create_dataset("0", (1 << 40, 16), "f4", chunks=(1 << 10, 16)),
        "is larger than 100,000,000 values",
    ),
    "complex": (lambda g: g.create_dataset("0", (4, 16), "c8"), "holds complex numbers"),
    "another shape": (lambda g: g.create_dataset("0", (4, 15), "f4"), "cannot be loaded"),
}


@pytest.mark.parametrize("name", KERNELS)
def test_weights_are_looked_at_before_they_are_read(name, tmp_path):
    make_kernel, says = KERNELS[name]
    assert_refused(_write_dense(tmp_path / "g.keras", make_kernel), says)


def test_a_group_in_another_file_is_not_opened(tmp_path):
    path = km.save_model(tmp_path, km.build_model("dcgan_16"), "g.h5")
    with h5py.File(path, "r+") as file:
        del file["model_weights"]
        file["model_weights"] = h5py.ExternalLink("g.h5", "/")
    assert_refused(path, "model_weights is a link that leads elsewhere")


def _save_twins(folder: Path) -> Path:
    z = keras.Input((4,))
    pictures = [kl.Reshape((4, 4, 1))(kl.Dense(16)(z)) for _ in range(2)]
    return km.save_model(folder, keras.Model(z, pictures))


def _save(*chain: Any) -> Callable[[Path], Path]:
    return lambda folder: km.save_model(folder, keras.Sequential(list(chain)), "g.h5")


def _write_config(config: object) -> Callable[[Path], Path]:
    return lambda folder: kf.write_archive(folder / "g.keras", config)


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "discriminator": (
        _save(keras.Input((28, 28, 1)), kl.Flatten(), kl.Dense(1)),
        "is a discriminator or an encoder: it takes images and makes none",
    ),
    "weights alone": (
        lambda folder: km.save_model(folder, km.build_model("dcgan_16"), "g.weights.h5"),
        "weights without the layers",
    ),
    "no model": (_write_config([1, 2]), "describes no model"),
    "unknown length": (
        _save(keras.Input((None,)), kl.Dropout(0.5)),
        "give the shape of z by --latent, e.g. --latent 100",
    ),
    "two outputs": (_save_twins, "has 2 outputs; expected one, the picture"),
    "deep": (_write_config("[" * 100_000), ""),
    "weights without bounds": (
        _write_config(
            kf.sequential_config(
                kf.layer_config("Dense", "d", units=1 << 40, kernel_initializer=None)
            )
        ),
        "100,000,000",
    ),
    "values without bounds": (
        _write_config(kf.sequential_config(kf.layer_config("RepeatVector", "r", n=1 << 30))),
        "values; is it a generator of pictures?",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_generator_is_refused_in_a_sentence(name, tmp_path):
    make, says = REFUSED[name]
    assert_refused(make(tmp_path), says)


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    packed = {"compression": zipfile.ZIP_DEFLATED}
    path = kf.write_archive(tmp_path / "g.keras", kf.sequential_config(), bytes(1 << 26), **packed)
    assert path.stat().st_size < 1 << 17
    assert_refused(path, "model.weights.h5 in it has ", "which no model does")
