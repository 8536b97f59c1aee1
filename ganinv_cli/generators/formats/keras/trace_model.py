"""Trace a Keras model, inner models included, as a function of z and a label."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from ganinv_cli.generators.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.generators.formats.trace_function import FunctionInput, trace_function
from ganinv_cli.generators.formats.user_code import explain_errors
from ganinv_cli.settings.conventions import Conventions


def trace_model(
    model: keras.Model,
    conventions: Conventions,
    format_name: str,
    path: str,
    ignored: tuple[str, ...] = (),
) -> UnfinishedGenerator:
    """Return the generator that is a model; `path`, or its name, is for messages.

    Raises UnreadableError if the model is not a generator.
    """
    if "channels_first" in [getattr(each, "data_format", "") for each in model._flatten_layers()]:
        # and Keras 3 adds their biases along the columns if there are as many as channels
        raise UnreadableError(
            "has layers with channels first, which TensorFlow computes on GPUs only; export it "
            "there as a SavedModel (model.export)"
        )
    with _prepare_layers(model):
        function, inputs = _make_inference_function(model)
        network = trace_function(function, inputs, latent_shape=conventions.latent_shape)
    return UnfinishedGenerator(network, format_name, type(model).__name__, path, ignored)


def _make_inference_function(
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
def _prepare_layers(model: keras.Model) -> Iterator[None]:
    """Let layers of mixed precision compute in float32 in the block; they may be in use.

    Batch norms that the model calls as in training use their moving statistics.
    """
    changed: list[tuple[Any, str, Any]] = []  # a layer, its attribute and its value
    for layer in model._flatten_layers():
        policy = layer.dtype_policy
        is_mixed = policy.variable_dtype == "float32" != policy.compute_dtype
        if is_mixed and not policy.quantization_mode:
            changed.append((layer, "dtype_policy", policy))
            layer.dtype_policy = "float32"
        if isinstance(layer, keras.layers.BatchNormalization):
            changed.append((layer, "trainable", layer.trainable))
            layer.trainable = False
    try:
        yield
    finally:
        for layer, attribute, value in changed:
            setattr(layer, attribute, value)


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
