"""Parser of the JSON in which Keras 1, 2 and 3 describe a model: layers and their calls."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras.layer_settings import MAX_SIZE, LayerSettings, UntranslatedError

MAX_DEPTH = 16  # of models in models
MAX_LIST_DEPTH = 8  # of lists in lists
MAX_LAYERS = 2_000
MODEL_CLASSES = {"Sequential", "Functional", "Model"}

WeightPath = tuple[
    tuple[str, int], ...
]  # in the weights: name of the class and which of its layers


CallKey = tuple[str, int]  # an output: name of the layer, and number of the call


class Call(NamedTuple):
    """One call of a layer."""

    key: CallKey
    arguments: tuple[CallKey | float, ...]
    training: bool = False  # whether training=True is fixed in the model

    @property
    def inputs(self) -> tuple[CallKey, ...]:
        return tuple(each for each in self.arguments if not isinstance(each, float))


@dataclass(frozen=True)
class LayerConfig:
    """A layer of the config."""

    settings: LayerSettings
    weight_path: WeightPath
    inner_model: "Model | None" = None  # of a model that is used as a layer
    wrapped_layer: "LayerConfig | None" = None  # the layer inside a wrapper

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def kind(self) -> str:
        """Its class, or `ops.` and the name of a function that was called on tensors."""
        return self.settings.kind

    @property
    def trainable(self) -> bool:
        return self.settings.values.get("trainable") is not False


class ModelInput(NamedTuple):
    """An input of a model."""

    name: str
    shape: tuple[int | None, ...] | None  # of a row; None if the config does not state it
    dtype: str


@dataclass(frozen=True)
class Model:
    """The layers of a model, and their calls in order."""

    name: str
    kind: str  # Sequential or Functional
    layers: tuple[LayerConfig, ...]
    inputs: tuple[tuple[CallKey, ModelInput], ...]
    calls: tuple[Call, ...]
    outputs: tuple[CallKey, ...]


def parse_config(text: str) -> Model:
    """Return the model that a config describes. Raises UnreadableError."""
    try:
        config = json.loads(text)
    except RecursionError:
        raise UnreadableError("the config is nested too deeply to be Keras's") from None
    except ValueError as error:
        raise UnreadableError(
            f"the config is not JSON ({error}); save the model again with Keras"
        ) from None
    try:
        return _parse_model(_check_config(config), (), 0)
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise UnreadableError(
            f"the config is not one that Keras wrote ({type(error).__name__}: {error}); save the "
            "model again with Keras"
        ) from None


def _check_config(config: Any) -> Mapping[str, Any]:
    if not isinstance(config, dict) or "class_name" not in config:
        raise UnreadableError(
            "the config describes no model; expected what model.to_json() writes, with class_name "
            "and config"
        )
    if not _is_keras_class(config) or config["class_name"] not in MODEL_CLASSES:
        name = repr(config["class_name"])[:60]
        raise UntranslatedError(
            f"is a {name}, a class of its own, whose layers are in its code and not in the file; "
            "ganinv runs none; save it as a Functional or Sequential model"
        )
    return config


def _is_keras_class(config: Mapping[str, Any]) -> bool:
    """Return whether a class is part of Keras, not another class of the same name."""
    module = config.get("module")
    from_keras = module is None or str(module).split(".")[0] in ("keras", "tf_keras")
    return from_keras and ">" not in str(config.get("registered_name")) + str(config["class_name"])


def _parse_model(config: Mapping[str, Any], weight_path: WeightPath, depth: int) -> Model:
    if depth > MAX_DEPTH:
        raise UnreadableError("holds models in models, too deeply to be a generator's")
    settings = config["config"]
    if isinstance(settings, list):  # Keras 1 and 2 to 2.2
        settings = {"layers": settings, "name": config.get("name", "sequential")}
    if len(settings["layers"]) > MAX_LAYERS:
        raise UnreadableError(
            f"has {len(settings['layers']):,} layers, but at most {MAX_LAYERS:,} were expected"
        )
    layers = tuple(_parse_layers(settings["layers"], weight_path, depth))
    name = str(settings.get("name", ""))
    if config["class_name"] == "Sequential":
        return _parse_sequential(name, layers, config, settings)
    pairs = zip(settings["layers"], layers, strict=True)
    all_calls = tuple(
        call for raw, layer in pairs for call in _parse_calls(layer.name, raw["inbound_nodes"])
    )
    renumbered, outputs = _renumber_calls(all_calls, _parse_keys(settings["output_layers"]))
    if len(all_calls) > MAX_LAYERS:
        raise UnreadableError(f"calls its layers {len(all_calls):,} times; is it a generator?")
    by_name = {layer.name: layer for layer in layers}
    inputs = tuple(
        (key, _parse_input(by_name[key[0]])) for key in _parse_keys(settings["input_layers"])
    )
    return Model(name, "Functional", layers, inputs, renumbered, outputs)


def _parse_layers(raw: list[Any], weight_path: WeightPath, depth: int) -> Iterator[LayerConfig]:
    used: dict[str, int] = {}
    for config in raw:
        kind = _layer_kind(config)
        snake = _to_snake_case(config["class_name"])
        if not kind.startswith("ops."):  # functions hold no weights, and are not counted
            used[snake] = used.get(snake, -1) + 1
        yield _parse_layer(config, kind, (*weight_path, (snake, used.get(snake, 0))), depth)


def _parse_layer(
    config: Mapping[str, Any], kind: str, weight_path: WeightPath, depth: int
) -> LayerConfig:
    values = config["config"]
    if kind in MODEL_CLASSES:
        inner = _parse_model(config, weight_path, depth + 1)
        name = str(config.get("name") or inner.name)
        return LayerConfig(LayerSettings(name, kind, {}), weight_path, inner)
    settings = LayerSettings(str(values.get("name") or config.get("name") or kind), kind, values)
    if kind != "InputLayer":
        settings.check_dtype_policy()
    if kind != "SpectralNormalization":
        return LayerConfig(settings, weight_path)
    wrapped = values["layer"]
    wrapped_layer = _parse_layer(wrapped, _layer_kind(wrapped), (*weight_path, ("", 0)), depth)
    return LayerConfig(settings, weight_path, wrapped_layer=wrapped_layer)


def _layer_kind(config: Mapping[str, Any]) -> str:
    name, module = str(config["class_name"]), str(config.get("module"))
    if not _is_keras_class(config):
        return f"{module}.{name}" if config.get("module") else name
    return f"ops.{name}" if module.startswith(("keras.src.ops", "keras.ops")) else name


def _to_snake_case(name: str) -> str:
    """Return the name of a class as Keras names a group of weights."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _parse_sequential(
    name: str,
    layers: tuple[LayerConfig, ...],
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Model:
    if layers and layers[0].kind == "InputLayer":
        model_input, chain = _parse_input(layers[0]), layers[1:]
    else:
        model_input, chain = _infer_input(layers, config, settings), layers
    start = previous = ("", 0)
    calls = []
    for layer in chain:
        calls.append(Call((layer.name, 0), (previous,)))
        previous = (layer.name, 0)
    if len({layer.name for layer in chain}) < len(chain):
        raise ValueError("two layers of one name")
    return Model(name, "Sequential", layers, ((start, model_input),), tuple(calls), (previous,))


