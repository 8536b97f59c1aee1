"""The steps of a generator: a matrix or convolution, its norm and activation, and conventions.

Kinds are inferred from shapes: a matrix is a dense layer, four axes are a convolution, and vectors
with statistics are a batch norm.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ganinv_cli.generators.formats.interface import DISCRIMINATOR, IMAGE_NETWORK, UnreadableError
from ganinv_cli.generators.formats.unsupported import EXPORT_TO_ONNX
from ganinv_cli.generators.formats.weights.weight import WeightedLayer
from ganinv_cli.generators.network.definition import Convention, Source
from ganinv_cli.generators.network.layers import ACTIVATIONS, Activation
from ganinv_cli.prior import format_exactly
from ganinv_cli.settings.conventions import Conventions

# values to try; the first is the most common
ACTIVATION_CHOICES = (
    "relu", "leaky_relu:0.2", "none", "leaky_relu:0.01", "leaky_relu:0.1", "leaky_relu:0.3", "elu",
    "selu", "tanh", "gelu", "swish",
)  # fmt: skip
EPSILONS = (1e-5, 1e-3, 0.8, 1e-4, 1e-8)
# common priors; of a uniform and a normal one of equal variance, the one with round numbers
ROUND_PRIORS = (
    "normal:1", "uniform:-1,1", "uniform:0,1", "normal:2", "normal:0.5", "normal:0.2", "normal:0.1",
    "normal:0.05", "normal:0.25", "normal:0.02", "normal:0.01", "uniform:-2,2", "uniform:-0.5,0.5",
    "uniform:-0.1,0.1", "uniform:-0.2,0.2", "uniform:-0.05,0.05", "uniform:0,2", "uniform:0,0.5",
    "uniform:0,0.1",
)  # fmt: skip

_LABEL_NAME = re.compile(r"embed|label|emb(?![a-z])|class_?cond", re.IGNORECASE)
_BRANCH_NAME = re.compile(
    r"(?<![a-z])(res(net|idual)?(_?(blocks?|layers?|units?))?|short_?cuts?|skips?|c_sc|conv_sc|"
    r"bypass|identity|to_?rgbs?|from_?rgb|(self_?)?(attn|attentions?)|query|key|value|to_[qkv]|"
    r"style\w*|ada_?in|mapping|synthesis|modulation|affine|downsampl(e|ers?)|downs?|time_?emb\w*|"
    r"(down|mid|up)_blocks?|lora\w*)(?![a-z])",
    re.IGNORECASE,
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
    """A convention of one step as it was planned, and its other possible values."""

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
    given: frozenset[Key] = frozenset()  # what `plan_layers.apply_given` put into the steps


class Decision(NamedTuple):
    """The value of a convention that a norm was compared for."""

    value: Value  # to plan the layers with
    convention: Convention


Inference = dict[Key, Decision]
PRIOR: Key = ("prior", -1)
LABELS: Key = ("labels", -1)


def list_steps(layers: Sequence[WeightedLayer], framework: Framework) -> tuple[Step, ...]:
    """Return the steps that layers in their order make. Raises UnreadableError, e.g. for labels."""
    if not layers:
        raise UnreadableError("holds no layer with weights")
    for layer in layers:
        _refuse_name(layer, framework)
    _refuse_image_network(layers, framework)
    steps: list[Step] = []
    for layer in layers:
        rank, roles = len(layer.shape), layer.weights.keys()
        last = steps[-1] if steps else None
        if rank in (2, 4) and roles <= {"weight", "bias"} and 0 not in layer.shape:
            steps.append(Step(layer))
        elif last and not last.norm_layer and rank < 2 and {"mean", "variance"} <= roles:
            steps[-1] = replace(last, norm_layer=layer)
        else:
            contents = ", ".join(f"{role} {list(e.shape)}" for role, e in layer.weights.items())
            raise UnreadableError(
                f"{layer.name} ({contents}) is not a dense layer, convolution of two axes, or "
                "batch norm behind one with its running mean and variance; expected a sequence of "
                f"these: use a file with all of them, or {framework.remedy}",
                layer.name,
            )
    return tuple(steps)


def change_step(steps: Sequence[Step], key: Key, value: Value | None) -> tuple[Step, ...]:
    """Return the steps with another value of one convention; None: the usual one."""
    name, number = key
    change: Any = {name: value}
    return (*steps[:number], replace(steps[number], **change), *steps[number + 1 :])


def format_value(value: Value | None) -> str:
    """Return a value as its option takes it."""
    return format_exactly(value) if isinstance(value, float) else str(value)


def parse_activation(text: str) -> Activation | None:
    """Return the activation of a text: a name of ACTIVATIONS, with a slope as leaky_relu:0.2.

    None stands for no activation, "none". Raises UnreadableError.
    """
    if text.strip() == "none":
        return None
    match = re.fullmatch(r"(\w+)(?::(-?[0-9]*\.?[0-9]+(?:e-?[0-9]+)?))?", text.strip())
    name, slope = match.groups() if match else ("", None)
    has_slope = name in ("leaky_relu", "elu")
    if name not in ACTIVATIONS or (slope and not has_slope) or (name == "leaky_relu" and not slope):
        raise UnreadableError(
            f"the activation {text[:80]!r} cannot be read; give leaky_relu with its slope, e.g. "
            f"leaky_relu:0.2, none, or one of {', '.join(sorted({*ACTIVATIONS} - {'leaky_relu'}))}"
        )
    return Activation(name, float(slope or 1) if has_slope else None)


def _refuse_name(layer: WeightedLayer, framework: Framework) -> None:
    if _LABEL_NAME.search(layer.name):
        problem = "a generator that takes a label, and weights alone do not say how it joins z"
    elif _BRANCH_NAME.search(layer.name):
        problem = "a branch, and weights alone do not say where it leaves and joins"
    else:
        return
    raise UnreadableError(
        f"{layer.name} {list(layer.shape)} belongs to {problem}; {framework.remedy}"
    )


def _refuse_image_network(layers: Sequence[WeightedLayer], framework: Framework) -> None:
    shapes = [layer.shape for layer in layers if len(layer.shape) in (2, 4)]
    if len(shapes) < 2 or layers[0].transposed:
        return
    # of a matrix or of a convolution that is not transposed
    pairs = [shape[:2] if framework.is_torch else shape[:-3:-1] for shape in shapes]
    (outputs, inputs), is_number = pairs[0], pairs[-1][0] == 1
    takes_pictures = inputs in (1, 3) and outputs > inputs
    if len(shapes[0]) == 2:  # a grey generator ends in a convolution
        takes_pictures = is_number and len(shapes[-1]) == 2
    if takes_pictures:
        raise UnreadableError(DISCRIMINATOR if is_number else IMAGE_NETWORK, layers[0].name)
