"""Translation of Keras's activations."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ganinv_cli.formats.keras.config import LayerConfig
from ganinv_cli.formats.keras.layer_settings import LayerSettings
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, Value
from ganinv_cli.network.layers import Activation, Affine, Layer

LEAKY_LAYER_SLOPE, LEAKY_FUNCTION_SLOPE = 0.3, 0.2  # Keras has two defaults
HARD_SIGMOID_SCALES = {
    2: 1.2,
    3: 1.0,
}  # factor of x in hard_sigmoid, before (x + 3) / 6 is clipped to [0, 1]

MakeActivation = Callable[[LayerSettings, str], Activation]


def translate_activation(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate the layer Activation."""
    return apply_activation(builder, layer, inputs[0])


def apply_activation(builder: NetworkBuilder, layer: LayerConfig, x: Value) -> Value:
    """Apply the activation in a layer's settings: a name, or the config of a layer or function."""
    setting: Any = layer.settings.values.get("activation")
    if isinstance(setting, Mapping):
        inner, kind = setting.get("config"), str(setting.get("class_name"))
        if kind in ACTIVATION_LAYERS and isinstance(inner, Mapping):
            return _add_layer(
                builder, x, ACTIVATION_LAYERS[kind](LayerSettings(layer.name, kind, inner), kind)
            )
        from_keras = str(setting.get("module", "keras")).split(".")[0] in (
            "keras",
            "tf_keras",
            "builtins",
        )
        setting = inner if from_keras and kind == "function" and isinstance(inner, str) else kind
    if setting is None or setting == "linear":
        return x
    if setting == "hard_sigmoid":
        return _hard_sigmoid(builder, layer, x)
    if not isinstance(setting, str) or setting not in ACTIVATION_FUNCTIONS:
        raise layer.settings.untranslated_error(
            f"the activation {str(setting)[:60]}", f"supports {', '.join(ACTIVATION_FUNCTIONS)}"
        )
    return _add_layer(
        builder, x, ACTIVATION_FUNCTIONS[setting](layer.settings, setting), layer.name
    )


def translate_activation_layer(
    builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]
) -> Value:
    """Translate a layer that is an activation."""
    return _add_layer(
        builder, inputs[0], ACTIVATION_LAYERS[layer.kind](layer.settings, layer.kind), layer.name
    )


def translate_activation_function(
    builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]
) -> Value:
    """Translate a function of keras.ops that is an activation."""
    name = layer.kind.removeprefix("ops.").lower()
    return _add_layer(
        builder,
        inputs[0],
        ACTIVATION_FUNCTIONS[ACTIVATION_OPERATIONS[name]](layer.settings, name),
        layer.name,
    )


def _add_layer(builder: NetworkBuilder, x: Value, layer: Layer, name: str = "") -> Value:
    return builder.add_layer(layer, [x], name)


def _hard_sigmoid(builder: NetworkBuilder, layer: LayerConfig, x: Value) -> Value:
    scale = HARD_SIGMOID_SCALES[2 if builder.version < 3 else 3]
    if scale != 1:
        channels = x.shape[-1]
        shift = np.zeros(channels, np.float32)
        steeper = Affine(np.full(channels, scale, np.float32), shift)
        x = builder.add_layer(steeper, [x], layer.name)
    return builder.add_layer(Activation("hard_sigmoid"), [x], layer.name)


def _relu(settings: LayerSettings, kind: str) -> Activation:
    slope = settings.read_float("negative_slope", default=0.0)
    maximum, threshold = (
        settings.read_float("max_value", default=0.0),
        settings.read_float("threshold", default=0),
    )
    if threshold or maximum not in (0, 6) or (maximum and slope):
        raise settings.untranslated_error(
            f"negative_slope {slope:g}, max_value {maximum:g} and threshold {threshold:g}",
            "supports those without a threshold, with a slope or up to 6",
        )
    if maximum:
        return Activation("relu6")
    return Activation("leaky_relu", slope) if slope else Activation("relu")


def _leaky_relu(settings: LayerSettings, kind: str) -> Activation:
    default = LEAKY_LAYER_SLOPE if kind == "LeakyReLU" else LEAKY_FUNCTION_SLOPE
    return Activation("leaky_relu", settings.read_float("negative_slope", "alpha", default=default))


def _elu(settings: LayerSettings, kind: str) -> Activation:
    return Activation("elu", settings.read_float("alpha", default=1.0) if kind == "ELU" else 1.0)


def _leaky_relu_function(settings: LayerSettings, kind: str) -> Activation:
    return Activation("leaky_relu", LEAKY_FUNCTION_SLOPE)


def _make_activation(name: str) -> MakeActivation:
    return lambda settings, kind: Activation(name)


ACTIVATION_LAYERS: dict[str, MakeActivation] = {
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
}
ACTIVATION_FUNCTIONS: dict[str, MakeActivation] = {
    **{
        name: _make_activation(name)
        for name in ("relu", "relu6", "selu", "softplus", "softsign", "tanh", "sigmoid", "gelu")
    },
    **{
        "swish": _make_activation("swish"),
        "silu": _make_activation("swish"),
        "exponential": _make_activation("exp"),
    },
    **{"leaky_relu": _leaky_relu_function, "elu": _elu},
}
ACTIVATION_OPERATIONS = {
    name: name for name in ("relu", "relu6", "sigmoid", "tanh", "softplus", "silu")
}
