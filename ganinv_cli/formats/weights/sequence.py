"""A generator from weights alone: layers in their order, and nothing on how they are used.

Kinds are told by shapes: a matrix is a dense layer, four axes are a convolution, vectors with
statistics are a batch norm, and each layer must take what the one before it makes. What no shape
tells is taken as `usual` has it, and said.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.limits import MOST_SIDE, MOST_VALUES, MOST_WEIGHTS
from ganinv_cli.formats.reading import Conventions, UnreadableError
from ganinv_cli.formats.weights import overrides, usual
from ganinv_cli.formats.weights.parts import Made, Part, Style, layer
from ganinv_cli.network.folding import beside_label
from ganinv_cli.network.graph import Network, chain
from ganinv_cli.network.layers import Activation, Reshape, Upsample
from ganinv_cli.network.shapes import Shape, shown


class Plan(NamedTuple):
    """A generator whose layers fit together, of which no weight has been read."""

    inputs: int  # of the first layer: z, and the label where there are some
    made: tuple[Made, ...]
    style: Style
    assumed: tuple[str, ...]
    labels: int = 0  # as one-hot behind z

    def network(self) -> Network:
        """With its weights, read now. Raises UnreadableError."""
        layers = [layer(made, self.style) for made in self.made]
        whole = chain(self.inputs, layers, [made.name for made in self.made])
        return beside_label(whole, self.labels) if self.labels else whole


def plan(parts: Sequence[Part], style: Style, conventions: Conventions) -> Plan:
    """The generator that the parts of a file make in their order.

    Raises UnreadableError, which names the layer that does not fit.
    """
    if not parts:
        raise UnreadableError("holds no layer with weights")
    usual.check_names(parts, style)
    total = sum(math.prod(weight.shape) for part in parts for weight in part.weights.values())
    if total > MOST_WEIGHTS:
        raise UnreadableError(
            f"holds a network of {total:,} weights where at most {MOST_WEIGHTS:,} were expected"
        )
    return _Planner(parts, style, conventions).plan()


class _Planner:
    """Walks from z to the image."""

    def __init__(self, parts: Sequence[Part], style: Style, conventions: Conventions) -> None:
        self._parts, self._style, self._conventions = parts, style, conventions
        self._hidden = overrides.activation(conventions.activation or style.activation)
        self._kinds = [usual.kind(part, style) for part in parts]
        # Keras' layers may have an activation of their own, where PyTorch's need a place for one
        self._numbered = style.torch and any(part.before for part in parts)
        self._made: list[Made] = []
        self._strides: list[int] = []  # of the convolutions so far
        self._kept = 0  # how many of these make as many channels as they take
        self._ones = range(0)  # convolutions that usually have stride 1 here
        self._begun = False  # whether the last layer is a norm with which the first map begins
        self._active = True  # whether an activation stands behind the last layer with weights
        self._latent, self._shape = 0, Shape()
        count = self._kinds.count("convolution")
        self._given = overrides.strides(conventions, count)
        self._padding = overrides.padding(conventions, count)
        self._epsilon = overrides.epsilons(conventions, self._kinds.count("norm"), style.epsilon)

    def plan(self) -> Plan:
        """Raises UnreadableError."""
        for part, kind in zip(self._parts, self._kinds, strict=True):
            if kind == "slope":
                self._made.append(Made(part, Activation("leaky_relu", 0.0)))
                self._active = True
            elif kind == "norm":
                self._norm(part)
            else:
                (self._dense if kind == "dense" else self._convolution)(part)
                self._active = self._begun = False
        self._picture()
        end = overrides.ending(self._conventions)
        if end:
            self._made.append(Made(None, end))
        labels = overrides.labels(self._conventions, self._latent)
        return Plan(self._latent, tuple(self._made), self._style, self._assumed(), labels)

    def _dense(self, part: Part) -> None:
        inputs, outputs = usual.matrix(part, self._style)
        if not self._shape:
            self._latent, self._shape = inputs, (inputs,)
        if self._shape == (1, 1, inputs):
            self._reshape((inputs,))
        if self._shape != (inputs,):
            raise self._unfit(part, f"{inputs} inputs", self._shape)
        usual.check_bias(part, outputs)
        self._activate(part.before)
        self._made.append(Made(part))
        self._shape = (outputs,)

    def _norm(self, part: Part) -> None:
        channels = usual.channels(part)
        if len(self._shape) == 1 and self._shape != (channels,):
            self._unfold(part, [channels])
            self._begun = True
        if self._shape[-1:] != (channels,):
            raise self._unfit(part, f"{channels} channels", self._shape)
        norms = sum(isinstance(made.how, float) for made in self._made)
        self._made.append(Made(part, self._epsilon[norms]))

    def _convolution(self, part: Part) -> None:
        choices = usual.orientations(part, self._style, self._parts)
        if not self._shape and not choices[0].transposed:
            raise UnreadableError(
                f"{part.name} {list(part.shape)} is a convolution, which takes images; expected a "
                "layer that takes a latent vector: a matrix, or a transposed convolution"
            )
        if not self._shape:
            self._latent, self._shape = choices[0].inputs, (choices[0].inputs,)
        flat = len(self._shape) == 1
        if flat:
            self._unfold(part, [choice.inputs for choice in choices])
        fitting = [choice for choice in choices if choice.inputs == self._shape[-1]]
        if not fitting:
            wanted = " or ".join(str(choice.inputs) for choice in choices)
            raise self._unfit(part, f"{wanted} channels", self._shape)
        chosen, side = fitting[0], self._shape[0]
        usual.check_bias(part, chosen.outputs)
        # a layer that unfolds is one of those without weights
        before = part.before if part.before is None else part.before - flat
        number = len(self._strides)
        stride = 1 if number in self._ones else usual.stride(chosen, side, before, self._begun)
        stride = self._given[number] if self._given else stride
        self._strides.append(stride)
        self._kept += chosen.inputs == chosen.outputs
        enlarged = stride > 1 and not chosen.transposed
        self._activate(before if before is None else before - enlarged)
        if enlarged:
            self._made.append(Made(None, Upsample((stride, stride))))
            self._shape = (side * stride, self._shape[1] * stride, self._shape[2])
        padding = self._padding[number] if self._padding else None
        placed = usual.place(chosen, stride, side, self._style, padding)
        self._made.append(Made(part, placed))
        self._shape = (*usual.sides(chosen, placed, self._shape), chosen.outputs)
        self._check_map(part)

    def _check_map(self, part: Part) -> None:
        sides = self._shape[:2]
        if not 1 <= min(sides) <= max(sides) <= MOST_SIDE or math.prod(self._shape) > MOST_VALUES:
            raise UnreadableError(
                f"{part.name} makes a map of {shown(self._shape)}; expected from 1 to {MOST_SIDE} "
                f"pixels a side and at most {MOST_VALUES:,} values; --strides and --padding say "
                "how the sides grow"
            )

    def _activate(self, before: int | None) -> None:
        """Between layers with weights, but not where their numbers leave it no place."""
        if not self._active and (before is None or before > 0 or not self._numbered):
            self._made.append(Made(None, self._hidden))
        self._active = True

    def _unfold(self, part: Part, widths: list[int]) -> None:
        """What a dense layer made becomes a square map of as many channels as the next takes."""
        (values,) = self._shape
        for width in widths:
            side = math.isqrt(values // width)
            if side * side * width == values:
                self._unfold_to((side, side, width))
                return
        raise self._unfit(
            part, f"a square map of {' or '.join(map(str, widths))} channels", (values,)
        )

    def _unfold_to(self, shape: Shape) -> None:
        """Where the file has channels first, the layers since the last matrix make them last."""
        if self._style.torch:
            for number in range(len(self._made) - 1, -1, -1):
                made = self._made[number]
                self._made[number] = made._replace(unfolded=shape)
                if made.part and made.how is None:
                    break
        self._reshape(shape)
        left = [p for p, k in zip(self._parts, self._kinds, strict=True) if k == "convolution"]
        choices = [usual.orientations(part, self._style, self._parts)[0] for part in left]
        self._ones = usual.stepping(choices, shape[0])

    def _reshape(self, shape: Shape) -> None:
        self._made.append(Made(None, Reshape(shape)))
        self._shape = shape

    def _picture(self) -> None:
        """The last map must be one; dense layers alone make it as a vector."""
        shape = self._shape
        if len(shape) == 1:
            for channels in (1, 3):
                side = math.isqrt(shape[0] // channels)
                if side > 3 and side * side * channels == shape[0]:
                    self._unfold_to((side, side, channels))
                    return
        elif shape and shape[2] in (1, 3) and shape[0] > 1:
            if max(self._strides) == 1 and not self._given and shape[0] < 16:
                raise UnreadableError(
                    f"makes an image of {shown(shape)} with the strides that are usual; give its "
                    f"own, --strides with {len(self._strides)} numbers"
                )
            return
        raise UnreadableError(
            f"{self._parts[-1].name} makes {shown(shape)}; expected a square image of 1 channel "
            "(grey) or 3 (colour); use a file with a generator of images"
        )

    def _assumed(self) -> tuple[str, ...]:
        given, said = self._conventions, []
        if not self._given and self._strides:
            strides = ",".join(map(str, self._strides))
            said.append(f"strides {strides} of its convolutions (--strides)")
        if not self._padding and self._strides:
            said.append("padding by which sides grow stride times (--padding)")
        if not given.activation and any(made.how is self._hidden for made in self._made):
            said.append(f"{overrides.spelt(self._hidden)} between layers (--activation)")
        if not given.range:
            said.append("tanh at the end (--range)")
        if not given.epsilon and self._epsilon:
            said.append(f"batch norms with epsilon {self._style.epsilon:g} (--epsilon)")
        if self._kept > 1 or any(part.before is None for part in self._parts[1:]):
            said.append("its layers follow one another")  # what shapes and numbers do not tell
        return tuple(said)

    def _unfit(self, part: Part, wanted: str, found: Shape) -> UnreadableError:
        return UnreadableError(
            f"{part.name} {list(part.shape)} expects {wanted}, found {shown(found)}; the file is "
            "damaged or its layers do not simply follow one another: "
            f"{self._style.remedy}"
        )
