"""Keras files written without Keras, for what it would not write."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py

Config = dict[str, Any]


def write_archive(path: Path, config: object, weights: bytes | None = None, **about: Any) -> Path:
    """As Keras writes it; where no weights are given, those of layers without any."""
    if weights is None:
        with h5py.File(path.with_name("none.h5"), "w") as file:
            file.create_group("layers")
        weights = path.with_name("none.h5").read_bytes()
    with zipfile.ZipFile(path, "w", **about) as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("metadata.json", '{"keras_version": "3.9.0"}')
        archive.writestr("model.weights.h5", weights)
    return path


def layer_config(kind: str, name: str, module: str = "keras.layers", **settings: Any) -> Config:
    return {"module": module, "class_name": kind, "config": {"name": name, **settings}}


def sequential_config(*layers: Config, **settings: Any) -> Config:
    start = layer_config("InputLayer", "z", batch_shape=[None, 4], dtype="float32")
    config = {"name": "g", "layers": [start, *layers], **settings}
    return {"module": "keras", "class_name": "Sequential", "config": config}


def functional_config(layers: list[tuple[Config, Any]], output: str) -> Config:
    """Layers with what each is called with."""
    start = layer_config("InputLayer", "z", batch_shape=[None, 4], dtype="float32")
    placed = [{**each, "name": each["config"]["name"], "inbound_nodes": nodes}
              for each, nodes in [(start, []), *layers]]  # fmt: skip
    config = {"name": "g", "layers": placed, "input_layers": [["z", 0, 0]]}
    config["output_layers"] = [[output, 0, 0]]
    return {"class_name": "Functional", "config": config}


def tensor(name: str) -> Config:
    """The output of a layer, as an argument of another in Keras 3."""
    history = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": history}


def write_hdf5(path: Path, config: object) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.12.0"
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights")
    return path
