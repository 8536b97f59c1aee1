"""The planner of a sequence of layers: it adds each layer in turn, from z to the image.

A property that no shape determines is a slot. Its value is from the settings, else from the given
values, else from `defaults`.
"""

import math
from collections.abc import Sequence
from typing import Literal

from ganinv_cli.formats.interface import MAX_SIDE, MAX_VALUES, UnreadableError
from ganinv_cli.formats.weights import defaults, overrides
from ganinv_cli.formats.weights.defaults import KernelLayout
from ganinv_cli.formats.weights.given import GivenValues
from ganinv_cli.formats.weights.layers import Framework, PlannedLayer, WeightedLayer
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.slots import ACTIVATIONS, EPSILONS, Settings, Slot
from ganinv_cli.network.layers import Activation, Reshape, Upsample
from ganinv_cli.network.shapes import Shape, format_shape
from ganinv_cli.prior import format_number
from ganinv_cli.settings.conventions import Conventions


class Planner:
    """Plans each layer in turn, from z to the image."""

    def __init__(
        self,
        layers: Sequence[WeightedLayer],
        framework: Framework,
        conventions: Conventions,
        settings: Settings,
    ) -> None:
        self._weighted_layers, self._framework, self._conventions = layers, framework, conventions
        self._settings = settings
        self._kinds = [defaults.classify_layer(part, framework) for part in layers]
        self._given = GivenValues(conventions, self._kinds)
        # Keras' layers may have an activation of their own; PyTorch's need a separate layer for it
        self._is_numbered = framework.is_torch and any(part.weightless_before for part in layers)
        self._layers: list[PlannedLayer] = []
        self._slots: list[Slot] = []
        self._number = 0  # of the current layer among those with weights
        self._linear = -1  # number of the last matrix or convolution
        self._equal_channel_count = 0  # convolutions so far that keep the number of channels
        self._unit_strides = range(0)  # convolutions that usually have stride 1 here
        self._after_first_norm = (
            False  # whether the last layer is a norm at the start of the first map
        )
        self._is_activated = True  # whether an activation follows the last matrix or convolution
        self._latent, self._shape = 0, Shape()

    @property
    def plan(self) -> Plan:
        """The plan of the layers so far."""
        is_numbered = all(part.weightless_before is not None for part in self._weighted_layers[1:])
        return Plan(
            self._latent,
            tuple(self._layers),
            tuple(self._slots),
            tuple(self._weighted_layers),
            self._framework,
            self._conventions,
            is_numbered and self._equal_channel_count < 2,
        )

    def add_layers(self, count: int) -> None:
        """Plan the first layers with weights. Raises UnreadableError."""
        for self._number in range(count):
            layer, kind = self._weighted_layers[self._number], self._kinds[self._number]
            if kind == "slope":
                self._layers.append(PlannedLayer(layer, Activation("leaky_relu", 0.0)))
                self._is_activated = True
            elif kind == "norm":
                self._add_norm(layer)
            else:
                (self._add_dense if kind == "dense" else self._add_convolution)(layer)
                self._is_activated = self._after_first_norm = False
                self._linear = self._number

    def finish(self) -> None:
        """Check that the layers make an image, and add its activation. Raises UnreadableError."""
        self._finish_image()
        end = overrides.choose_output_activation(self._conventions)
        if end:
            self._layers.append(PlannedLayer(None, end))
        overrides.count_labels(self._conventions, self._latent)
        self._given.check_activations(sum(slot.name == "activation" for slot in self._slots))

    def _decide(
        self,
        name: str,
        usual: str,
        alternatives: Sequence[str],
        number: int | None = None,
        is_certain: bool = False,
    ) -> str:
        """Return the value of a slot of the current layer, or of another, and list the slot.

        With `is_certain`, the file determines the usual value. Raises UnreadableError.
        """
        number = self._number if number is None else number
        # every norm has an epsilon, but not every norm may follow an activation
        counted = "epsilon" if name == "norm" else name
        index = sum(slot.name == counted for slot in self._slots)
        given = self._given.find(name, index, (usual, *alternatives))
        usual = given or usual
        value = self._settings.get((name, number), usual)
        others = [each for each in dict.fromkeys((usual, *alternatives)) if each != value]
        layer = self._weighted_layers[number].name
        slot = Slot(name, number, layer, value, usual, tuple(others))
        known = slot._replace(source="given" if given else "file") if given or is_certain else slot
        self._slots.append(known)
        return value

    def _add_dense(self, layer: WeightedLayer) -> None:
        inputs, outputs = defaults.get_matrix_sizes(layer, self._framework)
        if not self._shape:
            self._latent, self._shape = inputs, (inputs,)
        if self._shape == (1, 1, inputs):
            self._add_reshape((inputs,))
        if self._shape != (inputs,):
            raise self._misfit_error(layer, f"{inputs} inputs", self._shape)
        defaults.check_bias(layer, outputs, self._framework)
        if self._may_be_activated(layer.weightless_before):
            self._add_activation()
        self._is_activated = True
        self._layers.append(PlannedLayer(layer))
        self._shape = (outputs,)

    def _add_norm(self, layer: WeightedLayer) -> None:
        channels = defaults.count_channels(layer)
        if len(self._shape) == 1 and self._shape != (channels,):
            self._unfold(layer, [channels])
            self._after_first_norm = True
        if self._shape[-1:] != (channels,):
            raise self._misfit_error(layer, f"{channels} channels", self._shape)
        self._add_activation_before_norm(layer)
        epsilon = self._decide("epsilon", format_number(self._framework.epsilon), EPSILONS)
        self._layers.append(PlannedLayer(layer, float(epsilon)))

    def _add_activation_before_norm(self, layer: WeightedLayer) -> None:
        """Add the activation that precedes a norm, if one does."""
        rest = range(self._number + 1, len(self._kinds))
        following = next((n for n in rest if self._kinds[n] in ("dense", "convolution")), None)
        if self._is_activated or following is None:
            return
        may_precede = self._may_be_activated(layer.weightless_before)
        may_follow = self._may_be_activated(
            self._weighted_layers[self._number + 1].weightless_before
        )
        if self._kinds[self._number + 1] == "slope" or not (may_precede or may_follow):
            return
        usual = "before" if may_follow else "after"
        others = ("before", "after") if may_precede and may_follow else ()
        order = self._decide("norm", usual, others, is_certain=not others)
        if order == "after":
            self._add_activation()
            self._is_activated = True

    def _may_be_activated(self, weightless_before: int | None) -> bool:
        """Return whether an activation may precede a layer with weights, by their numbers."""
        return not self._is_activated and (
            weightless_before is None or weightless_before > 0 or not self._is_numbered
        )

    def _add_activation(self) -> None:
        text = self._decide("activation", self._framework.activation, ACTIVATIONS, self._linear)
        activation = overrides.parse_activation(text)
        if activation:
            self._layers.append(PlannedLayer(None, activation))

    def _add_convolution(self, layer: WeightedLayer) -> None:
        layouts = defaults.list_kernel_layouts(layer, self._framework, self._weighted_layers)
        if not self._shape and not layouts[0].transposed:
            raise UnreadableError(
                f"{layer.name} {list(layer.shape)} is a convolution, which takes images; expected "
                "a layer that takes a latent vector: a matrix, or a transposed convolution"
            )
        is_first = not self._shape
        if is_first:
            self._latent, self._shape = layouts[0].inputs, (layouts[0].inputs,)
        is_flat = len(self._shape) == 1
        if is_flat:
            self._unfold(layer, [choice.inputs for choice in layouts])
        layout, method = self._choose_layout(layer, layouts[:1] if is_first else layouts)
        side = self._shape[0]
        defaults.check_bias(layer, layout.outputs, self._framework)
        # a layer that unfolds counts as one without weights
        weightless_before = (
            layer.weightless_before
            if layer.weightless_before is None
            else layer.weightless_before - is_flat
        )
        stride = self._choose_stride(layout, side, weightless_before)
        self._equal_channel_count += layout.inputs == layout.outputs
        is_enlarged = stride > 1 and not layout.transposed
        if self._may_be_activated(
            weightless_before if weightless_before is None else weightless_before - is_enlarged
        ):
            self._add_activation()
        self._is_activated = True
        if is_enlarged:
            self._layers.append(PlannedLayer(None, Upsample((stride, stride), method)))
            self._shape = (side * stride, self._shape[1] * stride, self._shape[2])
        padding = self._decide(
            "padding",
            defaults.find_usual_padding(layout, stride, side),
            ("0", "1") if layout.transposed and side > 1 and layout.kernel_size > (1, 1) else (),
        )
        geometry = defaults.choose_geometry(layout, stride, side, self._framework, padding)
        self._layers.append(PlannedLayer(layer, geometry))
        self._shape = (
            *defaults.compute_output_sides(layout, geometry, self._shape),
            layout.outputs,
        )
        self._check_map(layer)

    def _check_map(self, layer: WeightedLayer) -> None:
        sides = self._shape[:2]
        if not 1 <= min(sides) <= max(sides) <= MAX_SIDE or math.prod(self._shape) > MAX_VALUES:
            raise UnreadableError(
                f"{layer.name} makes a map of {format_shape(self._shape)}; expected from 1 to "
                f"{MAX_SIDE} pixels a side and at most {MAX_VALUES:,} values; if its layers simply "
                "follow one another, --strides and --padding say how the sides grow; otherwise "
                f"{self._framework.remedy}"
            )

    def _choose_layout(
        self, layer: WeightedLayer, layouts: Sequence[KernelLayout]
    ) -> tuple[KernelLayout, Literal["nearest", "bilinear"]]:
        """Return the interpretation of a kernel, and the upsampling before it.

        Raises UnreadableError if its channels do not fit.
        """
        fitting = [choice for choice in layouts if choice.inputs == self._shape[-1]]
        if not fitting:
            wanted = " or ".join(str(choice.inputs) for choice in layouts)
            raise self._misfit_error(layer, f"{wanted} channels", self._shape)
        possible = fitting[:1] if layer.transposed is not None else fitting
        names = [
            name
            for choice in possible
            for name in (("transposed",) if choice.transposed else ("nearest", "bilinear"))
        ]
        name = self._decide("upsampling", names[0], names, is_certain=len(names) == 1)
        layout = next(each for each in possible if each.transposed == (name == "transposed"))
        return layout, "bilinear" if name == "bilinear" else "nearest"

    def _choose_stride(self, layout: KernelLayout, side: int, weightless_before: int | None) -> int:
        """Return the factor by which the sides grow."""
        number = sum(slot.name == "strides" for slot in self._slots)
        usual = (
            1
            if number in self._unit_strides
            else defaults.choose_stride(layout, side, weightless_before, self._after_first_norm)
        )
        is_open = (
            side > 1 and layout.kernel_size > (1, 1)
            if layout.transposed
            else weightless_before is None or weightless_before > 0
        )
        return int(self._decide("strides", str(usual), ("1", "2") if is_open else ()))

    def _unfold(self, layer: WeightedLayer, channel_choices: list[int]) -> None:
        """Reshape a vector to a square map with one of these numbers of channels."""
        (values,) = self._shape
        for channels in channel_choices:
            side = math.isqrt(values // channels)
            if side * side * channels == values:
                self._unfold_to((side, side, channels))
                return
        raise self._misfit_error(
            layer, f"a square map of {' or '.join(map(str, channel_choices))} channels", (values,)
        )

    def _unfold_to(self, shape: Shape) -> None:
        """Reshape to a map; the layers since the last matrix are reordered to channels last."""
        if self._framework.is_torch:
            for number in range(len(self._layers) - 1, -1, -1):
                planned = self._layers[number]
                self._layers[number] = planned._replace(map_shape=shape)
                if planned.weighted_layer and planned.usage is None:
                    break
        self._add_reshape(shape)
        convolutions = [
            p for p, k in zip(self._weighted_layers, self._kinds, strict=True) if k == "convolution"
        ]
        layouts = [
            defaults.list_kernel_layouts(part, self._framework, self._weighted_layers)[0]
            for part in convolutions
        ]
        self._unit_strides = defaults.find_unit_strides(layouts, shape[0])

    def _add_reshape(self, shape: Shape) -> None:
        self._layers.append(PlannedLayer(None, Reshape(shape)))
        self._shape = shape

    def _finish_image(self) -> None:
        """Check that the output is an image, or reshape the vector of dense layers to one."""
        shape = self._shape
        if len(shape) == 1:
            for channels in (1, 3):
                side = math.isqrt(shape[0] // channels)
                if side > 3 and side * side * channels == shape[0]:
                    self._unfold_to((side, side, channels))
                    return
        elif shape and shape[2] in (1, 3) and shape[0] > 1:
            strides = [slot for slot in self._slots if slot.name == "strides"]
            is_enlarged = any(slot.value != "1" or slot.source == "given" for slot in strides)
            if not is_enlarged and shape[0] < 16:
                raise UnreadableError(
                    f"makes an image of {format_shape(shape)} with the strides that are usual; "
                    "if its layers simply follow one another, give --strides with "
                    f"{len(strides)} numbers; otherwise {self._framework.remedy}"
                )
            return
        raise UnreadableError(
            f"{self._weighted_layers[-1].name} makes {format_shape(shape)}; expected a square "
            "image of 1 channel (grey) or 3 (colour); use a file with a generator of images"
        )

    def _misfit_error(self, layer: WeightedLayer, expected: str, shape: Shape) -> UnreadableError:
        return UnreadableError(
            f"{layer.name} {list(layer.shape)} expects {expected}, found {format_shape(shape)}; "
            "the file is damaged or its layers do not simply follow one another: "
            f"{self._framework.remedy}"
        )
