"""Conventions for files of weights alone: activations, strides, padding, epsilons, labels."""

import math
from collections.abc import Sequence

from ganinv_cli.formats.interface import MAX_SIDE, UnreadableError
from ganinv_cli.network.layers import ACTIVATIONS, Activation
from ganinv_cli.settings.conventions import CONVENTIONS, Conventions

_DEFAULT_SLOPES = {"leaky_relu": None, "elu": 1.0}  # slope below 0 if none is given; None: required


def parse_activation(text: str) -> Activation | None:
    """Return the activation of a text: a name of ACTIVATIONS, with a slope as leaky_relu:0.2.

    None stands for no activation, "none". Raises UnreadableError.
    """
    if text.strip() == "none":
        return None
    name, _, slope_text = text.strip().partition(":")
    try:
        slope = float(slope_text) if slope_text else _DEFAULT_SLOPES.get(name)
    except ValueError:
        slope = math.nan
    has_slope = name in _DEFAULT_SLOPES
    is_wrong = slope is None or not math.isfinite(slope) if has_slope else bool(slope_text)
    if name not in ACTIVATIONS or is_wrong:
        raise UnreadableError(
            f"the activation {text[:80]!r} cannot be read; give leaky_relu with its slope, e.g. "
            f"leaky_relu:0.2, none, or one of {', '.join(sorted({*ACTIVATIONS} - {'leaky_relu'}))}"
        )
    return Activation(name, slope)


def choose_output_activation(conventions: Conventions) -> Activation | None:
    """Return the last activation of a generator: tanh, unless the range says otherwise."""
    name = conventions.range.strip() or "tanh"
    return Activation(name) if name in ("tanh", "sigmoid") else None


def check_strides(conventions: Conventions, count: int) -> list[int]:
    """Return the given strides, one per convolution, or none. Raises UnreadableError."""
    return _check_per_convolution("strides", conventions.strides, count, 1)


def check_padding(conventions: Conventions, count: int) -> list[int]:
    """Return the given padding, one per convolution, or none. Raises UnreadableError."""
    return _check_per_convolution("padding", conventions.padding, count, 0)


def check_epsilons(conventions: Conventions, count: int) -> list[float]:
    """Return the given epsilons, one per batch norm, or none. Raises UnreadableError."""
    values = list(conventions.epsilon)
    if values and (len(values) not in (1, count) or not all(0 < each <= 1 for each in values)):
        raise UnreadableError(
            f"epsilon {_format_numbers(values)} does not fit; give one number above 0 and at "
            f"most 1, or one for each of its {count} batch norms"
        )
    return values * count if len(values) == 1 else values


def check_names(name: str, values: Sequence[str], count: int, layers: str) -> list[str]:
    """Return the given names, one for all layers of a kind or one for each, or none.

    Raises UnreadableError.
    """
    known = CONVENTIONS[name].choices
    if values and (len(values) not in (1, count) or not {*values} <= {*known}):
        raise UnreadableError(
            f"{name} {','.join(values)[:80]} does not fit; give {' or '.join(known)}, once or "
            f"for each of its {count} {layers}"
        )
    return list(values)


def split_activations(text: str) -> list[str]:
    """Return the activations of a list. Raises UnreadableError if one is unknown."""
    texts = [each.strip() for each in text.split(",")] if text.strip() else []
    for text in texts:
        parse_activation(text)
    return texts


def count_labels(conventions: Conventions, inputs: int) -> int:
    """Return how many of the first layer's inputs are the label; they follow z.

    Raises UnreadableError.
    """
    count = 0 if conventions.labels == -1 else conventions.labels
    if count and not 2 <= count < inputs:
        raise UnreadableError(
            f"takes {inputs:,} values, which cannot be z and {_format_numbers([count])} labels "
            "behind it; --labels says how many of them are a label's, at least 2"
        )
    return count


def _check_per_convolution(name: str, values: Sequence[int], count: int, minimum: int) -> list[int]:
    if values and (len(values) != count or not minimum <= min(values) <= max(values) <= MAX_SIDE):
        raise UnreadableError(
            f"{name} {_format_numbers(values)} does not fit; give {count} numbers from {minimum} "
            f"to {MAX_SIDE}, one for each of its convolutions"
        )
    return list(values)


def _format_numbers(numbers: Sequence[float]) -> str:
    """Return the first 20 numbers as text, each at most a few digits long."""
    most = 1e300
    short = [f"{max(min(each, most), -most):g}" for each in numbers[:20]]
    return ",".join([*short, "…"] if len(numbers) > 20 else short)
