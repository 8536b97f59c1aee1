"""Translate a Keras model to a network of layers, inner models included, and verify the network."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.models.functional import Functional

from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError, is_image_shape
from ganinv_cli.formats.keras.layers import (
    LABEL_LAYERS,
    NOISE_LAYERS,
    TRANSLATORS,
    apply_activation,
)
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, UntranslatedError, Value
from ganinv_cli.formats.keras.trace import call_model, make_function
from ganinv_cli.formats.traced.functions import LABEL_NAME, trace_function
from ganinv_cli.network.graph import LABEL, Network, Z
from ganinv_cli.network.layered import LayeredGenerator
from ganinv_cli.network.shapes import ShapeError, format_shape
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.prior import make_normal

TOLERANCE = 1e-3  # difference of pixels beyond rounding, as a share of their range
COARSE_TOLERANCE = 5e-2  # of a model that computes in half precision


def translate_or_trace(
    model: keras.Model,
) -> tuple[Network | TracedNetwork, str, tuple[str, ...]]:
    """Return the network of a model, its kind and assumptions.

    It has layers if each layer of the model is known and two pictures are the model's own, else it
    is traced. Raises UnreadableError if the model is no generator.
    """
    _check_sizes(model)
    try:
        network, values, assumptions = _translate(model)
        if _makes_same_pictures(network, model, values):
            return network, type(model).__name__, assumptions
    except (UntranslatedError, ShapeError):
        pass
    return trace_function(*make_function(model)), "traced", ()


def _check_sizes(model: Any) -> None:
    for node in _list_calls(model):
        if type(node.operation) in (keras.Sequential, Functional):
            _check_sizes(node.operation)
        for output in node.outputs:
            shape = tuple(size or 1 for size in output.shape[1:])
            if math.prod(shape) > MAX_VALUES:
                raise UnreadableError(
                    f"{node.operation.name} makes {format_shape(shape)} values for one picture, "
                    f"but at most {MAX_VALUES:,} were expected; is it a generator of pictures?"
                )


def _list_calls(model: Any) -> Iterator[Any]:
    """Yield the calls (nodes) of a model's layers, in the order of the layers."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    if not isinstance(graph, Functional):
        return  # a model whose layers are in its code
    own = {node for nodes in graph._nodes_by_depth.values() for node in nodes}
    for operation in graph.operations:
        yield from (each for each in operation._inbound_nodes if each in own and not each.is_input)


def _translate(model: keras.Model) -> tuple[Network, list[Value], tuple[str, ...]]:
    """Return the network, the values of the inputs, and the assumptions."""
    if type(model) not in (keras.Sequential, Functional) or not model.built:
        raise UntranslatedError(model.name)
    builder = NetworkBuilder()
    latent, values = _add_inputs(builder, model.inputs)
    output = _apply_model(builder, model, values)
    network = builder.build_network(latent, output)
    return network, values, tuple(dict.fromkeys(builder.assumptions))


def _add_inputs(builder: NetworkBuilder, tensors: list[Any]) -> tuple[int, list[Value]]:
    """Return the latent size, and the values of the inputs: z and at most one label."""
    shapes = [tuple(each.shape[1:]) for each in tensors]
    if len(tensors) not in (1, 2) or any(None in shape for shape in shapes):
        raise UntranslatedError("the inputs")
    label = _find_label(builder, tensors) if len(tensors) == 2 else None
    values, latent = [], 0
    for number, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
        size = math.prod(shape)
        if number == label and size > 1 and len(shape) == 1 and not _is_integer(tensor):
            values.append(builder.one_hot_label(size, tensor.name))
        elif number == label and size == 1 and len(shape) < 2:
            values.append(Value(LABEL, shape, integer=True))
        elif number != label and shape and not is_image_shape(shape):
            latent = size
            values.append(builder.reshape(Value(Z, (size,)), shape, tensor.name))
        else:
            raise UntranslatedError(tensor.name)
    return latent, values


