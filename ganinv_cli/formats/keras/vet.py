"""Vet a Keras config: rebuild it from Keras's own classes that compute and do nothing else.

Keras's safe mode is a list of what is forbidden and was bypassed several times, so this is a list
of what is allowed. What Keras 2 wrote is mended, so that Keras 3 reads it.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ganinv_cli.formats.interface import MAX_WEIGHTS, UnreadableError

Config = dict[str, Any]  # class_name, config and, in a model, name and inbound_nodes

MODEL_MODULES = {
    "Sequential": "keras",
    "Functional": "keras.src.models.functional",
    "Model": "keras.src.models.functional",  # of Keras 2.2 and earlier
}
_LAYERS = """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average
    AveragePooling1D AveragePooling2D BatchNormalization CategoryEncoding Concatenate Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Cropping1D Cropping2D Dense DepthwiseConv1D
    DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
    GroupNormalization GroupQueryAttention Identity InputLayer LayerNormalization LeakyReLU
    Maximum MaxPooling1D MaxPooling2D Minimum MultiHeadAttention Multiply PReLU Permute
    RMSNormalization ReLU RepeatVector Rescaling Reshape SeparableConv1D SeparableConv2D Softmax
    SpatialDropout1D SpatialDropout2D SpectralNormalization Subtract UnitNormalization
    UpSampling1D UpSampling2D ZeroPadding1D ZeroPadding2D"""
_FUNCTIONS = {  # of keras.ops, by the module that holds them
    "numpy": """Absolute Add Amax Amin Average BroadcastTo Clip Concatenate Cos Cumsum Divide Einsum
    Exp ExpandDims Expm1 Flip GetItem Log Log1p Matmul Max Maximum Mean Min Minimum Moveaxis
    Multiply Negative OnesLike Pad Power Prod Reciprocal Repeat Reshape Roll Sign Sin Sqrt Square
    Squeeze Stack Std Subtract Sum Swapaxes Take Tanh Tensordot Tile Transpose TrueDivide Var Where
    ZerosLike""",
    "nn": """Celu DepthToSpace Elu Gelu HardSigmoid HardSilu LeakyRelu LogSigmoid Normalize Relu
    Relu6 Selu Sigmoid Silu Softmax Softplus Softsign SpaceToDepth""",
    "math": "Erf Rsqrt",
    "image": "Resize",
}
FUNCTIONS = {
    name: f"keras.src.ops.{module}"
    for module, names in _FUNCTIONS.items()
    for name in names.split()
}
_ACTIVATIONS = """
    celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus
    softsign squareplus swish tanh tanh_shrink"""
LAYERS, ACTIVATIONS = frozenset(_LAYERS.split()), frozenset(_ACTIVATIONS.split())
DTYPES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
NOISE = {  # the setting that makes a random layer do nothing at 0
    **dict.fromkeys(("Dropout", "SpatialDropout1D", "SpatialDropout2D"), "rate"),
    **{"AlphaDropout": "rate", "GaussianDropout": "rate", "GaussianNoise": "stddev"},
}
_DROPPED_SUFFIXES = ("_regularizer", "_constraint")  # they act in training only
_DROPPED = ("dtype", "batch_input_shape", "input_length", "quantization_config", "ragged", "sparse")


class UnvettedError(UnreadableError):
    """A config names a class or function that is not known to be harmless."""


class Zeros:
    """An initialiser for weights that are read afterwards; it bounds their number in a model."""

    def __init__(self) -> None:
        self._values = 0

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return zeros. Raises UnreadableError if the model has more than MAX_WEIGHTS values."""
        from keras import ops

        self._values += math.prod(shape)
        if self._values > MAX_WEIGHTS:
            raise UnreadableError(
                f"describes more than {MAX_WEIGHTS:,} weights; is it a generator of pictures?"
            )
        return ops.zeros(shape, dtype)

    def get_config(self) -> Config:
        return {}

    @classmethod
    def from_config(cls, config: Config) -> "Zeros":
        return cls()


def vet_model(config: Any) -> Config:
    """Return the config of a model, rebuilt. Raises UnvettedError, or LookupError and the like."""
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise UnreadableError(
            "the config describes no model; expected what model.to_json() writes, with class_name "
            "and config"
        )
    if not _is_of_keras(config) or config["class_name"] not in MODEL_MODULES:
        raise UnvettedError(
            f"is a {str(config['class_name'])[:60]!r}, a class of its own, whose layers are in its "
            "code and not in the file; ganinv runs none; save it as a Functional or Sequential "
            "model, or --trust loads it with Keras"
        )
    return _vet_layer(config, Zeros())


