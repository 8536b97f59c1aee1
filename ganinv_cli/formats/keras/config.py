"""The JSON that Keras 1, 2 and 3 describe a model in, as layers and what each is called with."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ganinv_cli.formats.keras.calls import Call, Key, calls, keys
from ganinv_cli.formats.keras.settings import MOST, Settings, UntranslatedError
from ganinv_cli.formats.reading import UnreadableError

MOST_DEPTH = 16  # of models in models
MOST_LAYERS = 2_000
MODELS = {"Sequential", "Functional", "Model"}

Place = tuple[tuple[str, int], ...]  # in the weights: name of the class and which of its layers


@dataclass(frozen=True)
class Described:
    """A layer as the config has it."""

    settings: Settings
    place: Place
    inner: "Model | None" = None  # of a model that is used as a layer
    wrapped: "Described | None" = None  # what a wrapper is around

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


class Input(NamedTuple):
    """What a model is called with."""

    name: str
    shape: tuple[int | None, ...] | None  # of a row; None where the config does not say
    dtype: str


@dataclass(frozen=True)
class Model:
    """Layers, and how they are called one after the other."""

    name: str
    kind: str  # Sequential or Functional
    layers: tuple[Described, ...]
    inputs: tuple[tuple[Key, Input], ...]
    calls: tuple[Call, ...]
    outputs: tuple[Key, ...]


def parsed(text: str) -> Model:
    """Raises UnreadableError."""
    try:
        config = json.loads(text)
    except RecursionError:
        raise UnreadableError("the config is nested too deeply to be Keras's") from None
    except ValueError as error:
        raise UnreadableError(
            f"the config is not JSON ({error}); save the model again with Keras"
        ) from None
    try:
        return _model(_checked(config), (), 0)
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise UnreadableError(
            f"the config is not one that Keras wrote ({type(error).__name__}: {error}); save the "
            "model again with Keras"
        ) from None


def _checked(config: Any) -> Mapping[str, Any]:
    if not isinstance(config, dict) or "class_name" not in config:
        raise UnreadableError(
            "the config describes no model; expected what model.to_json() writes, with class_name "
            "and config"
        )
    if not _known(config) or config["class_name"] not in MODELS:
        name = repr(config["class_name"])[:60]
        raise UntranslatedError(
            f"is a {name}, a class of its own, whose layers are in its code and not in the file; "
            "ganinv runs none; save it as a Functional or Sequential model"
        )
    return config


def _known(config: Mapping[str, Any]) -> bool:
    """Whether Keras's own class is meant, not one of somebody's under the same name."""
    module = config.get("module")
    own = module is None or str(module).split(".")[0] in ("keras", "tf_keras")
    return own and ">" not in str(config.get("registered_name")) + str(config["class_name"])


def _model(config: Mapping[str, Any], place: Place, depth: int) -> Model:
    if depth > MOST_DEPTH:
        raise UnreadableError("holds models in models, too deeply to be a generator's")
    settings = config["config"]
    if isinstance(settings, list):  # Keras 1 and 2 to 2.2
        settings = {"layers": settings, "name": config.get("name", "sequential")}
    if len(settings["layers"]) > MOST_LAYERS:
        raise UnreadableError(
            f"has {len(settings['layers']):,} layers where at most {MOST_LAYERS:,} were expected"
        )
    layers = tuple(_layers(settings["layers"], place, depth))
    name = str(settings.get("name", ""))
    if config["class_name"] == "Sequential":
        return _sequential(name, layers, config, settings)
    pairs = zip(settings["layers"], layers, strict=True)
    made = tuple(call for raw, layer in pairs for call in calls(layer.name, raw["inbound_nodes"]))
    called, outputs = _counted(made, keys(settings["output_layers"]))
    if len(made) > MOST_LAYERS:
        raise UnreadableError(f"calls its layers {len(made):,} times; is it a generator?")
    by_name = {layer.name: layer for layer in layers}
    inputs = tuple((key, _input(by_name[key[0]])) for key in keys(settings["input_layers"]))
    return Model(name, "Functional", layers, inputs, called, outputs)


def _layers(raw: list[Any], place: Place, depth: int) -> Iterator[Described]:
    used: dict[str, int] = {}
    for config in raw:
        kind = _kind(config)
        snake = _snake(config["class_name"])
        if not kind.startswith("ops."):  # functions hold no weights, and are not counted
            used[snake] = used.get(snake, -1) + 1
        yield _described(config, kind, (*place, (snake, used.get(snake, 0))), depth)


def _described(config: Mapping[str, Any], kind: str, place: Place, depth: int) -> Described:
    values = config["config"]
    if kind in MODELS:
        inner = _model(config, place, depth + 1)
        name = str(config.get("name") or inner.name)
        return Described(Settings(name, kind, {}), place, inner)
    settings = Settings(str(values.get("name") or config.get("name") or kind), kind, values)
    if kind != "InputLayer":
        settings.check_policy()
    if kind != "SpectralNormalization":
        return Described(settings, place)
    wrapped = values["layer"]
    inside = _described(wrapped, _kind(wrapped), (*place, ("", 0)), depth)
    return Described(settings, place, wrapped=inside)


def _kind(config: Mapping[str, Any]) -> str:
    name, module = str(config["class_name"]), str(config.get("module"))
    if not _known(config):
        return f"{module}.{name}" if config.get("module") else name
    return f"ops.{name}" if module.startswith(("keras.src.ops", "keras.ops")) else name


def _snake(name: str) -> str:
    """As Keras turns the name of a class into one of a group of weights."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _sequential(
    name: str,
    layers: tuple[Described, ...],
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> Model:
    if layers and layers[0].kind == "InputLayer":
        given, chain = _input(layers[0]), layers[1:]
    else:
        given, chain = _first(layers, config, settings), layers
    start = before = ("", 0)
    made = []
    for layer in chain:
        made.append(Call((layer.name, 0), (before,)))
        before = (layer.name, 0)
    if len({layer.name for layer in chain}) < len(chain):
        raise ValueError("two layers of one name")
    return Model(name, "Sequential", layers, ((start, given),), tuple(made), (before,))