def _find_label(builder: NetworkBuilder, tensors: list[Any]) -> int:
    """Return which of two inputs is the label: integers, one value, or one with such a name."""
    sizes = [math.prod(each.shape[1:]) for each in tensors]
    is_named = [bool(LABEL_NAME.search(each.name)) for each in tensors]
    for signs in ([*map(_is_integer, tensors)], [size == 1 for size in sizes], is_named):
        if signs[0] != signs[1]:
            return signs.index(True)
    label = 1 if sizes[0] >= sizes[1] else 0
    builder.assumptions.append(
        f"the label in the input {tensors[label].name!r}, the latent vector in "
        f"{tensors[1 - label].name!r}; call them label and latent in the model if not so"
    )
    return label


def _is_integer(tensor: Any) -> bool:
    return str(tensor.dtype).startswith(("int", "uint"))


def _apply_model(builder: NetworkBuilder, model: Any, inputs: list[Value]) -> Value:
    """Return the output of a model for its inputs; calls whose inputs are ready come first."""
    values = {id(each): value for each, value in zip(model.inputs, inputs, strict=True)}
    pending = list(_list_calls(model))
    while pending:
        ready = [c for c in pending if all(id(x) in values for x in c.arguments.keras_tensors)]
        if not ready:
            raise UntranslatedError(model.name)
        for call in ready:
            arguments, options = call.arguments.fill_in(values)
            training = options.pop("training", None)
            given = keras.tree.flatten((arguments, options))
            operands = [each for each in given if each is not None]
            output = _apply_operation(builder, call.operation, operands, training)
            values[id(call.outputs[0])] = output
        pending = [each for each in pending if each not in ready]
    if len(model.outputs) != 1:
        raise UntranslatedError(model.name)
    return values[id(model.outputs[0])]


def _apply_operation(
    builder: NetworkBuilder, operation: Any, operands: list[Any], training: object
) -> Value:
    if type(operation) in (keras.Sequential, Functional):
        return _apply_model(builder, operation, operands)
    if type(operation) is keras.layers.SpectralNormalization:
        operation = operation.layer
    translator = TRANSLATORS.get(type(operation))
    has_integer = any(isinstance(each, Value) and each.integer for each in operands)
    if (
        translator is None
        or (has_integer and type(operation) not in LABEL_LAYERS)
        or not all(isinstance(each, Value | int | float) for each in operands)
    ):
        raise UntranslatedError(operation.name)
    instead = {keras.layers.BatchNormalization: "the moving statistics"}
    instead |= dict.fromkeys(NOISE_LAYERS, "no noise")
    if training is True and type(operation) in instead:
        builder.assumptions.append(
            f"{instead[type(operation)]} in {operation.name}, which the model uses as in training"
        )
    output = translator(builder, operation, operands)
    if getattr(operation, "activation", None) is None:
        return output
    return apply_activation(builder, operation, output)


def _makes_same_pictures(network: Network, model: keras.Model, values: list[Value]) -> bool:
    """Return whether the network makes the model's own pictures of two random latent vectors."""
    layers = list(model._flatten_layers())
    z = np.random.default_rng(0).normal(size=(2, network.latent)).astype(np.float32)
    labels = np.arange(2) % max(network.labels, 1)
    one_hot = np.eye(network.labels, dtype=np.float32)[labels] if network.labels else labels
    arguments = [
        (labels if each.integer else one_hot if each.node == LABEL else z).reshape(2, *each.shape)
        for each in values
    ]
    with tf.device("CPU"):
        pictures = LayeredGenerator(network, make_normal(network.latent))(z, labels=labels)
        try:
            own = np.asarray(call_model(model, arguments), np.float32)
        except (tf.errors.OpError, ValueError):
            # TensorFlow has no convolutions with channels first on a CPU
            return any(getattr(each, "data_format", "") == "channels_first" for each in layers)
    if own.shape != pictures.shape:
        own = np.moveaxis(own, 1, -1)
    is_coarse = any(layer.compute_dtype != "float32" for layer in layers)
    tolerance = COARSE_TOLERANCE if is_coarse else TOLERANCE
    return bool(np.abs(own - pictures).max() <= tolerance * np.ptp(own))
