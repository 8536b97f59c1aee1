"""Which input of a Keras model is the latent vector, and which the label."""

import math
import re

from ganinv_cli.formats.keras.config import Input, Model
from ganinv_cli.formats.keras.values import Growing, Value, value
from ganinv_cli.formats.limits import MOST_LATENT
from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.network.graph import Z
from ganinv_cli.network.layers import Reshape
from ganinv_cli.network.shapes import shown

CALLED = re.compile(r"label|class|categor|digit|(^|_)(cond|(y|c)(_|$))", re.IGNORECASE)


def inputs(growing: Growing, model: Model) -> tuple[int, list[Value]]:
    """The length of the latent vector, and the values of all inputs. Raises UnreadableError."""
    told = [each for _, each in model.inputs]
    if len(told) not in (1, 2):
        raise UnreadableError(
            f"has {len(told)} inputs ({', '.join(each.name for each in told[:8])}); expected a "
            "latent vector and at most one label"
        )
    label = _label(growing, model) if len(told) == 2 else None
    values = []
    latent = 0
    for number, each in enumerate(told):
        if number == label:
            values.append(_labelled(growing, each))
        else:
            latent, given = _latent(growing, each)
            values.append(given)
    return latent, values


def _label(growing: Growing, model: Model) -> int:
    """Which of two inputs is the label."""
    told = [each for _, each in model.inputs]
    embedded = [_embedded(model, number) for number in range(2)]
    whole = [each.dtype.startswith(("int", "uint")) for each in told]
    named = [bool(CALLED.search(each.name)) for each in told]
    for signs in (embedded, whole, named):
        if signs[0] != signs[1]:
            return signs.index(True)
    sizes = [math.prod(size or 0 for size in each.shape or ()) for each in told]
    label = 1 if sizes[0] >= sizes[1] else 0
    growing.assumed.append(
        f"the label in the input {told[label].name!r}, the latent vector in "
        f"{told[1 - label].name!r}; call them label and latent in the model if not so"
    )
    return label


def _embedded(model: Model, number: int, seen: set[tuple[int, int]] | None = None) -> bool:
    """Whether an Embedding takes an input, in models within too."""
    seen = set() if seen is None else seen
    if (id(model), number) in seen:
        return False
    seen.add((id(model), number))
    key = model.inputs[number][0]
    by_name = {layer.name: layer for layer in model.layers}
    for call in model.calls:
        if key in call.sources:
            layer = by_name[call.key[0]]
            if layer.kind in ("Embedding", "CategoryEncoding"):
                return True
            place = call.sources.index(key)
            within = layer.inner
            if within and place < len(within.inputs) and _embedded(within, place, seen):
                return True
    return False


def _labelled(growing: Growing, told: Input) -> Value:
    shape = told.shape or ()
    if any(size is None for size in shape) or len(shape) > 1 or math.prod(_whole(shape)) < 1:
        raise UnreadableError(
            f"takes {told.name} of {_shown(told)} beside a latent vector; expected a label: a "
            "whole number or one-hot"
        )
    length = math.prod(_whole(shape))
    if length > 1 and not told.dtype.startswith(("int", "uint")):
        return growing.label(length, told.name)
    if length > 1:
        raise UnreadableError(f"takes {length} labels in {told.name}; expected one")
    return value(-2, _whole(shape))._replace(integer=True)


def _latent(growing: Growing, told: Input) -> tuple[int, Value]:
    if not told.shape or None in told.shape:
        raise UnreadableError(
            f"does not say how long its latent vector is, only {_shown(told)}; save it after it "
            "was built with its input shape"
        )
    shape = _whole(told.shape)
    if len(shape) == 3 and min(shape[:2]) > 1 and min(shape) in (1, 3):
        raise UnreadableError(
            f"takes pictures ({shown(shape)}) where a latent vector was expected; is it a "
            "discriminator? give the generator"
        )
    latent = math.prod(shape)
    if not 1 <= latent <= MOST_LATENT:
        raise UnreadableError(
            f"takes {shown(shape)} values where a latent vector of 1 to {MOST_LATENT:,} was "
            "expected; is it a generator?"
        )
    given = value(Z, (latent,))
    if shape == (latent,):
        return latent, given
    return latent, growing.add(Reshape(shape), [given], told.name, tuple(range(len(shape))))


def _whole(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(size or 0 for size in shape)


def _shown(told: Input) -> str:
    sizes = ", ".join("any" if size is None else str(size) for size in told.shape or ())
    return f"a shape ({sizes})" if told.shape is not None else "no shape"
