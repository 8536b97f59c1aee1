"""Translate a Keras model to a network of layers, inner models included, and verify the network.

A model with a layer that has no translation is traced as a function, and a note says so.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.models.functional import Functional

from ganinv_cli.generators.formats.interface import (
    UnfinishedGenerator,
    UnreadableError,
    is_image_shape,
)
from ganinv_cli.generators.formats.keras.translate_layers import (
    LABEL_LAYERS,
    NOISE_LAYERS,
    TRANSLATORS,
    NetworkBuilder,
    UntranslatedError,
    Value,
    make_activation,
)
from ganinv_cli.generators.formats.trace_function import LABEL_NAME, FunctionInput, trace_function
from ganinv_cli.generators.formats.user_code import explain_errors
from ganinv_cli.generators.network.graph import LABEL, Network, Z
from ganinv_cli.generators.network.layered import LayeredGenerator
from ganinv_cli.generators.network.layers import ShapeError
from ganinv_cli.prior import make_normal

TOLERANCE = 1e-3  # difference of pixels beyond rounding, as a share of their range
WITHOUT_TRAINING = {  # what is used of a layer that the model calls as in training
    keras.layers.BatchNormalization: "the moving statistics",
    **dict.fromkeys(NOISE_LAYERS, "no noise"),
}


def translate_or_trace(
    model: keras.Model, format_name: str, path: str, ignored: tuple[str, ...] = ()
) -> UnfinishedGenerator:
    """Return the generator that is a model; `path`, or its name, is for messages.

    It has layers if each layer of the model is known and two pictures are the model's own, else it
    is traced. Raises UnreadableError if the model is no generator.
    """
    if "channels_first" in [getattr(each, "data_format", "") for each in model._flatten_layers()]:
        # and Keras 3 adds their biases along the columns if there are as many as channels
        raise UnreadableError(
            "has layers with channels first, which TensorFlow computes on GPUs only; export it "
            "there as a SavedModel (model.export)"
        )
    builder = NetworkBuilder()
    with _compute_in_float32(model):
        function, inputs = make_inference_function(model)
        try:
            network, values = _translate(builder, model)
            if _makes_same_pictures(network, function, values):
                assumed = tuple(dict.fromkeys(builder.assumptions))
                layout = type(model).__name__
                return UnfinishedGenerator(network, format_name, layout, path, ignored, assumed)
            reason = "ganinv's layers make other pictures"
        except (UntranslatedError, ShapeError):
            where = f"its layer {builder.name}" if builder.name else "a model of this kind"
            reason = f"ganinv has no equivalent of {where}"
        traced = trace_function(function, inputs)
    note = f"it is computed as TensorFlow operations: {reason}"
    return UnfinishedGenerator(traced, format_name, "traced", path, ignored, notes=(note,))


def make_inference_function(
    model: Any,
) -> tuple[Callable[..., tf.Tensor], list[FunctionInput]]:
    """Return a model as a function, in inference, and its inputs.

    Raises UnreadableError, also when the function is called.
    """
    inputs, structure = _read_inputs(model)

    def generate(*tensors: Any) -> tf.Tensor:
        with explain_errors("cannot be traced"):
            outputs = model(tf.nest.pack_sequence_as(structure, tensors), training=False)
            pictures, *others = tf.nest.flatten(outputs)
        if others:
            raise UnreadableError(
                f"has {1 + len(others)} outputs; expected one, the picture; save a model that "
                "makes it alone"
            )
        return pictures

    return generate, inputs


@contextmanager
def _compute_in_float32(model: keras.Model) -> Iterator[None]:
    """Let layers of mixed precision compute in float32 in the block; they may be in use."""
    mixed = []
    for layer in model._flatten_layers():
        policy = layer.dtype_policy
        is_mixed = policy.variable_dtype == "float32" != policy.compute_dtype
        if is_mixed and not policy.quantization_mode:
            mixed.append((layer, policy))
            layer.dtype_policy = "float32"
    try:
        yield
    finally:
        for layer, policy in mixed:
            layer.dtype_policy = policy


def _read_inputs(model: Any) -> tuple[list[FunctionInput], Any]:
    if getattr(model, "inputs", None):
        structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        return [
            FunctionInput(str(each.name), tf.as_dtype(each.dtype), tuple(each.shape))
            for each in tf.nest.flatten(structure)
        ], structure
    # a model of its own class, or a Sequential one of which a layer failed, states its input here
    build_config: Any = model.get_build_config() if hasattr(model, "get_build_config") else None
    shape = (build_config or {}).get("input_shape")
    if isinstance(shape, list | tuple) and all(n is None or isinstance(n, int) for n in shape):
        return [FunctionInput("z", tf.float32, tuple(shape))], 0
    raise UnreadableError(
        "is a model that does not state its inputs; export it as a SavedModel (model.export), "
        "which states them"
    )


def _is_model(operation: Any) -> bool:
    return type(operation) in (keras.Sequential, Functional)


def _list_calls(model: Any) -> Iterator[Any]:
    graph = model._functional if isinstance(model, keras.Sequential) else model
    if not isinstance(graph, Functional):
        return  # a model whose layers are in its code
    own = {node for nodes in graph._nodes_by_depth.values() for node in nodes}
    for operation in graph.operations:
        yield from (each for each in operation._inbound_nodes if each in own and not each.is_input)


def _translate(builder: NetworkBuilder, model: keras.Model) -> tuple[Network, list[Value]]:
    """Return the network, and the values of the model's inputs.

    Raises UntranslatedError if they are not a latent vector and at most one label.
    """
    shapes = [tuple(each.shape[1:]) for each in getattr(model, "inputs", None) or ()]
    if not _is_model(model) or len(shapes) not in (1, 2) or any(None in each for each in shapes):
        raise UntranslatedError
    label = _find_label(builder, model.inputs) if len(shapes) == 2 else None
    values, latent = [], 0
    for number, (tensor, shape) in enumerate(zip(model.inputs, shapes, strict=True)):
        builder.name = tensor.name
        if number == label:
            values.append(_add_label(builder, tensor, shape))
        elif shape and not is_image_shape(shape):
            latent = math.prod(shape)
            values.append(builder.reshape(Value(Z, (latent,)), shape))
        else:
            raise UntranslatedError
    return builder.make_network(latent, _apply_model(builder, model, values)), values


def _find_label(builder: NetworkBuilder, tensors: list[Any]) -> int:
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


def _add_label(builder: NetworkBuilder, tensor: Any, shape: tuple[int, ...]) -> Value:
    """Return the label: a whole number, also as a float, or one-hot floats."""
    length = math.prod(shape)
    if len(shape) > 1 or (length > 1 and _is_integer(tensor)):
        raise UntranslatedError
    return builder.one_hot_label(length) if length > 1 else Value(LABEL, shape, integer=True)


def _is_integer(tensor: Any) -> bool:
    return bool(tf.as_dtype(tensor.dtype).is_integer)


def _apply_model(builder: NetworkBuilder, model: Any, inputs: list[Value]) -> Value:
    """Return the output of a model for its inputs; calls whose inputs are ready come first."""
    values = {id(each): value for each, value in zip(model.inputs, inputs, strict=True)}
    pending = list(_list_calls(model))
    while pending:
        ready = [c for c in pending if all(id(x) in values for x in c.arguments.keras_tensors)]
        if not ready:
            raise UntranslatedError
        for call in ready:
            arguments, options = call.arguments.fill_in(values)
            training = options.pop("training", None)
            given = keras.tree.flatten((arguments, options))
            operands = [each for each in given if each is not None]
            output = _apply_operation(builder, call.operation, operands, training)
            values[id(call.outputs[0])] = output
        pending = [each for each in pending if each not in ready]
    if len(model.outputs) != 1:
        raise UntranslatedError
    return values[id(model.outputs[0])]


def _apply_operation(
    builder: NetworkBuilder, operation: Any, operands: list[Any], training: object
) -> Value:
    if _is_model(operation):
        return _apply_model(builder, operation, operands)
    if type(operation) is keras.layers.SpectralNormalization:
        operation = operation.layer
    kind, builder.name = type(operation), operation.name
    has_integer = any(isinstance(each, Value) and each.integer for each in operands)
    if (
        kind not in TRANSLATORS
        or (has_integer and kind not in LABEL_LAYERS)
        or not all(isinstance(each, Value) for each in operands)
    ):
        raise UntranslatedError
    if training is True and kind in WITHOUT_TRAINING:
        builder.assumptions.append(
            f"{WITHOUT_TRAINING[kind]} in {operation.name}, which the model uses as in training"
        )
    output = TRANSLATORS[kind](builder, operation, operands)
    activation = getattr(operation, "activation", None)
    if activation in (None, keras.activations.linear):
        return output
    return builder.add_layer(make_activation(activation), output)


def _makes_same_pictures(
    network: Network, function: Callable[..., tf.Tensor], values: list[Value]
) -> bool:
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
            own = np.asarray(function(*arguments), np.float32)
        except UnreadableError:
            return False
    if own.shape != pictures.shape:
        own = np.moveaxis(own, 1, -1)
    return bool(np.abs(own - pictures).max() <= TOLERANCE * np.ptp(own))
