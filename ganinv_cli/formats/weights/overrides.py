"""What is said of a file of weights alone: activations, strides, padding, epsilons, labels."""

import math
from collections.abc import Sequence

from ganinv_cli.formats.limits import MOST_SIDE
from ganinv_cli.formats.reading import Conventions, UnreadableError
from ganinv_cli.network.layers import ACTIVATIONS, Activation

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
            f"not with the activation {text[:80]!r}; expected leaky_relu with its slope, as "
            f"leaky_relu:0.2, or one of {', '.join(sorted({*ACTIVATIONS} - {'leaky_relu'}))}"
        )
    return Activation(name, slope)


def ending(conventions: Conventions) -> Activation | None:
    """What a generator of weights alone ends in: tanh, unless the range says otherwise."""
    name = conventions.range.strip() or "tanh"
    return Activation(name) if name in ("tanh", "sigmoid") else None


def strides(conventions: Conventions, wanted: int) -> list[int]:
    """Those of so many convolutions, or none where none are given. Raises UnreadableError."""
    return _of_convolutions("strides", conventions.strides, wanted, 1)


def padding(conventions: Conventions, wanted: int) -> list[int]:
    """That of so many convolutions, or none where none is given. Raises UnreadableError."""
    return _of_convolutions("padding", conventions.padding, wanted, 0)


def epsilons(conventions: Conventions, wanted: int, usual: float) -> list[float]:
    """One for each of so many batch norms: the usual one, the one that is given, or each its own.

    Raises UnreadableError.
    """
    given = list(conventions.epsilon) or [usual]
    if len(given) not in (1, wanted) or not all(0 < each <= 1 for each in given):
        raise UnreadableError(
            f"not with the epsilon {_shown(given)}; expected one number above 0 and at "
            f"most 1, or one for each of its {wanted} batch norms"
        )
    return given if len(given) == wanted else given * wanted


def labels(conventions: Conventions, inputs: int) -> int:
    """How many of the first layer's inputs are a label, behind those that are z.

    Raises UnreadableError.
    """
    given = 0 if conventions.labels == -1 else conventions.labels
    if given and not 2 <= given < inputs:
        raise UnreadableError(
            f"takes {inputs:,} values, which cannot be z and {_shown([given])} labels behind it; "
            "--labels says how many of them are a label's, at least 2"
        )
    return given


def spelt(activation: Activation) -> str:
    """As an option gives it."""
    return activation.name + ("" if activation.slope is None else f":{activation.slope:g}")


def _of_convolutions(what: str, given: Sequence[int], wanted: int, least: int) -> list[int]:
    if given and (len(given) != wanted or not least <= min(given) <= max(given) <= MOST_SIDE):
        raise UnreadableError(
            f"not with the {what} {_shown(given)}; expected {wanted} from {least} to "
            f"{MOST_SIDE}, one for each of its convolutions"
        )
    return list(given)


def _shown(numbers: Sequence[float]) -> str:
    """The first few, each short however long a file has it."""
    most = 1e300
    short = [f"{max(min(each, most), -most):g}" for each in numbers[:20]]
    return ",".join([*short, "…"] if len(numbers) > 20 else short)
