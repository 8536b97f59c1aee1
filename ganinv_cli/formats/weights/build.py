"""Build a generator from its steps: each layer must fit the output of the layers before it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.interface import MAX_SIDE, MAX_VALUES, UnreadableError
from ganinv_cli.formats.weights import choices
from ganinv_cli.formats.weights.built_layer import BuiltLayer, make_layer
from ganinv_cli.formats.weights.choices import ConvGeometry, KernelLayout
from ganinv_cli.formats.weights.given import Given, count_labels
from ganinv_cli.formats.weights.step import (
    ACTIVATION_CHOICES,
    EPSILONS,
    Choice,
    Design,
    Step,
    Value,
    WeightedLayer,
    parse_activation,
)
from ganinv_cli.network.folding import add_label_input
from ganinv_cli.network.graph import LABEL, Network, Node, Z
from ganinv_cli.network.layers import Activation, Concat, Constant, Multiply, Reshape, Upsample
from ganinv_cli.network.shapes import Shape, format_shape


class Misfit(UnreadableError):  # noqa: N818 - its name in WORDS.md
    """Raised if steps make no image: a layer does not fit the output of the layers before it."""


class Chain(NamedTuple):
    """Layers that fit together, from z to the image or to the norm of some step."""

    inputs: int  # of the first layer: z, and the label if there is one
    layers: tuple[BuiltLayer, ...]
    choices: tuple[Choice, ...]  # from z to the image


def build(design: Design, count: int | None = None, labels: int = 0) -> Chain:
    """Return the layers of a design; no weight is read.

    With `count`, only of the first steps, which make no image. `labels` is the number of values of
    a one-hot label that each matrix and convolution also takes. Raises Misfit, or UnreadableError
    for given conventions.
    """
    builder = _Builder(design, labels)
    for step in design.steps[:count]:
        builder.add_step(step)
    if count is None:
        builder.add_image()
    return builder.chain


def build_network(design: Design, labels: int = 0) -> Network:
    """Return the network of a design with its weights, which are read now; see `build`."""
    chain = build(design, labels=labels)
    nodes: list[Node] = []
    side, last = 0, Z
    for layer in chain.layers:
        inputs: tuple[int, ...] = (last,)
        if isinstance(layer.usage, Concat):
            inputs = (last, _add_label(nodes, labels, side))
        elif isinstance(layer.usage, Reshape):
            side = layer.usage.shape[0]
        elif isinstance(layer.usage, ConvGeometry):
            side *= layer.usage.stride[0]
        nodes.append(Node(make_layer(layer, design.framework.is_torch), inputs, layer.name))
        last = len(nodes) - 1
    behind_z = 0 if labels else count_labels(design.conventions, chain.inputs)
    network = Network(chain.inputs - labels, tuple(nodes), labels)
    return add_label_input(network, behind_z) if behind_z else network


def _add_label(nodes: list[Node], labels: int, side: int) -> int:
    """Return the number of the label, at each pixel of a map of this side; 0: there is no map."""
    if not side:
        return LABEL
    first = len(nodes)
    nodes.append(Node(Reshape((1, 1, labels)), (LABEL,)))
    nodes.append(Node(Constant(np.ones((side, side, 1), np.float32)), ()))
    nodes.append(Node(Multiply(), (first, first + 1)))
    return first + 2


class _Builder:
    """Adds each step in turn, from z to the image."""

    def __init__(self, design: Design, labels: int) -> None:
        self._steps, self._framework, self._conventions = design
        self._labels = labels
        convolutions = sum(len(step.linear.shape) == 4 for step in self._steps)
        norms = sum(step.norm_layer is not None for step in self._steps)
        self._given = Given(self._conventions, convolutions, norms)
        # Keras' layers may have an activation of their own; PyTorch's need a separate layer for it
        linears = [step.linear.weightless_before for step in self._steps]
        others = [e.weightless_before for s in self._steps for e in (s.norm_layer, s.slope) if e]
        self._is_numbered = self._framework.is_torch and any((*linears, *others))
        self._layers: list[BuiltLayer] = []
        self._choices: list[Choice] = []
        self._number = -1  # of the current step
        self._after_first_norm = False  # whether the last layer is the norm of the first map
        self._is_activated = True  # whether an activation follows the last matrix or convolution
        self._inputs, self._shape = 0, Shape()
        self._unit_strides = range(0)  # convolutions that usually have stride 1 here

    @property
    def chain(self) -> Chain:
        return Chain(self._inputs, tuple(self._layers), tuple(self._choices))

    def add_step(self, step: Step) -> None:
        """Add the matrix or convolution of a step, and its norm and slope. Raises Misfit."""
        self._number += 1
        (self._add_dense if len(step.linear.shape) == 2 else self._add_convolution)(step.linear)
        self._is_activated = self._after_first_norm = False
        if step.slope and step.is_slope_first:
            self._add_slope(step.slope)
        if step.norm_layer:
            self._add_norm(step.norm_layer)
        if step.slope and not step.is_slope_first:
            self._add_slope(step.slope)

    def _decide(
        self, name: str, values: Sequence[Value], layer: str, is_certain: bool = False
    ) -> Value:
        """Return the value of a convention of the current step, or the usual one, and list it.

        An activation belongs to the step before the current one if that has none yet.
        """
        number = self._number
        if name == "activation":
            number = next(n for n, s in enumerate(self._steps) if s.linear.name == layer)
        # every norm has an epsilon, but not every norm may follow an activation
        counted = "epsilon" if name == "norm" else name
        index = sum(choice.name == counted for choice in self._choices)
        given = self._given.find(name, index, values)
        usual = values[0] if given is None else given
        fixed = getattr(self._steps[number], name)
        value: Value = usual if fixed is None else fixed
        others = tuple(each for each in dict.fromkeys((usual, *values)) if each != value)
        choice = Choice(name, number, layer, value, usual, others)
        if given is not None or is_certain:
            choice = choice._replace(source="file" if given is None else "given")
        self._choices.append(choice)
        return value

    def _add_dense(self, layer: WeightedLayer) -> None:
        inputs, outputs = choices.get_matrix_sizes(layer, self._framework)
        if not self._shape:
            self._inputs, self._shape = inputs, (inputs - self._labels,)
        if self._shape == (1, 1, inputs):
            self._add_reshape((inputs,))
        if self._may_be_activated(layer.weightless_before):
            self._add_activation()
        self._add_label()
        if self._shape != (inputs,):
            raise self._make_misfit(layer, f"{inputs} inputs")
        self._check_bias(layer, outputs)
        self._layers.append(BuiltLayer(layer))
        self._shape = (outputs,)

    def _add_norm(self, layer: WeightedLayer) -> None:
        channels = layer.weights["mean"].shape[0]
        if len(self._shape) == 1 and self._shape != (channels,):
            self._unfold(layer, [channels])
            self._after_first_norm = True
        if self._shape[-1:] != (channels,):
            raise self._make_misfit(layer, f"{channels} channels")
        self._add_activation_before_norm(layer)
        epsilon = self._decide("epsilon", (self._framework.epsilon, *EPSILONS), layer.name)
        self._layers.append(BuiltLayer(layer, float(epsilon)))

    def _add_activation_before_norm(self, layer: WeightedLayer) -> None:
        """Add the activation that precedes a norm, if one does."""
        slope = self._steps[self._number].slope
        if self._is_activated or slope or self._number + 1 == len(self._steps):
            return
        following = self._steps[self._number + 1].linear
        may_precede = self._may_be_activated(layer.weightless_before)
        may_follow = self._may_be_activated(following.weightless_before)
        possible = ["before"] * may_follow + ["after"] * may_precede
        if possible:
            order = self._decide("norm", possible, layer.name, is_certain=len(possible) == 1)
            if order == "after":
                self._add_activation()

    def _may_be_activated(self, weightless_before: int | None) -> bool:
        """Return whether an activation may precede a layer with weights, by their numbers."""
        return not self._is_activated and (
            weightless_before is None or weightless_before > 0 or not self._is_numbered
        )

    def _add_activation(self) -> None:
        """Add the activation after the last matrix or convolution."""
        values = (self._framework.activation, *ACTIVATION_CHOICES)
        last = next(each for each in reversed(self._layers) if self._is_linear(each))
        activation = parse_activation(str(self._decide("activation", values, last.name)))
        if activation:
            self._layers.append(BuiltLayer(None, activation))
        self._is_activated = True

    def _add_slope(self, layer: WeightedLayer) -> None:
        self._layers.append(BuiltLayer(layer, Activation("leaky_relu", 0.0)))
        self._is_activated = True

    def _add_convolution(self, layer: WeightedLayer) -> None:
        is_first, is_flat = not self._shape, len(self._shape) < 2
        layouts = choices.list_kernel_layouts(layer, self._framework, is_first)
        if is_first:
            if not layouts[0].transposed:
                raise Misfit(
                    f"{layer.name} {list(layer.shape)} is a convolution, which takes images; "
                    "expected a layer that takes a latent vector: a matrix, or a transposed "
                    "convolution"
                )
            layouts = layouts[:1]
            self._inputs, self._shape = layouts[0].inputs, (layouts[0].inputs,)
        if self._labels and not self._is_activated:  # as carpedm20's program
            self._add_activation()
        if is_flat:
            self._unfold(layer, [each.inputs - self._labels for each in layouts])
        # a layer that unfolds counts as one without weights
        before = layer.weightless_before
        before = None if before is None else before - is_flat
        layout, name = self._choose_layout(layer, layouts)
        stride = self._choose_stride(layer, layout, before)
        is_enlarged = stride > 1 and not layout.transposed
        if self._may_be_activated(before if before is None else before - is_enlarged):
            self._add_activation()
        self._add_label()
        if is_enlarged:
            upsample = Upsample((stride, stride), "bilinear" if name == "bilinear" else "nearest")
            self._layers.append(BuiltLayer(None, upsample))
            self._shape = (self._shape[0] * stride, self._shape[1] * stride, self._shape[2])
        height, width, _ = self._shape
        paddings = choices.list_paddings(layout, stride, height)
        padding = self._decide("padding", paddings, layer.name)
        assert not isinstance(padding, float)
        geometry = choices.make_geometry(layout, stride, height, padding, self._framework)
        self._check_bias(layer, layout.outputs)
        self._layers.append(BuiltLayer(layer, geometry))
        sides = choices.compute_output_sides(layout, geometry, (height, width))
        self._shape = (*sides, layout.outputs)
        if not 1 <= min(sides) <= max(sides) <= MAX_SIDE or math.prod(self._shape) > MAX_VALUES:
            raise Misfit(
                f"{layer.name} makes a map of {format_shape(self._shape)}; expected from 1 to "
                f"{MAX_SIDE} pixels a side and at most {MAX_VALUES:,} values; if its layers simply "
                "follow one another, --strides and --padding say how the sides grow; otherwise "
                f"{self._framework.remedy}"
            )

    def _choose_layout(
        self, layer: WeightedLayer, layouts: Sequence[KernelLayout]
    ) -> tuple[KernelLayout, str]:
        """Return the interpretation of a kernel, and its upsampling."""
        channels = self._shape[-1] + self._labels
        fitting = [layout for layout in layouts if layout.inputs == channels]
        if not fitting:
            wanted = " or ".join(str(layout.inputs) for layout in layouts)
            raise self._make_misfit(layer, f"{wanted} channels")
        names = choices.list_upsamplings(layer, fitting)
        name = str(self._decide("upsampling", names, layer.name, is_certain=len(names) == 1))
        return next(e for e in fitting if e.transposed == (name == "transposed")), name

    def _choose_stride(
        self, layer: WeightedLayer, layout: KernelLayout, weightless_before: int | None
    ) -> int:
        values = choices.list_strides(
            layout, self._shape[0], weightless_before, self._after_first_norm
        )
        number = sum(choice.name == "strides" for choice in self._choices)
        if number in self._unit_strides:
            values = sorted({1, *values})
        return int(self._decide("strides", values, layer.name))

    def _unfold(self, layer: WeightedLayer, channel_choices: list[int]) -> None:
        """Reshape a vector to a square map with one of these numbers of channels."""
        (values,) = self._shape
        for channels in channel_choices:
            side = math.isqrt(values // channels) if channels > 0 else 0
            if side and side * side * channels == values:
                self._unfold_to((side, side, channels))
                return
        wanted = " or ".join(map(str, channel_choices))
        raise self._make_misfit(layer, f"a square map of {wanted} channels")

    def _unfold_to(self, shape: Shape) -> None:
        """Reshape to a map; the layers since the last matrix are reordered to channels last."""
        if self._framework.is_torch:
            for number in range(len(self._layers) - 1, -1, -1):
                built = self._layers[number]
                self._layers[number] = built._replace(map_shape=shape)
                if self._is_linear(built):
                    break
        self._add_reshape(shape)
        self._unit_strides = choices.find_unit_strides(self._steps, self._framework, shape[0])

    def _add_reshape(self, shape: Shape) -> None:
        self._layers.append(BuiltLayer(None, Reshape(shape)))
        self._shape = shape

    def _add_label(self) -> None:
        if self._labels:
            self._layers.append(BuiltLayer(None, Concat()))
            self._shape = (*self._shape[:-1], self._shape[-1] + self._labels)

    def add_image(self) -> None:
        """Check that the layers make an image, and add its activation. Raises Misfit."""
        if len(self._shape) == 1:
            for channels in (1, 3):
                side = math.isqrt(self._shape[0] // channels)
                if side > 3 and side * side * channels == self._shape[0]:
                    self._unfold_to((side, side, channels))
                    break
        shape = self._shape
        if len(shape) != 3 or shape[2] not in (1, 3) or shape[0] == 1:
            raise Misfit(
                f"{self._steps[-1].linear.name} makes {format_shape(shape)}; expected a square "
                "image of 1 channel (grey) or 3 (colour); use a file with a generator of images"
            )
        strides = [choice for choice in self._choices if choice.name == "strides"]
        if all(e.value == 1 and e.source != "given" for e in strides) and strides and shape[0] < 16:
            raise Misfit(
                f"makes an image of {format_shape(shape)} with the strides that are usual; if its "
                f"layers simply follow one another, give --strides with {len(strides)} numbers; "
                f"otherwise {self._framework.remedy}"
            )
        end = self._conventions.range.strip() or ("sigmoid" if self._labels else "tanh")
        if end in ("tanh", "sigmoid"):
            self._layers.append(BuiltLayer(None, Activation(end)))
        count_labels(self._conventions, self._inputs)
        self._given.check_activations(sum(each.name == "activation" for each in self._choices))

    def _is_linear(self, built: BuiltLayer) -> bool:
        return built.source is not None and len(built.source.shape) > 1

    def _check_bias(self, layer: WeightedLayer, outputs: int) -> None:
        bias = layer.weights.get("bias")
        if bias and bias.shape != (outputs,):
            raise self._make_misfit(layer, f"a bias of {outputs} values", bias.shape)

    def _make_misfit(self, layer: WeightedLayer, expected: str, found: Shape = ()) -> Misfit:
        return Misfit(
            f"{layer.name} {list(layer.shape)} expects {expected}, found "
            f"{format_shape(found or self._shape)}; the file is damaged or its layers do not "
            f"simply follow one another: {self._framework.remedy}"
        )