def _infer_input(
    layers: tuple[LayerConfig, ...], config: Mapping[str, Any], settings: Mapping[str, Any]
) -> ModelInput:
    """Return the input of a Sequential model that has no InputLayer."""
    build = config.get("build_config") or {}
    first = layers[0].settings.values if layers else {}
    shape = _batch_shape(first) or settings.get("build_input_shape") or build.get("input_shape")
    if layers and layers[0].inner_model and shape is None:
        (_, inner), *_ = layers[0].inner_model.inputs
        return inner
    return ModelInput("", _parse_row_shape(shape), _parse_dtype(first.get("dtype")))


def _batch_shape(values: Mapping[str, Any]) -> Any:
    """Return the shape with the batch axis, if there is one."""
    return values.get("batch_shape") or values.get("batch_input_shape")


def _parse_input(layer: LayerConfig) -> ModelInput:
    values = layer.settings.values
    return ModelInput(
        layer.name, _parse_row_shape(_batch_shape(values)), _parse_dtype(values.get("dtype"))
    )


def _parse_row_shape(shape: Any) -> tuple[int | None, ...] | None:
    if not isinstance(shape, list) or not shape or isinstance(shape[0], list):
        return None
    known = (isinstance(size, int) and 0 < size <= MAX_SIZE for size in shape[1:])
    return tuple(size if right else None for size, right in zip(shape[1:], known, strict=True))


