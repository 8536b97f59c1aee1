"""Inputs of a Keras model: the latent vector and the label."""

import math
import re

from ganinv_cli.formats.interface import IMAGE_NETWORK, MAX_LATENT, UnreadableError, is_image_shape
from ganinv_cli.formats.keras.config import Model, ModelInput
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, Value, make_value
from ganinv_cli.network.graph import Z
from ganinv_cli.network.layers import Reshape
from ganinv_cli.network.shapes import format_shape

LABEL_PATTERN = re.compile(r"label|class|categor|digit|(^|_)(cond|(y|c)(_|$))", re.IGNORECASE)


def add_inputs(builder: NetworkBuilder, model: Model) -> tuple[int, list[Value]]:
    """Return the latent size, and the values of all inputs. Raises UnreadableError."""
    model_inputs = [each for _, each in model.inputs]
    if len(model_inputs) not in (1, 2):
        raise UnreadableError(
            f"has {len(model_inputs)} inputs "
            f"({', '.join(each.name for each in model_inputs[:8])}); expected a "
            "latent vector and at most one label"
        )
    label = _find_label(builder, model) if len(model_inputs) == 2 else None
    values = []
    latent = 0
    for number, each in enumerate(model_inputs):
        if number == label:
            values.append(_add_label(builder, each))
        else:
            latent, latent_value = _add_latent(builder, each)
            values.append(latent_value)
    return latent, values


def _find_label(builder: NetworkBuilder, model: Model) -> int:
    """Return which of two inputs is the label."""
    model_inputs = [each for _, each in model.inputs]
    is_embedded = [_is_embedded(model, number) for number in range(2)]
    is_integer = [each.dtype.startswith(("int", "uint")) for each in model_inputs]
    is_named = [bool(LABEL_PATTERN.search(each.name)) for each in model_inputs]
    for signs in (is_embedded, is_integer, is_named):
        if signs[0] != signs[1]:
            return signs.index(True)
    sizes = [math.prod(size or 0 for size in each.shape or ()) for each in model_inputs]
    label = 1 if sizes[0] >= sizes[1] else 0
    builder.assumptions.append(
        f"the label in the input {model_inputs[label].name!r}, the latent vector in "
        f"{model_inputs[1 - label].name!r}; call them label and latent in the model if not so"
    )
    return label


def _is_embedded(
    model: Model, input_number: int, visited: set[tuple[int, int]] | None = None
) -> bool:
    """Return whether an input goes into an Embedding, also in inner models."""
    visited = set() if visited is None else visited
    if (id(model), input_number) in visited:
        return False
    visited.add((id(model), input_number))
    key = model.inputs[input_number][0]
    by_name = {layer.name: layer for layer in model.layers}
    for call in model.calls:
        if key in call.inputs:
            layer = by_name[call.key[0]]
            if layer.kind in ("Embedding", "CategoryEncoding"):
                return True
            input_number = call.inputs.index(key)
            inner_model = layer.inner_model
            if (
                inner_model
                and input_number < len(inner_model.inputs)
                and _is_embedded(inner_model, input_number, visited)
            ):
                return True
    return False


def _add_label(builder: NetworkBuilder, model_input: ModelInput) -> Value:
    shape = model_input.shape or ()
    if (
        any(size is None for size in shape)
        or len(shape) > 1
        or math.prod(_replace_unknown_sizes(shape)) < 1
    ):
        raise UnreadableError(
            f"takes {model_input.name} of {_describe_shape(model_input)} beside a latent vector; "
            "expected a label: a whole number or one-hot"
        )
    length = math.prod(_replace_unknown_sizes(shape))
    if length > 1 and not model_input.dtype.startswith(("int", "uint")):
        return builder.one_hot_label(length, model_input.name)
    if length > 1:
        raise UnreadableError(f"takes {length} labels in {model_input.name}; expected one")
    return make_value(-2, _replace_unknown_sizes(shape))._replace(integer=True)


def _add_latent(builder: NetworkBuilder, model_input: ModelInput) -> tuple[int, Value]:
    if not model_input.shape or None in model_input.shape:
        raise UnreadableError(
            f"does not say how long its latent vector is, only {_describe_shape(model_input)}; "
            "save it after it was built with its input shape"
        )
    shape = _replace_unknown_sizes(model_input.shape)
    if is_image_shape(shape):
        raise UnreadableError(IMAGE_NETWORK)
    latent = math.prod(shape)
    if not 1 <= latent <= MAX_LATENT:
        raise UnreadableError(
            f"takes {format_shape(shape)} values, but a latent vector of 1 to {MAX_LATENT:,} was "
            "expected; is it a generator?"
        )
    z = make_value(Z, (latent,))
    if shape == (latent,):
        return latent, z
    return latent, builder.add_layer(
        Reshape(shape), [z], model_input.name, tuple(range(len(shape)))
    )


def _replace_unknown_sizes(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(size or 0 for size in shape)


def _describe_shape(model_input: ModelInput) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in model_input.shape or ())
    return f"a shape ({sizes})" if model_input.shape is not None else "no shape"
