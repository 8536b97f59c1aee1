"""Read generators from Keras files that ganinv cannot translate: Keras loads them.

Only for files you trust: code in the file is run, e.g. the code of a Lambda layer.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ganinv_cli.formats.interface import MAX_WEIGHTS, UnfinishedGenerator, UnreadableError
from ganinv_cli.formats.keras.files import open_keras_file
from ganinv_cli.formats.traced.functions import FunctionInput, trace_function
from ganinv_cli.formats.traced.user_code import explain_errors


def read(path: Path) -> UnfinishedGenerator:
    """Return the generator in a Keras file by running the file's code. Raises UnreadableError."""
    network = trace_function(*load_function(path))
    return UnfinishedGenerator(network, "Keras", "traced", str(path))


def load_function(
    path: Path, safe_mode: bool = False
) -> tuple[Callable[..., tf.Tensor], list[FunctionInput]]:
    """Return the model of a file as a function, in inference and float32, and its inputs.

    In safe mode Keras runs no code in the file. Raises UnreadableError, also when it is called.
    """
    with open_keras_file(path) as file:
        config, is_whole = file.config, "weights" not in file.file_type
    with explain_errors("cannot be loaded by Keras"):
        if is_whole:
            model = keras.models.load_model(path, compile=False, safe_mode=safe_mode)
        else:
            layers = json.loads(config)
            model = keras.saving.deserialize_keras_object(layers, safe_mode=safe_mode)
            model.load_weights(path)
    return make_function(model)


def make_function(model: Any) -> tuple[Callable[..., tf.Tensor], list[FunctionInput]]:
    """Return a model as a function, in inference and float32, and its inputs.

    Raises UnreadableError, also when the function is called.
    """
    inputs, structure = _read_inputs(model)
    weights = model.count_params() if model.built else 0
    if weights > MAX_WEIGHTS:
        raise UnreadableError(
            f"holds {weights:,} weights, but at most {MAX_WEIGHTS:,} were expected; is it a "
            "generator of pictures?"
        )
    _compute_in_float32(model)

    def generate(*tensors: tf.Tensor) -> tf.Tensor:
        with explain_errors("cannot be traced"):
            outputs = model(tf.nest.pack_sequence_as(structure, tensors), training=False)
        return _choose_output(tf.nest.flatten(outputs))

    return generate, inputs


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


def _choose_output(outputs: Sequence[tf.Tensor]) -> tf.Tensor:
    if len(outputs) != 1:
        raise UnreadableError(
            f"has {len(outputs)} outputs; expected one, the picture; save a model that makes it "
            "alone"
        )
    return outputs[0]
