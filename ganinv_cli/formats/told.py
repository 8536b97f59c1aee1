"""What is said of a file of weights alone: activations, strides, padding, epsilons."""

import math
from collections.abc import Sequence

from ganinv_cli.formats.checkpoint import Conventions, UnreadableError
from ganinv_cli.layers import ACTIVATIONS, Activation

_SLOPES = {"leaky_relu": None, "elu": 1.0}  # below 0, where none is given; None: it must be


def activation(text: str) -> Activation:
    """What stands in --activation: a name of layers.ACTIVATIONS, and a slope as leaky_relu:0.2.

    Raises UnreadableError.
    """
    name, _, given = text.strip().partition(":")
    try:
        slope = float(given) if given else _SLOPES.get(name)
    except ValueError:
        slope = math.nan
    sloped = name in _SLOPES
    wrong = slope is None or not math.isfinite(slope) if sloped else bool(given)
    if name not in ACTIVATIONS or wrong:
        raise UnreadableError(
            f"cannot be read with the activation {text!r}; expected one of "
            f"{', '.join(ACTIVATIONS)}, leaky_relu with its slope as leaky_relu:0.2"
        )
    return Activation(name, slope)


def ending(conventions: Conventions) -> Activation | None:
    """What a generator of weights alone ends in: tanh, unless the range says otherwise."""
    name = conventions.range.strip() or "tanh"
    return Activation(name) if name in ("tanh", "sigmoid") else None


def numbers(what: str, given: Sequence[int], wanted: int) -> list[int]:
    """Those of so many convolutions, or none. Raises UnreadableError at another number of them."""
    if given and len(given) != wanted:
        raise UnreadableError(
            f"cannot be read with the {what} {','.join(map(str, given))}; expected {wanted}, one "
            "for each of its convolutions"
        )
    return list(given)


def epsilons(conventions: Conventions, wanted: int, usual: float) -> list[float]:
    """One for each of so many batch norms: the usual one, the one that is given, or each its own.

    Raises UnreadableError.
    """
    given = list(conventions.epsilon) or [usual]
    if len(given) not in (1, wanted):
        raise UnreadableError(
            f"cannot be read with {len(given)} numbers in --epsilon; expected one, or {wanted}, "
            "one for each of its batch norms"
        )
    return given if len(given) == wanted else given * wanted


def spelt(activation: Activation) -> str:
    """As an option gives it."""
    return activation.name + ("" if activation.slope is None else f":{activation.slope:g}")
