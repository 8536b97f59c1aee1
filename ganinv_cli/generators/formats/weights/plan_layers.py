"""Plan the layers of a generator from its steps: each must fit the output of those before it."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ganinv_cli.generators.formats.complete import choose_last_function
from ganinv_cli.generators.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.generators.formats.weights import choices
from ganinv_cli.generators.formats.weights.choices import Kernel
from ganinv_cli.generators.formats.weights.step import (
    ACTIVATION_CHOICES,
    EPSILONS,
    Choice,
    Design,
    Value,
    change_step,
    parse_activation,
)
from ganinv_cli.generators.formats.weights.weight import PlannedLayer, WeightedLayer, plan_arrays
from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.layers import Shape, ShapeError, format_shape, infer_shape
from ganinv_cli.settings.conventions import Conventions

# of layers, in an order in which the possible values of each follow from those before it
LAYER_CONVENTIONS = ("upsampling", "strides", "padding", "norm", "epsilon", "activation")


class LayerSequence(NamedTuple):
    """Layers that fit together, from z to the image or to the norm of some step."""

    inputs: int  # of the first layer: z, and the label if there is one
    layers: tuple[PlannedLayer, ...]
    choices: tuple[Choice, ...]  # from z to the image


def plan_layers(design: Design, count: int | None = None) -> LayerSequence:
    """Return the layers of a design; no weight is read.

    With `count`, only of the first steps, which make no image. Raises UnreadableError.
    """
    planner = _Planner(design)
    for number in range(len(design.steps) if count is None else count):
        planner.add_step(number)
    if count is None:
        planner.add_image()
    return LayerSequence(planner.inputs, tuple(planner.layers), tuple(planner.choices))


def apply_given(design: Design) -> Design:
    """Return the design with the given conventions in its steps, one for each place or for all.

    Raises UnreadableError for values that do not fit.
    """
    for name in LAYER_CONVENTIONS:
        values: Sequence[Value] = getattr(design.conventions, name)
        if isinstance(values, str):
            values = [each.strip() for each in values.split(",") if each.strip()]
        if not values:
            continue
        given = design.given
        places = [e for e in plan_layers(design, len(design.steps)).choices if e.name == name]
        is_for_all = len(values) == 1 and name not in ("strides", "padding")
        if places and len(values) != len(places) and not is_for_all:
            raise UnreadableError(
                f"--{name} {','.join(str(value)[:20] for value in values[:20])} does not fit; give "
                f"{len(places)}, one for each of {', '.join(each.layer for each in places)}"
            )
        for place, value in zip(places, itertools.cycle(values)):  # no places: fits none
            possible = (place.value, *place.others)
            if name not in ("upsampling", "norm") or value in possible:
                steps = change_step(design.steps, place.key, value)
                design = design._replace(steps=steps, given=design.given | {place.key})
            elif not is_for_all:
                raise UnreadableError(
                    f"--{name} {value} does not fit {place.layer}, whose weights allow only "
                    f"{' or '.join(map(str, possible))}"
                )
        if design.given == given:
            raise UnreadableError(f"--{name} {values[0]} fits none of its layers; leave it out")
    return design


def count_labels(conventions: Conventions, inputs: int) -> int:
    """Return how many of the first layer's inputs are the label; they follow z.

    Raises UnreadableError.
    """
    count = conventions.labels or 0
    if count and not 2 <= count < inputs:
        raise UnreadableError(
            f"takes {inputs:,} values, which cannot be z and {count} labels behind it; "
            "--labels says how many of them are a label's, at least 2"
        )
    return count


class _Planner:
    def __init__(self, design: Design) -> None:
        self.inputs = 0
        self.layers: list[PlannedLayer] = []
        self.choices: list[Choice] = []
        self._design = design
        self._steps, self._framework, self._labels = design.steps, design.framework, design.labels
        # Keras' layers may have an activation of their own; PyTorch's need a separate layer for it
        self._is_numbered = self._framework.is_torch and any(
            layer.weightless_before for step in self._steps for layer in step.layers
        )
        self._number = 0  # of the current step
        self._pending: int | None = None  # number of the step whose activation is not added yet
        self._shape = Shape()
        self._unit_strides = range(0)  # convolutions that usually have stride 1 here

    def add_step(self, number: int) -> None:
        """Add the layers of a step. Raises UnreadableError."""
        step, self._number = self._steps[number], number
        add_linear = self._add_convolution if step.is_convolution else self._add_dense
        add_linear(step.linear)
        self._pending = number
        if step.norm_layer:
            self._add_norm(step.norm_layer)

    def _add(self, layer: kinds.Layer, source: WeightedLayer | None = None) -> None:
        shapes = [self._shape]
        if isinstance(layer, kinds.Concat):
            shapes.append((*self._shape[:-1], self._labels))
        try:
            self._shape = infer_shape(layer, shapes)
        except ShapeError as error:
            raise self._make_misfit(str(error)) from None
        if math.prod(self._shape) > MAX_VALUES:
            raise self._make_misfit(f"makes {format_shape(self._shape)} values")
        self.layers.append(PlannedLayer(layer, source))

    def _add_weighted(
        self, kind: Callable[..., kinds.Layer], source: WeightedLayer, outputs: int, **settings: Any
    ) -> None:
        count = 4 if kind is kinds.BatchNorm else 2
        arrays = plan_arrays(source, count, outputs, self._framework.is_torch)
        self._add(kind(*arrays, **settings), source)

    def _make_misfit(self, problem: str, is_sequence: bool = False) -> UnreadableError:
        """Return the error of this layer, or of the image if all layers fit as a sequence."""
        layer = self._steps[self._number].linear
        advice = (
            "if its layers simply follow one another, --strides and --padding say how the sides "
            f"grow; otherwise it has branches or is damaged: {self._framework.remedy}"
        )
        # without what is given, the layers fit (see apply_given)
        sizes = {f"--{name}" for name, _ in self._design.given if name in ("strides", "padding")}
        if sizes and not is_sequence:
            advice = f"leave {' and '.join(sorted(sizes))} out, or correct it"
        misfit = "" if is_sequence else layer.name
        return UnreadableError(f"{layer.name} {list(layer.shape)} {problem}; {advice}", misfit)

    def _decide(self, name: str, values: Sequence[Value], number: int | None = None) -> Value:
        """Return the value of a convention of a step, by default this one, and list it."""
        number = self._number if number is None else number
        step = self._steps[number]
        layer = step.norm_layer if name in ("norm", "epsilon") else step.linear
        assert layer
        fixed = getattr(step, name)
        value: Value = values[0] if fixed is None else fixed
        others = tuple(each for each in dict.fromkeys(values) if each != value)
        choice = Choice(name, number, layer.name, value, values[0], others)
        if choice.key in self._design.given:
            choice = choice._replace(usual=value, others=(), source="given")
        elif name in ("upsampling", "norm") and len(values) == 1:
            choice = choice._replace(source="file")
        self.choices.append(choice)
        return value

    def _may_be_activated(self, weightless_before: int | None) -> bool:
        """Return whether an activation may precede a layer with weights, by their numbers."""
        return self._pending is not None and (
            weightless_before is None or weightless_before > 0 or not self._is_numbered
        )

    def _add_activation(self) -> None:
        values = (self._framework.activation, *ACTIVATION_CHOICES)
        activation = parse_activation(str(self._decide("activation", values, self._pending)))
        if activation:
            self._add(activation)
        self._pending = None

    def _add_dense(self, layer: WeightedLayer) -> None:
        inputs, outputs = layer.shape[:: -1 if self._framework.is_torch else 1]
        if not self._shape:
            self.inputs, self._shape = inputs, (inputs - self._labels,)
        if self._shape == (1, 1, inputs):
            self._add(kinds.Reshape((inputs,)))
        if self._may_be_activated(layer.weightless_before):
            self._add_activation()
        if self._labels:
            self._add(kinds.Concat())
        self._add_weighted(kinds.Dense, layer, outputs)

    def _add_norm(self, layer: WeightedLayer) -> None:
        (channels,) = layer.weights["mean"].shape
        if len(self._shape) == 1 and self._shape != (channels,):
            self._unfold([channels])
        self._add_activation_before_norm(layer)
        epsilon = self._decide("epsilon", (self._framework.epsilon, *EPSILONS))
        self._add_weighted(kinds.BatchNorm, layer, channels, epsilon=float(epsilon))

    def _add_activation_before_norm(self, layer: WeightedLayer) -> None:
        if self._number + 1 == len(self._steps):
            return
        following = self._steps[self._number + 1].linear
        possible = []
        if self._may_be_activated(following.weightless_before):
            possible.append("before")
        if self._may_be_activated(layer.weightless_before):
            possible.append("after")
        if possible and self._decide("norm", possible) == "after":
            self._add_activation()

    def _add_convolution(self, layer: WeightedLayer) -> None:
        is_first, is_flat = not self._shape, len(self._shape) < 2
        kernels = choices.list_kernels(layer, self._framework, is_first)
        if is_first:
            kernels = kernels[:1]
            self.inputs, self._shape = kernels[0].inputs, (kernels[0].inputs,)
        if self._labels and self._pending is not None:  # as carpedm20's program
            self._add_activation()
        if is_flat:
            self._unfold([each.inputs - self._labels for each in kernels])
        # a layer that unfolds counts as one without weights
        before = layer.weightless_before
        before = None if before is None else before - is_flat
        kernel, upsampling = self._choose_kernel(layer, kernels)
        stride = self._choose_stride(kernel, before, is_flat)
        is_enlarged = stride > 1 and not kernel.transposed
        if self._may_be_activated(before if before is None else before - is_enlarged):
            self._add_activation()
        if self._labels:
            self._add(kinds.Concat())
        if is_enlarged:
            self._add(
                kinds.Upsample(
                    (stride, stride), "bilinear" if upsampling == "bilinear" else "nearest"
                )
            )
        side = self._shape[0]
        padding = self._decide("padding", choices.list_paddings(kernel, stride, side))
        sides = choices.find_sides(kernel, stride, side, padding, self._framework.is_torch)
        if kernel.transposed:
            pair = (stride, stride)
            self._add_weighted(kinds.ConvTranspose, layer, kernel.outputs, stride=pair, crop=sides)
        else:
            self._add_weighted(kinds.Conv, layer, kernel.outputs, padding=sides)

    def _choose_kernel(self, layer: WeightedLayer, kernels: list[Kernel]) -> tuple[Kernel, Value]:
        fitting = [each for each in kernels if each.inputs == self._shape[-1] + self._labels]
        if not fitting:
            wanted = " or ".join(str(each.inputs) for each in kernels)
            raise self._make_misfit(f"expects {wanted} channels, found {format_shape(self._shape)}")
        name = self._decide("upsampling", choices.list_upsamplings(layer, fitting))
        return next(e for e in fitting if e.transposed == (name == "transposed")), name

    def _choose_stride(self, kernel: Kernel, before: int | None, is_flat: bool) -> int:
        number = sum(choice.name == "strides" for choice in self.choices)
        if before and not (is_flat or number):
            before += 1  # the norm of the first map
        values = choices.list_strides(kernel, self._shape[0], before)
        if number in self._unit_strides:
            values = sorted({1, *values})
        return int(self._decide("strides", values))

    def _unfold(self, channel_choices: Sequence[int]) -> None:
        """Reshape a vector to a square map with one of these numbers of channels.

        The layers since the last matrix are reordered to channels last.
        """
        (values,) = self._shape
        for channels in channel_choices:
            side = math.isqrt(values // channels) if channels > 0 else 0
            if side and side * side * channels == values:
                break
        else:
            wanted = " or ".join(map(str, channel_choices))
            raise self._make_misfit(f"expects a square map of {wanted} channels, found {values}")
        shape = (side, side, channels)
        for place in reversed(range(len(self.layers) if self._framework.is_torch else 0)):
            self.layers[place] = self.layers[place]._replace(map_shape=shape)
            if isinstance(self.layers[place].layer, kinds.Dense):
                break
        self._add(kinds.Reshape(shape))
        self._unit_strides = choices.find_unit_strides(self._steps, self._framework, side)

    def add_image(self) -> None:
        """Check that the layers make an image, and add its activation. Raises UnreadableError."""
        if len(self._shape) == 1:
            self._unfold((1, 3))
        side, _, channels = self._shape
        if channels not in (1, 3) or side == 1:
            raise self._make_misfit(
                f"makes {format_shape(self._shape)}; expected a square image of 1 channel (grey) "
                "or 3 (colour)",
                is_sequence=True,
            )
        strides = [each for each in self.choices if each.name == "strides"]
        if strides and side < 16 and all(e.value == 1 and e.source != "given" for e in strides):
            raise self._make_misfit(
                f"makes {format_shape(self._shape)} with strides of 1; give {len(strides)} others",
                is_sequence=True,
            )
        usual = "sigmoid" if self._labels else "tanh"
        if last := choose_last_function(self._design.conventions.range or usual):
            self._add(kinds.Activation(last))
        count_labels(self._design.conventions, self.inputs)
