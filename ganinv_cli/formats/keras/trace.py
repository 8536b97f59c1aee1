"""A Keras model as a function, for models that are traced and for the checks of `inspect`."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.traced.functions import FunctionInput
from ganinv_cli.formats.traced.user_code import explain_errors


def make_function(model: Any) -> tuple[Callable[..., tf.Tensor], list[FunctionInput]]:
    """Return a model as a function, in inference and float32, and its inputs.

    Raises UnreadableError, also when the function is called.
    """
    inputs, _ = _read_inputs(model)
    _compute_in_float32(model)

    def generate(*tensors: tf.Tensor) -> tf.Tensor:
        with explain_errors("cannot be traced"):
            return call_model(model, tensors)

    return generate, inputs


def call_model(model: Any, arguments: Sequence[Any]) -> tf.Tensor:
    """Return the picture of a model in inference, with one argument per input."""
    _, structure = _read_inputs(model)
    outputs = model(tf.nest.pack_sequence_as(structure, arguments), training=False)
    picture, *others = tf.nest.flatten(outputs)
    if others:
        raise UnreadableError(
            f"has {1 + len(others)} outputs; expected one, the picture; save a model that makes it "
            "alone"
        )
    return picture


def _read_inputs(model: Any) -> tuple[list[FunctionInput], Any]:
    """Return the inputs, flat and as a structure. Raises UnreadableError."""
    if getattr(model, "inputs", None):
        structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        return [
            FunctionInput(str(each.name), tf.as_dtype(each.dtype), tuple(each.shape))
            for each in tf.nest.flatten(structure)
        ], structure
    # a Sequential model still has its input shape if tracing failed while it was loaded
    build_config: Any = model.get_build_config() if hasattr(model, "get_build_config") else None
    shape = (build_config or {}).get("input_shape")
    if isinstance(shape, list | tuple) and all(n is None or isinstance(n, int) for n in shape):
        return [FunctionInput("z", tf.float32, tuple(shape))], 0
    raise UnreadableError(
        "is a model that does not state its inputs; export it as a SavedModel (model.export), "
        "which states them"
    )


def _compute_in_float32(model: Any) -> None:
    """Make layers of mixed precision compute in float32, the precision of their weights."""
    for layer in model._flatten_layers():
        policy = layer.dtype_policy
        if policy.variable_dtype == "float32" != policy.compute_dtype and not (
            policy.quantization_mode
        ):
            layer.dtype_policy = "float32"
