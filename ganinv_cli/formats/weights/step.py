"""The steps of a generator: a matrix or convolution, its norm and activation, and conventions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.unsupported import EXPORT_TO_ONNX
from ganinv_cli.formats.weights.weight import Weights
from ganinv_cli.network.convention import Source
from ganinv_cli.network.layers import ACTIVATIONS, Activation, Shape
from ganinv_cli.prior import format_number
from ganinv_cli.settings.conventions import Conventions

# values to try; the first is the most common
ACTIVATION_CHOICES = (
    *("relu", "leaky_relu:0.2", "none", "leaky_relu:0.01", "leaky_relu:0.1", "leaky_relu:0.3"),
    *("elu", "selu", "tanh", "gelu", "swish"),
)
EPSILONS = (1e-5, 1e-3, 0.8, 1e-4, 1e-8)
# common priors; of a uniform and a normal one of equal variance, the one with round numbers
ROUND_PRIORS = (
    *("normal:1", "uniform:-1,1", "uniform:0,1"),
    *("normal:2", "normal:0.5", "normal:0.2", "normal:0.1", "normal:0.05"),
    *("normal:0.25", "normal:0.02", "normal:0.01", "uniform:-2,2", "uniform:-0.5,0.5"),
    *("uniform:-0.1,0.1", "uniform:-0.2,0.2", "uniform:-0.05,0.05"),
    *("uniform:0,2", "uniform:0,0.5", "uniform:0,0.1"),
)

Value = str | int | float  # of a convention, as its option takes it
Key = tuple[str, int]  # name of a convention, and the number of its step


class Framework(NamedTuple):
    """Defaults of the framework that wrote a file."""

    is_torch: bool  # the axes are PyTorch's, channels before pixels; else TensorFlow's
    epsilon: float  # of batch norms
    activation: str  # between layers, as `parse_activation` reads it

    @property
    def remedy(self) -> str:
        """Advice if weights alone do not determine the network."""
        if self.is_torch:
            return EXPORT_TO_ONNX
        return "save the whole generator, by model.save or model.export of Keras"

    def show(self, path: str) -> str:
        """Return a path of words with dots between them as the framework shows it."""
        return path if self.is_torch else path.replace(".", "/")


@dataclass(frozen=True, eq=False)
class WeightedLayer:
    """A layer with weights."""

    name: str  # in the file
    weights: Weights  # by role: some of weight, bias, mean, variance
    weightless_before: int | None = None  # number of layers without weights before it, if known
    transposed: bool | None = None  # whether its name says a transposed convolution, if known

    @property
    def shape(self) -> Shape:
        """Shape of its weight."""
        return self.weights["weight"].shape if "weight" in self.weights else ()


@dataclass(frozen=True)
class Step:
    """A matrix or convolution with its norm and activation; None stands for the usual value."""

    linear: WeightedLayer
    norm_layer: WeightedLayer | None = None
    upsampling: str | None = None  # transposed, or nearest or bilinear before the convolution
    strides: int | None = None  # the factor by which the sides of the map grow
    padding: str | int | None = None  # as PyTorch's, or "same": sides grow just `strides` times
    activation: str | None = None  # such as relu, leaky_relu:0.2 or none
    norm: str | None = None  # "before" or "after" the activation
    epsilon: float | None = None  # of the norm

    @property
    def layers(self) -> tuple[WeightedLayer, ...]:
        """Its layers with weights, in their order."""
        return (self.linear, self.norm_layer) if self.norm_layer else (self.linear,)

    @property
    def is_convolution(self) -> bool:
        """Whether it is a convolution and no matrix."""
        return len(self.linear.shape) == 4


class Choice(NamedTuple):
    """A convention of one step as it was built, and its other possible values."""

    name: str  # of the option that gives it, and of the field of the step
    number: int  # of the step
    layer: str  # name in the file; an activation has the name of the layer before it
    value: Value
    usual: Value  # the given or the most common value
    others: tuple[Value, ...]  # all that names and shapes allow; none if it is given
    source: Source = "assumed"

    @property
    def key(self) -> Key:
        """Name and number."""
        return self.name, self.number


class Design(NamedTuple):
    """A generator as its steps, from z to the image; the steps may leave conventions open."""

    steps: tuple[Step, ...]
    framework: Framework
    conventions: Conventions  # the given ones
    labels: int = 0  # number of values of a one-hot label that each step also takes
    given: frozenset[Key] = frozenset()  # what `build.apply_given` put into the steps


def change_step(steps: Sequence[Step], key: Key, value: Value) -> tuple[Step, ...]:
    """Return the steps with another value of one convention."""
    name, number = key
    change: Any = {name: value}
    return (*steps[:number], replace(steps[number], **change), *steps[number + 1 :])


def format_value(value: Value | None) -> str:
    """Return a value as its option takes it."""
    return format_number(value) if isinstance(value, float) else str(value)


def parse_activation(text: str) -> Activation | None:
    """Return the activation of a text: a name of ACTIVATIONS, with a slope as leaky_relu:0.2.

    None stands for no activation, "none". Raises UnreadableError.
    """
    if text.strip() == "none":
        return None
    match = re.fullmatch(r"(\w+)(?::(-?[0-9.]+(?:e-?[0-9]+)?))?", text.strip())
    name, slope = match.groups() if match else ("", None)
    has_slope = name in ("leaky_relu", "elu")
    if name not in ACTIVATIONS or (slope and not has_slope) or (name == "leaky_relu" and not slope):
        raise UnreadableError(
            f"the activation {text[:80]!r} cannot be read; give leaky_relu with its slope, e.g. "
            f"leaky_relu:0.2, none, or one of {', '.join(sorted({*ACTIVATIONS} - {'leaky_relu'}))}"
        )
    return Activation(name, float(slope or 1) if has_slope else None)