def _parse_dtype(value: Any) -> str:
    if isinstance(value, Mapping):
        value = (value.get("config") or {}).get("name")
    return value if isinstance(value, str) else "float32"


def _renumber_calls(
    calls: tuple[Call, ...], outputs: tuple[CallKey, ...]
) -> tuple[tuple[Call, ...], tuple[CallKey, ...]]:
    """Return calls and outputs with the calls of each layer counted from 0."""
    references = [*outputs, *(key for call in calls for key in call.inputs)]
    first_calls: dict[str, int] = {}
    for name, number in references:
        first_calls[name] = min(number, first_calls.get(name, number))

    def shift_key(key: CallKey) -> CallKey:
        return key[0], key[1] - first_calls[key[0]]

    def shift_call(call: Call) -> Call:
        arguments = (a if isinstance(a, float) else shift_key(a) for a in call.arguments)
        return call._replace(arguments=tuple(arguments))

    return tuple(map(shift_call, calls)), tuple(map(shift_key, outputs))


def _parse_calls(name: str, raw: list[Any]) -> Iterator[Call]:
    """Yield the calls of a layer. Raises UnreadableError, or LookupError, TypeError, ValueError."""
    for number, each in enumerate(raw):
        if isinstance(each, dict):
            keyword_arguments = {
                k: v for k, v in each["kwargs"].items() if k not in ("mask", "training")
            }
            arguments = [
                *_parse_arguments(each["args"], 0),
                *_parse_arguments(list(keyword_arguments.values()), 0),
            ]
            training = each["kwargs"].get("training")
        else:
            listed = [each] if each and isinstance(each[0], str) else each
            arguments = [_parse_key(item) for item in listed]
            extra = [item[3] for item in listed if len(item) > 3]
            training = any(item.get("training") for item in extra)
        yield Call((name, number), tuple(arguments), training is True)


def _parse_keys(raw: Any, depth: int = 0) -> tuple[CallKey, ...]:
    """Return the keys of inputs or outputs: one, a list, or a dictionary."""
    if depth > MAX_LIST_DEPTH:
        raise ValueError("lists in lists")
    if isinstance(raw, dict):
        raw = list(raw.values())
    if len(raw) == 3 and isinstance(raw[0], str):
        return (_parse_key(raw),)
    return tuple(key for each in raw for key in _parse_keys(each, depth + 1))


def _parse_key(raw: Any) -> CallKey:
    name, call, output = raw[:3]
    if output != 0:
        raise UnreadableError(f"{name} has several outputs; ganinv reads layers of one output")
    if not isinstance(name, str) or not isinstance(call, int):
        raise TypeError("a call of no layer")
    return name, call


def _parse_arguments(raw: Any, depth: int) -> Iterator[CallKey | float]:
    """Yield the tensors and numbers among arguments, in order."""
    if depth > MAX_LIST_DEPTH:
        raise ValueError("lists in lists")
    if isinstance(raw, dict) and raw.get("class_name") == "__keras_tensor__":
        yield _parse_key(raw["config"]["keras_history"])
    elif isinstance(raw, list | dict):
        for each in raw.values() if isinstance(raw, dict) else raw:
            yield from _parse_arguments(each, depth + 1)
    elif isinstance(raw, int | float) and not isinstance(raw, bool):
        yield float(raw)
