"""Vet a Keras config: rebuild it from Keras's own classes that compute and do nothing else.

Keras's safe mode is a list of what is forbidden and was bypassed several times, so this is a list
of what is allowed. What Keras 2 wrote is mended, so that Keras 3 reads it.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras
from keras.src.activations import ALL_OBJECTS_DICT as ACTIVATIONS
from keras.src.ops import image, nn, numpy
from keras.src.ops import math as math_functions

from ganinv_cli.generators.formats.interface import MAX_WEIGHTS, UnreadableError

Config = dict[str, Any]  # class_name, config and, in a model, name and inbound_nodes

MODELS = {"Sequential": "keras", "Functional": "keras.src.models.functional"}  # and their modules
_PACKAGES = (  # of Keras, whose layers only compute
    "activations attention convolutional merging normalization pooling regularization reshaping"
)
_OTHER_LAYERS = "CategoryEncoding Dense EinsumDense Embedding Identity InputLayer Rescaling"


def _list_classes(module: Any, *packages: str) -> Iterator[str]:
    """Yield the names of the classes in a module that are defined in packages."""
    for name, kind in vars(module).items():
        if isinstance(kind, type) and kind.__module__.startswith(packages):
            yield name


LAYERS = {
    *_OTHER_LAYERS.split(),
    *_list_classes(keras.layers, *(f"keras.src.layers.{each}." for each in _PACKAGES.split())),
}
FUNCTIONS = {  # of keras.ops, and their modules
    name: module.__name__
    for module in (image, math_functions, nn, numpy)
    for name in _list_classes(module, module.__name__)
}
LOAD_IN_PYTHON = (
    "load it in a Python file, which imports its classes, with LATENT = 100 for 100 values in z, "
    "and generate = keras.models.load_model(FILE, safe_mode=False)"
)
_DROPPED_SUFFIXES = ("_regularizer", "_constraint", "_initializer")  # not needed to make pictures
_DROPPED = ("dtype", "batch_input_shape", "input_length", "quantization_config", "ragged", "sparse")


class Zeros(keras.initializers.Zeros):  # type: ignore[misc]  # Keras states no types
    """Zeros for weights that are read afterwards; they bound the number of a layer's weights."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return zeros. Raises UnreadableError if they are more than MAX_WEIGHTS."""
        if math.prod(shape) > MAX_WEIGHTS:
            raise UnreadableError(
                f"describes more than {MAX_WEIGHTS:,} weights; is it a generator of pictures?"
            )
        return super().__call__(shape, dtype)


def vet_model(config: Any) -> Config:
    """Return the config of a model, rebuilt. Raises UnreadableError, LookupError and the like."""
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise UnreadableError("the config describes no model; write what model.to_json() gives")
    kind = config["class_name"]
    if not _is_of_keras(config) or kind not in (*MODELS, "Model"):
        raise UnreadableError(
            f"is a {str(kind)[:60]!r}, whose layers are in its code and not in the file; in the "
            "program with the code, export it as a SavedModel, model.export(FOLDER), or write a "
            ".py file that loads its weights, with LATENT = 100 for 100 values in z, and generate "
            "= model"
        )
    return _vet_inner_model(config)


def _vet_inner_model(config: Mapping[str, Any]) -> Config:
    kind, settings = config["class_name"], config["config"]
    kind = "Functional" if kind == "Model" else kind  # which Keras 2.2 wrote, as the following
    settings = {"layers": settings} if isinstance(settings, list) else settings
    name = str(settings.get("name") or config.get("name") or kind).replace("/", "_")
    layers = [_vet_layer(each) for each in settings["layers"]]
    if kind == "Sequential":
        stated = settings["layers"][0]["config"].get("batch_input_shape")
        stated = stated or settings.get("build_input_shape")
        shape = stated or (config.get("build_config") or {}).get("input_shape")
        rebuilt: Config = {"layers": layers, "build_input_shape": _vet_value(shape)}
    else:
        rebuilt = _vet_graph(settings, layers)
    return {"module": MODELS[kind], "class_name": kind, "config": {"name": name, **rebuilt}}


def _vet_graph(settings: Mapping[str, Any], layers: list[Config]) -> Config:
    rebuilt: Config = {key: _vet_value(settings[key]) for key in ("input_layers", "output_layers")}
    calls = [_vet_value(each["inbound_nodes"]) for each in settings["layers"]]
    if any(isinstance(call, list) for each in calls for call in each):
        calls = [[list(_list_keys(call)) for call in each] for each in calls]
        _renumber_calls(calls, rebuilt["output_layers"], settings["layers"])
    rebuilt["layers"] = [
        {**layer, "name": raw["name"], "inbound_nodes": each}
        for layer, raw, each in zip(layers, settings["layers"], calls, strict=True)
    ]
    return rebuilt


