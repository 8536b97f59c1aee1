"""Keras's activations as ours."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ganinv_cli.formats.keras.config import Described
from ganinv_cli.formats.keras.settings import Settings
from ganinv_cli.formats.keras.values import Growing, Value
from ganinv_cli.network.layers import Activation, Affine, Layer

LEAKY_LAYER, LEAKY_FUNCTION = 0.3, 0.2  # Keras has two defaults
SIGMOIDS = {2: 1.2, 3: 1.0}  # what hard_sigmoid multiplies x by before (x + 3) / 6 is cut to 0..1

Make = Callable[[Settings, str], Activation]


def activation(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """The layer Activation."""
    return fused(growing, layer, given[0])


def fused(growing: Growing, layer: Described, given: Value) -> Value:
    """The activation that is a setting of a layer: by name, or a layer's or a function's config."""
    told: Any = layer.settings.values.get("activation")
    if isinstance(told, Mapping):
        inner, kind = told.get("config"), str(told.get("class_name"))
        if kind in LAYERS and isinstance(inner, Mapping):
            return _added(growing, given, LAYERS[kind](Settings(layer.name, kind, inner), kind))
        own = str(told.get("module", "keras")).split(".")[0] in ("keras", "tf_keras", "builtins")
        told = inner if own and kind == "function" and isinstance(inner, str) else kind
    if told is None or told == "linear":
        return given
    if told == "hard_sigmoid":
        return _hard_sigmoid(growing, layer, given)
    if not isinstance(told, str) or told not in NAMED:
        raise layer.settings.untranslated(
            f"the activation {str(told)[:60]}", f"knows {', '.join(NAMED)}"
        )
    return _added(growing, given, NAMED[told](layer.settings, told), layer.name)


def alone(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """A layer that is an activation."""
    return _added(growing, given[0], LAYERS[layer.kind](layer.settings, layer.kind), layer.name)


def called(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """A function of keras.ops that is an activation."""
    name = layer.kind.removeprefix("ops.").lower()
    return _added(growing, given[0], NAMED[OPERATIONS[name]](layer.settings, name), layer.name)


def _added(growing: Growing, given: Value, layer: Layer, name: str = "") -> Value:
    return growing.add(layer, [given], name)


def _hard_sigmoid(growing: Growing, layer: Described, given: Value) -> Value:
    scale = SIGMOIDS[2 if growing.version < 3 else 3]
    if scale != 1:
        channels = given.shape[-1]
        shift = np.zeros(channels, np.float32)
        steeper = Affine(np.full(channels, scale, np.float32), shift)
        given = growing.add(steeper, [given], layer.name)
    return growing.add(Activation("hard_sigmoid"), [given], layer.name)


def _relu(settings: Settings, kind: str) -> Activation:
    slope = settings.real("negative_slope", default=0.0)
    most, threshold = settings.real("max_value", default=0.0), settings.real("threshold", default=0)
    if threshold or most not in (0, 6) or (most and slope):
        raise settings.untranslated(
            f"negative_slope {slope:g}, max_value {most:g} and threshold {threshold:g}",
            "knows those without a threshold, with a slope or up to 6",
        )
    if most:
        return Activation("relu6")
    return Activation("leaky_relu", slope) if slope else Activation("relu")


def _leaky(settings: Settings, kind: str) -> Activation:
    default = LEAKY_LAYER if kind == "LeakyReLU" else LEAKY_FUNCTION
    return Activation("leaky_relu", settings.real("negative_slope", "alpha", default=default))


def _elu(settings: Settings, kind: str) -> Activation:
    return Activation("elu", settings.real("alpha", default=1.0) if kind == "ELU" else 1.0)


def _leaky_named(settings: Settings, kind: str) -> Activation:
    return Activation("leaky_relu", LEAKY_FUNCTION)


def _called(ours: str) -> Make:
    return lambda settings, kind: Activation(ours)


LAYERS: dict[str, Make] = {"ReLU": _relu, "LeakyReLU": _leaky, "ELU": _elu}
NAMED: dict[str, Make] = {
    **{
        name: _called(name)
        for name in ("relu", "relu6", "selu", "softplus", "softsign", "tanh", "sigmoid", "gelu")
    },
    **{"swish": _called("swish"), "silu": _called("swish"), "exponential": _called("exp")},
    **{"leaky_relu": _leaky_named, "elu": _elu},
}
OPERATIONS = {name: name for name in ("relu", "relu6", "sigmoid", "tanh", "softplus", "silu")}
