"""Keras's activations as layers of network/: functions, and layers that are activations."""

from typing import Any

import keras
import numpy as np
from keras import layers as kl
from keras.src.ops import nn
from keras.src.ops import numpy as numpy_functions

from ganinv_cli.formats.keras.load import hard_sigmoid_2
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, UntranslatedError, Value
from ganinv_cli.network.layers import Activation, Affine

LEAKY_SLOPE = 0.2  # of the function; the layer has its own
STEEPNESS = 1.2  # of Keras 2's hard sigmoid: 0.2 x + 0.5 = (1.2 x + 3) / 6
FUNCTIONS = {
    **{
        getattr(keras.activations, name): Activation(name)
        for name in ("relu", "relu6", "selu", "softplus", "softsign", "tanh", "sigmoid", "gelu")
    },
    **{
        keras.activations.silu: Activation("swish"),
        keras.activations.exponential: Activation("exp"),
    },
    keras.activations.leaky_relu: Activation("leaky_relu", LEAKY_SLOPE),
    keras.activations.elu: Activation("elu", 1.0),
    **dict.fromkeys((keras.activations.hard_sigmoid, hard_sigmoid_2), Activation("hard_sigmoid")),
}
FUNCTION_LAYERS = {  # functions of keras.ops that were called on tensors
    **{nn.Relu: "relu", nn.Relu6: "relu6", nn.Sigmoid: "sigmoid", nn.Softplus: "softplus"},
    **{nn.Silu: "swish", numpy_functions.Tanh: "tanh"},
}


def apply_activation(builder: NetworkBuilder, layer: Any, x: Value) -> Value:
    """Apply the activation of a layer, a function or a layer itself, to its output."""
    function = layer.activation
    if function is keras.activations.linear:
        return x
    if function is hard_sigmoid_2:
        scale = np.full(x.shape[-1], STEEPNESS, np.float32)
        x = builder.add_layer(Affine(scale, np.zeros_like(scale)), [x], layer.name)
    return builder.add_layer(make_activation(function), [x], layer.name)


def make_activation(function: Any) -> Activation:
    """Return a function, a layer or a called function of Keras as an activation."""
    kind = type(function)
    if kind is kl.LeakyReLU:
        return Activation("leaky_relu", float(function.negative_slope))
    if kind is kl.ELU:
        return Activation("elu", float(function.alpha))
    if kind is kl.ReLU:
        return _make_relu(function)
    if kind in FUNCTION_LAYERS:
        return Activation(FUNCTION_LAYERS[kind])
    if function not in FUNCTIONS:
        raise UntranslatedError(str(function))
    return FUNCTIONS[function]


def _make_relu(layer: kl.ReLU) -> Activation:
    slope, most = float(layer.negative_slope), layer.max_value
    if layer.threshold or most not in (None, 6) or (most and slope):
        raise UntranslatedError(layer.name)
    if most:
        return Activation("relu6")
    return Activation("leaky_relu", slope) if slope else Activation("relu")