def _vet_layer(config: Mapping[str, Any], zeros: Zeros) -> Config:
    kind, settings = str(config["class_name"]), config["config"]
    if kind in MODEL_MODULES and _is_of_keras(config):
        return _vet_inner_model(config, zeros)
    name = str(settings.get("name") or config.get("name") or kind)[:60]
    is_function = _is_function(config)
    if not _is_of_keras(config) or kind not in (FUNCTIONS if is_function else LAYERS):
        what = "" if kind in LAYERS else f" ({config.get('module') or 'of no module'})"
        raise _unvetted_error(name, f"a {kind[:60]} layer{what}")
    rebuilt = {
        key: _vet_setting(name, key, value, zeros)
        for key, value in settings.items()
        if key not in _DROPPED and not key.endswith(_DROPPED_SUFFIXES)
    }
    rebuilt["name"] = name.replace("/", "_")  # which Keras 2 allowed
    if kind == "InputLayer":
        rebuilt["batch_shape"] = settings.get("batch_shape") or settings.get("batch_input_shape")
        rebuilt["dtype"] = _read_dtype(settings)
    elif not is_function:
        _check_precision(name, settings)
    if kind in NOISE:
        rebuilt[NOISE[kind]] = 0  # else it needs the state of its random numbers in the file
    if kind == "BatchNormalization" and isinstance(rebuilt.get("axis"), list):
        (rebuilt["axis"],) = rebuilt["axis"]
    if kind != "GroupNormalization" and rebuilt.get("groups") == 1:
        del rebuilt["groups"]  # Keras 2 wrote it for layers that have none, as the following
    if kind.startswith(("Separable", "Depthwise")):
        rebuilt.pop("kernel_initializer", None)
    if kind == "LeakyReLU" and "alpha" in rebuilt:
        rebuilt["negative_slope"] = rebuilt.pop("alpha")
    module = FUNCTIONS[kind] if is_function else "keras.layers"
    return {"module": module, "class_name": kind, "config": rebuilt, "registered_name": None}


def _is_of_keras(config: Mapping[str, Any]) -> bool:
    """Return whether a class is said to be Keras's own, not another of the same name."""
    module = str(config.get("module") or "keras").split(".")[0]
    return module in ("keras", "tf_keras") and ">" not in (
        f"{config.get('registered_name')}{config['class_name']}"
    )


def _is_function(config: Mapping[str, Any]) -> bool:
    """Return whether a layer is a function of keras.ops; HDF5 tells only by its arguments."""
    if config.get("module"):
        return str(config["module"]).startswith(("keras.src.ops", "keras.ops"))
    calls = [each for each in config.get("inbound_nodes", ()) if isinstance(each, Mapping)]
    return config["class_name"] not in LAYERS or any(len(each["args"]) > 1 for each in calls)


def _unvetted_error(name: str, what: str) -> UnvettedError:
    return UnvettedError(
        f"{name} is {what}, which is code or not known to ganinv, and is not run; --trust loads it "
        "with Keras"
    )


def _check_precision(name: str, settings: Mapping[str, Any]) -> None:
    dtype = _read_dtype(settings)
    if dtype not in DTYPES or settings.get("quantization_config"):
        raise UnreadableError(f"{name} is quantised ({dtype}); use a model in floats")


def _read_dtype(settings: Mapping[str, Any]) -> str:
    dtype = settings.get("dtype") or "float32"
    if isinstance(dtype, Mapping):
        dtype = dtype["config"].get("name") or dtype["config"].get("mode")
    return str(dtype)


def _vet_setting(name: str, key: str, value: Any, zeros: Zeros) -> Any:
    if key.endswith("_initializer"):
        return zeros
    if key == "activation":
        return _vet_activation(name, value, zeros)
    return _vet_value(value, zeros)


def _vet_activation(name: str, value: Any, zeros: Zeros) -> Any:
    """Return the name of a function, or the config of a layer."""
    if isinstance(value, Mapping) and value.get("class_name") in LAYERS:
        return _vet_layer(value, zeros)
    if isinstance(value, Mapping) and value.get("class_name") == "function":
        module = str(value.get("module") or "keras").split(".")[0]
        value = value["config"] if module in ("keras", "tf_keras", "builtins") else value
    if value is not None and (not isinstance(value, str) or value not in ACTIVATIONS):
        raise _unvetted_error(name, f"a layer with the activation {str(value)[:60]}")
    return value


