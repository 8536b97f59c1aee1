"""A generator from weights alone: layers in their order, without their geometry.

Kinds are inferred from shapes: a matrix is a dense layer, four axes are a convolution, vectors with
statistics are a batch norm, and each layer must fit the output of the one before it. What no shape
determines is taken from `defaults`, and listed as an assumption.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.interface import MAX_SIDE, MAX_VALUES, MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.weights import branches, defaults, overrides
from ganinv_cli.formats.weights.layers import Framework, PlannedLayer, WeightedLayer, make_layer
from ganinv_cli.network.folding import add_label_input
from ganinv_cli.network.graph import Network, chain
from ganinv_cli.network.layers import Activation, Reshape, Upsample
from ganinv_cli.network.shapes import Shape, format_shape
from ganinv_cli.settings.conventions import Conventions


class Plan(NamedTuple):
    """A generator whose layers fit together; no weight has been read."""

    inputs: int  # of the first layer: z, and the label if there is one
    layers: tuple[PlannedLayer, ...]
    framework: Framework
    assumed: tuple[str, ...]
    labels: int = 0  # as one-hot behind z

    def build_network(self) -> Network:
        """Return the network with its weights, which are read now. Raises UnreadableError."""
        layers = [make_layer(made, self.framework) for made in self.layers]
        whole = chain(self.inputs, layers, [made.name for made in self.layers])
        return add_label_input(whole, self.labels) if self.labels else whole


def plan_generator(
    layers: Sequence[WeightedLayer], framework: Framework, conventions: Conventions
) -> Plan:
    """Return the plan of the generator that the layers of a file form in their order.

    Raises UnreadableError, which names the layer that does not fit.
    """
    if not layers:
        raise UnreadableError("holds no layer with weights")
    defaults.check_names(layers, framework)
    defaults.check_direction(layers, framework)
    branches.check_shapes(layers, framework)
    total = sum(math.prod(weight.shape) for part in layers for weight in part.weights.values())
    if total > MAX_WEIGHTS:
        raise UnreadableError(
            f"holds a network of {total:,} weights where at most {MAX_WEIGHTS:,} were expected"
        )
    return _Planner(layers, framework, conventions).plan()


class _Planner:
    """Plans each layer in turn, from z to the image."""

    def __init__(
        self, layers: Sequence[WeightedLayer], framework: Framework, conventions: Conventions
    ) -> None:
        self._weighted_layers, self._framework, self._conventions = layers, framework, conventions
        self._activation = overrides.parse_activation(
            conventions.activation or framework.activation
        )
        self._kinds = [defaults.classify_layer(part, framework) for part in layers]
        # Keras' layers may have an activation of their own; PyTorch's need a separate layer for it
        self._is_numbered = framework.is_torch and any(part.weightless_before for part in layers)
        self._layers: list[PlannedLayer] = []
        self._strides: list[int] = []  # of the convolutions so far
        self._equal_channel_count = 0  # convolutions so far that keep the number of channels
        self._unit_strides = range(0)  # convolutions that usually have stride 1 here
        self._after_first_norm = (
            False  # whether the last layer is a norm at the start of the first map
        )
        self._is_activated = True  # whether an activation follows the last layer with weights
        self._latent, self._shape = 0, Shape()
        count = self._kinds.count("convolution")
        self._given_strides = overrides.check_strides(conventions, count)
        self._padding = overrides.check_padding(conventions, count)
        self._epsilons = overrides.check_epsilons(
            conventions, self._kinds.count("norm"), framework.epsilon
        )

    def plan(self) -> Plan:
        """Return the plan of the generator. Raises UnreadableError."""
        for layer, kind in zip(self._weighted_layers, self._kinds, strict=True):
            if kind == "slope":
                self._layers.append(PlannedLayer(layer, Activation("leaky_relu", 0.0)))
                self._is_activated = True
            elif kind == "norm":
                self._add_norm(layer)
            else:
                (self._add_dense if kind == "dense" else self._add_convolution)(layer)
                self._is_activated = self._after_first_norm = False
        self._finish_image()
        end = overrides.choose_output_activation(self._conventions)
        if end:
            self._layers.append(PlannedLayer(None, end))
        labels = overrides.count_labels(self._conventions, self._latent)
        return Plan(
            self._latent, tuple(self._layers), self._framework, self._list_assumptions(), labels
        )

    def _add_dense(self, layer: WeightedLayer) -> None:
        inputs, outputs = defaults.get_matrix_sizes(layer, self._framework)
        if not self._shape:
            self._latent, self._shape = inputs, (inputs,)
        if self._shape == (1, 1, inputs):
            self._add_reshape((inputs,))
        if self._shape != (inputs,):
            raise self._misfit_error(layer, f"{inputs} inputs", self._shape)
        defaults.check_bias(layer, outputs, self._framework)
        self._add_activation(layer.weightless_before)
        self._layers.append(PlannedLayer(layer))
        self._shape = (outputs,)

    def _add_norm(self, layer: WeightedLayer) -> None:
        channels = defaults.count_channels(layer)
        if len(self._shape) == 1 and self._shape != (channels,):
            self._unfold(layer, [channels])
            self._after_first_norm = True
        if self._shape[-1:] != (channels,):
            raise self._misfit_error(layer, f"{channels} channels", self._shape)
        norms = sum(isinstance(made.usage, float) for made in self._layers)
        self._layers.append(PlannedLayer(layer, self._epsilons[norms]))

    def _add_convolution(self, layer: WeightedLayer) -> None:
        layouts = defaults.list_kernel_layouts(layer, self._framework, self._weighted_layers)
        if not self._shape and not layouts[0].transposed:
            raise UnreadableError(
                f"{layer.name} {list(layer.shape)} is a convolution, which takes images; expected "
                "a layer that takes a latent vector: a matrix, or a transposed convolution"
            )
        if not self._shape:
            self._latent, self._shape = layouts[0].inputs, (layouts[0].inputs,)
        is_flat = len(self._shape) == 1
        if is_flat:
            self._unfold(layer, [choice.inputs for choice in layouts])
        fitting_layouts = [choice for choice in layouts if choice.inputs == self._shape[-1]]
        if not fitting_layouts:
            wanted = " or ".join(str(choice.inputs) for choice in layouts)
            raise self._misfit_error(layer, f"{wanted} channels", self._shape)
        layout, side = fitting_layouts[0], self._shape[0]
        defaults.check_bias(layer, layout.outputs, self._framework)
        # a layer that unfolds is one of those without weights
        weightless_before = (
            layer.weightless_before
            if layer.weightless_before is None
            else layer.weightless_before - is_flat
        )
        number = len(self._strides)
        stride = (
            1
            if number in self._unit_strides
            else defaults.choose_stride(layout, side, weightless_before, self._after_first_norm)
        )
        stride = self._given_strides[number] if self._given_strides else stride
        self._strides.append(stride)
        self._equal_channel_count += layout.inputs == layout.outputs
        is_enlarged = stride > 1 and not layout.transposed
        self._add_activation(
            weightless_before if weightless_before is None else weightless_before - is_enlarged
        )
        if is_enlarged:
            self._layers.append(PlannedLayer(None, Upsample((stride, stride))))
            self._shape = (side * stride, self._shape[1] * stride, self._shape[2])
        padding = self._padding[number] if self._padding else None
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

    def _add_activation(self, weightless_before: int | None) -> None:
        """Add an activation between layers with weights, unless their numbers exclude it."""
        if not self._is_activated and (
            weightless_before is None or weightless_before > 0 or not self._is_numbered
        ):
            self._layers.append(PlannedLayer(None, self._activation))
        self._is_activated = True

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
            if max(self._strides) == 1 and not self._given_strides and shape[0] < 16:
                raise UnreadableError(
                    f"makes an image of {format_shape(shape)} with the strides that are usual; "
                    "if its layers simply follow one another, give --strides with "
                    f"{len(self._strides)} numbers; otherwise {self._framework.remedy}"
                )
            return
        raise UnreadableError(
            f"{self._weighted_layers[-1].name} makes {format_shape(shape)}; expected a square "
            "image of 1 channel (grey) or 3 (colour); use a file with a generator of images"
        )

    def _list_assumptions(self) -> tuple[str, ...]:
        conventions, assumptions = self._conventions, []
        if not self._given_strides and self._strides:
            strides = ",".join(map(str, self._strides))
            assumptions.append(f"strides {strides} of its convolutions (--strides)")
        if not self._padding and self._strides:
            assumptions.append("padding by which sides grow stride times (--padding)")
        if not conventions.activation and any(
            made.usage is self._activation for made in self._layers
        ):
            assumptions.append(
                f"{overrides.format_activation(self._activation)} between layers (--activation)"
            )
        if not conventions.range:
            assumptions.append("tanh at the end (--range)")
        if not conventions.epsilon and self._epsilons:
            assumptions.append(f"batch norms with epsilon {self._framework.epsilon:g} (--epsilon)")
        if self._equal_channel_count > 1 or any(
            part.weightless_before is None for part in self._weighted_layers[1:]
        ):
            assumptions.append(
                "its layers follow one another"
            )  # what shapes and numbers do not tell
        return tuple(assumptions)

    def _misfit_error(self, layer: WeightedLayer, expected: str, shape: Shape) -> UnreadableError:
        return UnreadableError(
            f"{layer.name} {list(layer.shape)} expects {expected}, found {format_shape(shape)}; "
            "the file is damaged or its layers do not simply follow one another: "
            f"{self._framework.remedy}"
        )