def _renumber_calls(calls: list[Any], outputs: list[Any], layers: list[Any]) -> None:
    """Count the calls of each layer from 0 in what Keras 2 wrote: it began at 1 for inner models.

    Keras 3 counts from 1 too, but only the outputs of a model, and only of Functional models.
    """
    keys = list(_list_keys([calls, outputs]))
    first: dict[str, int] = {}
    for name, number, *_ in keys:
        first[name] = min(number, first.get(name, number))
    for key in keys:
        key[1] -= first[key[0]]
    functional = {each["name"] for each in layers if each["class_name"] in ("Functional", "Model")}
    for key in _list_keys(outputs):
        key[1] += key[0] in functional


def _list_keys(raw: Any) -> Iterator[list[Any]]:
    """Yield the outputs of layers in nested lists: name, number of the call, number of the output.

    Keras 2 appends the settings of the call.
    """
    if raw and isinstance(raw[0], str):
        yield raw
    else:
        for each in raw:
            yield from _list_keys(each)


def _vet_layer(config: Mapping[str, Any]) -> Config:
    kind, settings = str(config["class_name"]), config["config"]
    if kind in (*MODELS, "Model") and _is_of_keras(config):
        return _vet_inner_model(config)
    name = str(settings.get("name") or config.get("name") or kind)
    is_function = _is_function(config)
    if not _is_of_keras(config) or kind not in (FUNCTIONS if is_function else LAYERS):
        raise _make_unvetted_error(name, f"a {kind[:60]} layer")
    rebuilt = {
        key: _vet_activation(name, value) if key == "activation" else _vet_value(value)
        for key, value in settings.items()
        if (kind == "InputLayer" or key not in _DROPPED) and not key.endswith(_DROPPED_SUFFIXES)
    }
    rebuilt |= {key: Zeros() for key in settings if key.endswith("_initializer")}
    rebuilt["name"] = name.replace("/", "_")  # which Keras 2 allowed
    _mend_layer(kind, rebuilt)
    module = FUNCTIONS[kind] if is_function else "keras.layers"
    return {"module": module, "class_name": kind, "config": rebuilt, "registered_name": None}


def _mend_layer(kind: str, rebuilt: Config) -> None:
    """Change settings that only Keras 2 knows, and switch noise off."""
    if kind.endswith(("Dropout", "Noise")):  # else it needs the state of its random numbers
        rebuilt |= {key: 0 for key in ("rate", "stddev") if key in rebuilt}
    if kind == "BatchNormalization" and isinstance(rebuilt.get("axis"), list):
        (rebuilt["axis"],) = rebuilt["axis"]
    if kind != "GroupNormalization" and rebuilt.get("groups") == 1:
        del rebuilt["groups"]
    if kind.startswith(("Separable", "Depthwise")):
        rebuilt.pop("kernel_initializer", None)
    if kind == "LeakyReLU" and "alpha" in rebuilt:
        rebuilt["negative_slope"] = rebuilt.pop("alpha")


def _is_of_keras(config: Mapping[str, Any]) -> bool:
    """Return whether a class is said to be Keras's own, not another of the same name."""
    module = str(config.get("module") or "keras").split(".")[0]
    names = f"{config.get('registered_name')}{config['class_name']}"
    return module in ("keras", "tf_keras") and ">" not in names


def _is_function(config: Mapping[str, Any]) -> bool:
    """Return whether a layer is a function of keras.ops; HDF5 tells only by its arguments."""
    if config.get("module"):
        return str(config["module"]).startswith(("keras.src.ops", "keras.ops"))
    calls = [each for each in config.get("inbound_nodes", ()) if isinstance(each, Mapping)]
    return any(len(each["args"]) > 1 or config["class_name"] not in LAYERS for each in calls)


def _make_unvetted_error(name: str, what: str) -> UnreadableError:
    return UnreadableError(
        f"{name[:60]} is {what}, which is code or not known to ganinv, and is not run; "
        f"{LOAD_IN_PYTHON}"
    )


def _vet_activation(name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("class_name") in LAYERS:
        return _vet_layer(value)
    if isinstance(value, Mapping) and value.get("class_name") == "function":
        module = str(value.get("module") or "keras").split(".")[0]
        value = value["config"] if module in ("keras", "tf_keras", "builtins") else value
    if value is not None and not (isinstance(value, str) and value in ACTIVATIONS):
        raise _make_unvetted_error(name, f"a layer with the activation {str(value)[:60]}")
    return value


def _vet_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_vet_value(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    kind, config = value.get("class_name"), value.get("config", {})
    if "class_name" not in value:
        return {key: _vet_value(each) for key, each in value.items()}
    if kind == "__numpy__" and isinstance(config["value"], int | float):
        return config["value"]
    if kind in ("__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"):
        return {"class_name": kind, "config": _vet_value(config)}
    if not isinstance(config, Mapping):
        raise _make_unvetted_error(str(kind), "a setting of a layer")
    return _vet_layer(value)
