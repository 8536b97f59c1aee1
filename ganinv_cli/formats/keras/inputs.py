"""Inputs of a Keras model: the latent vector and the label."""

import math
import re
from typing import Any

from ganinv_cli.formats.interface import IMAGE_NETWORK, MAX_LATENT, UnreadableError, is_image_shape
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, Value, make_value
from ganinv_cli.network.graph import Z
from ganinv_cli.network.layers import Reshape
from ganinv_cli.network.shapes import format_shape

LABEL_PATTERN = re.compile(r"label|class|categor|digit|(^|_)(cond|(y|c)(_|$))", re.IGNORECASE)


def add_inputs(builder: NetworkBuilder, tensors: list[Any]) -> tuple[int, list[Value]]:
    """Return the latent size, and the values of a model's inputs. Raises UnreadableError."""
    if len(tensors) not in (1, 2):
        raise UnreadableError(
            f"has {len(tensors)} inputs ({', '.join(each.name for each in tensors[:8])}); expected "
            "a latent vector and at most one label"
        )
    label = _find_label(builder, tensors) if len(tensors) == 2 else None
    values = [
        _add_label(builder, each) if number == label else _add_latent(builder, each)
        for number, each in enumerate(tensors)
    ]
    latent = next(value for number, value in enumerate(values) if number != label)
    return math.prod(latent.shape), values


def _find_label(builder: NetworkBuilder, tensors: list[Any]) -> int:
    """Return which of two inputs is the label."""
    sizes = [math.prod(size or 0 for size in each.shape[1:]) for each in tensors]
    is_integer = [each.dtype.startswith(("int", "uint")) for each in tensors]
    is_named = [bool(LABEL_PATTERN.search(each.name)) for each in tensors]
    for signs in (is_integer, [size == 1 for size in sizes], is_named):
        if signs[0] != signs[1]:
            return signs.index(True)
    label = 1 if sizes[0] >= sizes[1] else 0
    builder.assumptions.append(
        f"the label in the input {tensors[label].name!r}, the latent vector in "
        f"{tensors[1 - label].name!r}; call them label and latent in the model if not so"
    )
    return label


def _add_label(builder: NetworkBuilder, tensor: Any) -> Value:
    shape = tuple(tensor.shape[1:])
    if None in shape or len(shape) > 1 or math.prod(shape) < 1:
        raise UnreadableError(
            f"takes {tensor.name} of {_describe_shape(shape)} beside a latent vector; expected a "
            "label: a whole number or one-hot"
        )
    length = math.prod(shape)
    if length == 1:
        return Value(-2, shape, tuple(range(len(shape))), integer=True)
    if tensor.dtype.startswith(("int", "uint")):
        raise UnreadableError(f"takes {length} labels in {tensor.name}; expected one")
    return builder.one_hot_label(length, tensor.name)


def _add_latent(builder: NetworkBuilder, tensor: Any) -> Value:
    shape = tuple(tensor.shape[1:])
    if not shape or None in shape:
        raise UnreadableError(
            f"does not say how long its latent vector is, only {_describe_shape(shape)}; save it "
            "after it was built with its input shape"
        )
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
        return z
    return builder.add_layer(Reshape(shape), [z], tensor.name, tuple(range(len(shape))))


def _describe_shape(shape: tuple[int | None, ...]) -> str:
    return f"a shape ({', '.join('any' if size is None else str(size) for size in shape)})"
