"""Inputs of a Keras model: the latent vector and the label."""

import math
import re
from typing import Any

from ganinv_cli.formats.interface import is_image_shape
from ganinv_cli.formats.keras.network_builder import (
    NetworkBuilder,
    UntranslatedError,
    Value,
    make_value,
)
from ganinv_cli.network.graph import LABEL, Z

LABEL_PATTERN = re.compile(r"label|class|categor|digit|(^|_)(cond|(y|c)(_|$))", re.IGNORECASE)


def add_inputs(builder: NetworkBuilder, tensors: list[Any]) -> tuple[int, list[Value]]:
    """Return the latent size, and the values of a model's inputs.

    Raises UntranslatedError if they are not a latent vector and at most one label.
    """
    shapes = [tuple(each.shape[1:]) for each in tensors]
    if len(tensors) not in (1, 2) or any(None in shape for shape in shapes):
        raise UntranslatedError("the inputs")
    label = _find_label(builder, tensors) if len(tensors) == 2 else None
    values, latent = [], 0
    for number, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
        if number == label:
            values.append(_add_label(builder, tensor, shape))
        elif shape and not is_image_shape(shape):
            latent = math.prod(shape)
            values.append(builder.reshape(make_value(Z, (latent,)), shape, tensor.name))
        else:
            raise UntranslatedError(tensor.name)
    return latent, values


def _find_label(builder: NetworkBuilder, tensors: list[Any]) -> int:
    """Return which of two inputs is the label."""
    sizes = [math.prod(each.shape[1:]) for each in tensors]
    is_integer = [_is_integer(each) for each in tensors]
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


def _add_label(builder: NetworkBuilder, tensor: Any, shape: tuple[int, ...]) -> Value:
    """Return the label: a whole number, also as a float, or one-hot floats."""
    length = math.prod(shape)
    if len(shape) > 1 or (length > 1 and _is_integer(tensor)):
        raise UntranslatedError(tensor.name)
    if length > 1:
        return builder.one_hot_label(length, tensor.name)
    return Value(LABEL, shape, tuple(range(len(shape))), integer=True)


def _is_integer(tensor: Any) -> bool:
    return str(tensor.dtype).startswith(("int", "uint"))