def _vet_value(value: Any, zeros: Zeros) -> Any:
    """Return a setting or an argument: numbers, texts, tensors and vetted layers."""
    if isinstance(value, list):
        return [_vet_value(each, zeros) for each in value]
    if not isinstance(value, Mapping):
        return value
    kind, config = value.get("class_name"), value.get("config", {})
    if kind is None:
        return {key: _vet_value(each, zeros) for key, each in value.items()}
    if kind == "__numpy__" and isinstance(config["value"], int | float):
        return config["value"]
    if kind in ("__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"):
        return {"class_name": kind, "config": _vet_value(config, zeros)}
    if not isinstance(config, Mapping):
        raise _unvetted_error(str(kind)[:60], "a setting of a layer")
    return _vet_layer(value, zeros)


def _vet_inner_model(config: Mapping[str, Any], zeros: Zeros) -> Config:
    kind, settings = config["class_name"], config["config"]
    if isinstance(settings, list):  # of Keras 2.2
        settings = {"layers": settings}
    name = str(settings.get("name") or config.get("name") or kind).replace("/", "_")
    layers = [_vet_layer(each, zeros) for each in settings["layers"]]
    if kind == "Sequential":
        first = _make_input(name, config, settings)
        rebuilt = {"name": name, "layers": [*first, *layers]}
    else:
        rebuilt = {"name": name, **_vet_graph(settings, layers, zeros)}
    return {"module": MODEL_MODULES[kind], "class_name": _rename(kind), "config": rebuilt}


def _rename(kind: str) -> str:
    return "Functional" if kind == "Model" else kind


def _make_input(name: str, config: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Config]:
    """Return the input layer of a Sequential model that has none but states its shape."""
    first = settings["layers"][0]
    if first["class_name"] in ("InputLayer", *MODEL_MODULES):
        return []
    shape = (
        first["config"].get("batch_input_shape")
        or settings.get("build_input_shape")
        or (config.get("build_config") or {}).get("input_shape")
    )
    values = {"name": f"{name}_input", "batch_shape": shape, "dtype": "float32"}
    return [{"module": "keras.layers", "class_name": "InputLayer", "config": values}] * bool(shape)


def _vet_graph(settings: Mapping[str, Any], layers: list[Config], zeros: Zeros) -> Config:
    """Return the layers of a Functional model with their calls, and its inputs and outputs."""
    raw = settings["layers"]
    first_calls = _find_first_calls(settings)
    inner_models = {each["name"] for each in raw if _rename(each["class_name"]) == "Functional"}

    def renumber(key: list[Any], is_end: bool = False) -> list[Any]:
        name, number, output = key[:3]
        if name in first_calls:  # Keras 3 counts the outputs of inner Functional models from 1
            number += (is_end and name in inner_models) - first_calls[name]
        return [name, number, output, *(_vet_value(each, zeros) for each in key[3:])]

    def vet_call(call: Any) -> Any:
        if isinstance(call, Mapping):
            return {key: _vet_value(call[key], zeros) for key in ("args", "kwargs")}
        return [renumber(key) for key in _list_keys(call)]

    called = [
        {**layer, "name": each["name"], "inbound_nodes": list(map(vet_call, each["inbound_nodes"]))}
        for each, layer in zip(raw, layers, strict=True)
    ]
    ends = {
        key: _map_keys(settings[key], lambda each: renumber(each, is_end=True))
        for key in ("input_layers", "output_layers")
    }
    return {"layers": called, **ends}


def _find_first_calls(settings: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of each layer's first call in a config of Keras 2: 1 for inner models."""
    calls = [call for layer in settings["layers"] for call in layer["inbound_nodes"]]
    if not any(isinstance(call, list) for call in calls):
        return {}
    keys = [key for call in calls for key in _list_keys(call)]
    first: dict[str, int] = {}
    for name, number, *_ in [*keys, *_list_keys(settings["output_layers"])]:
        first[name] = min(number, first.get(name, number))
    return first


def _list_keys(raw: Any) -> Iterator[list[Any]]:
    """Yield the outputs of layers in lists and dictionaries: name, number of the call, output."""
    if isinstance(raw, list) and raw and isinstance(raw[0], str):
        yield raw
    else:
        for each in raw.values() if isinstance(raw, Mapping) else raw:
            yield from _list_keys(each)


def _map_keys(raw: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    if isinstance(raw, Mapping):
        return {key: _map_keys(each, change) for key, each in raw.items()}
    if raw and isinstance(raw[0], str):
        return change(raw)
    return [_map_keys(each, change) for each in raw]