def _first(
    layers: tuple[Described, ...], config: Mapping[str, Any], settings: Mapping[str, Any]
) -> Input:
    """The input of a Sequential model that has no layer for it."""
    build = config.get("build_config") or {}
    first = layers[0].settings.values if layers else {}
    shape = _row(first) or settings.get("build_input_shape") or build.get("input_shape")
    if layers and layers[0].inner and shape is None:
        (_, inner), *_ = layers[0].inner.inputs
        return inner
    return Input("", _sizes(shape), _dtype(first.get("dtype")))


def _row(values: Mapping[str, Any]) -> Any:
    """A shape with the batch in it."""
    return values.get("batch_shape") or values.get("batch_input_shape")


def _input(layer: Described) -> Input:
    values = layer.settings.values
    return Input(layer.name, _sizes(_row(values)), _dtype(values.get("dtype")))


def _sizes(shape: Any) -> tuple[int | None, ...] | None:
    if not isinstance(shape, list) or not shape or isinstance(shape[0], list):
        return None
    known = (isinstance(size, int) and 0 < size <= MOST for size in shape[1:])
    return tuple(size if right else None for size, right in zip(shape[1:], known, strict=True))


def _dtype(value: Any) -> str:
    if isinstance(value, Mapping):
        value = (value.get("config") or {}).get("name")
    return value if isinstance(value, str) else "float32"


def _counted(
    made: tuple[Call, ...], outputs: tuple[Key, ...]
) -> tuple[tuple[Call, ...], tuple[Key, ...]]:
    """The calls of each layer counted from 0; a model's own may be one more, and come first."""
    asked = [*outputs, *(key for call in made for key in call.sources)]
    least: dict[str, int] = {}
    for name, number in asked:
        least[name] = min(number, least.get(name, number))

    def moved(key: Key) -> Key:
        return key[0], key[1] - least[key[0]]

    def counted(call: Call) -> Call:
        arguments = (a if isinstance(a, float) else moved(a) for a in call.arguments)
        return call._replace(arguments=tuple(arguments))

    return tuple(map(counted, made)), tuple(map(moved, outputs))
