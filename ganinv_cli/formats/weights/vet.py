"""The steps that the layers of a file make, if they are a generator's and in sequence.

Kinds are inferred from shapes: a matrix is a dense layer, four axes are a convolution, vectors with
statistics are a batch norm, and a single weight is the slope of a leaky relu.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from ganinv_cli.formats.interface import (
    DISCRIMINATOR,
    IMAGE_NETWORK,
    MAX_WEIGHTS,
    UnreadableError,
)
from ganinv_cli.formats.weights import choices
from ganinv_cli.formats.weights.build import Misfit
from ganinv_cli.formats.weights.step import Framework, Step, WeightedLayer

Kind = Literal["dense", "convolution", "norm", "slope"]

_LABEL_NAME = re.compile(r"embed|label|emb(?![a-z])|class_?cond", re.IGNORECASE)
_BRANCH_NAME = re.compile(
    r"(?<![a-z])(res(net|idual)?(_?(blocks?|layers?|units?))?|short_?cuts?|skips?|c_sc|conv_sc|"
    r"bypass|identity|to_?rgbs?|from_?rgb|(self_?)?(attn|attentions?)|query|key|value|to_[qkv]|"
    r"style\w*|ada_?in|mapping|synthesis|modulation|affine|downsampl(e|ers?)|downs?|time_?emb\w*|"
    r"(down|mid|up)_blocks?|lora\w*)(?![a-z])",
    re.IGNORECASE,
)


def list_steps(layers: Sequence[WeightedLayer], framework: Framework) -> tuple[Step, ...]:
    """Return the steps that layers in their order make. Raises UnreadableError, e.g. for labels."""
    if not layers:
        raise UnreadableError("holds no layer with weights")
    total = sum(math.prod(each.shape) for layer in layers for each in layer.weights.values())
    if total > MAX_WEIGHTS:
        raise UnreadableError(
            f"holds a network of {total:,} weights, but at most {MAX_WEIGHTS:,} were expected"
        )
    for layer in layers:
        _refuse_name(layer, framework)
    kinds = [_classify(layer, framework) for layer in layers]
    _refuse_image_network(layers, framework)
    _refuse_branches(layers, kinds, framework)
    return _group_layers(layers, kinds)


def _group_layers(layers: Sequence[WeightedLayer], kinds: Sequence[Kind]) -> tuple[Step, ...]:
    steps: list[Step] = []
    for layer, kind in zip(layers, kinds, strict=True):
        if kind in ("dense", "convolution"):
            steps.append(Step(layer))
        elif not steps or (steps[-1].norm_layer if kind == "norm" else steps[-1].slope):
            raise Misfit(f"{layer.name} follows no matrix or convolution; is it a whole generator?")
        elif kind == "norm":
            steps[-1] = replace(
                steps[-1], norm_layer=layer, is_slope_first=steps[-1].slope is not None
            )
        else:
            steps[-1] = replace(steps[-1], slope=layer)
    return tuple(steps)


def _classify(layer: WeightedLayer, framework: Framework) -> Kind:
    rank, roles = len(layer.shape), layer.weights.keys()
    vectors = {each.shape for what, each in layer.weights.items() if what != "weight"}
    if all(len(shape) == 1 for shape in vectors) and 0 not in layer.shape:
        if rank in (2, 4) and not roles - {"weight", "bias"}:
            return "dense" if rank == 2 else "convolution"
        if rank < 2 and {"mean", "variance"} <= roles:
            if len(vectors | ({layer.shape} if layer.shape else set())) > 1:
                lengths = ", ".join(str(list(shape)) for shape in sorted({*vectors, layer.shape}))
                raise Misfit(f"the vectors of {layer.name} differ in their lengths ({lengths})")
            return "norm"
        if layer.shape == (1,) and roles == {"weight"}:
            return "slope"
        if rank == 1:
            raise UnreadableError(
                f"{layer.name} has one weight a channel and no statistics; expected a batch norm "
                "with its running mean and variance, without which a picture would depend on the "
                f"others in its batch; use a file with all of them, or {framework.remedy}"
            )
    contents = ", ".join(f"{what} {list(each.shape)}" for what, each in layer.weights.items())
    raise UnreadableError(
        f"{layer.name} ({contents}) is not a dense layer, convolution of two axes or batch norm; "
        f"expected a sequence of these: {framework.remedy}"
    )


def _refuse_name(layer: WeightedLayer, framework: Framework) -> None:
    """Raise UnreadableError for a layer whose name belongs to a label or a branch."""
    if _LABEL_NAME.search(layer.name):
        raise UnreadableError(
            f"{layer.name} {list(layer.shape)} belongs to a generator that takes a label, and "
            f"weights alone do not say how it joins z; {framework.remedy}"
        )
    if _BRANCH_NAME.search(layer.name):
        raise UnreadableError(
            f"{layer.name} {list(layer.shape)} belongs to a branch, and weights alone do not say "
            f"where it leaves and joins; {framework.remedy}"
        )


def _refuse_image_network(layers: Sequence[WeightedLayer], framework: Framework) -> None:
    """Raise UnreadableError for a network that takes pictures, as a discriminator does."""
    first, *rest = [layer for layer in layers if len(layer.shape) in (2, 4)] or [layers[0]]
    if not rest or first.transposed:
        return
    if len(first.shape) == 4:
        layouts = choices.list_kernel_layouts(first, framework, is_first=True)
        layout = next(each for each in layouts if not each.transposed)
        takes_pictures = layout.inputs in (1, 3) and layout.outputs > layout.inputs
        takes_pictures = takes_pictures and any(
            size % layout.outputs == 0 for each in rest for size in each.shape
        )
    else:  # a grey generator ends in a convolution
        takes_pictures = len(rest[-1].shape) == 2 and _count_outputs(rest[-1], framework) == 1
    if takes_pictures:
        is_number = _count_outputs(rest[-1], framework) == 1
        raise UnreadableError(DISCRIMINATOR if is_number else IMAGE_NETWORK)


def _count_outputs(layer: WeightedLayer, framework: Framework) -> int:
    if len(layer.shape) == 2:
        return choices.get_matrix_sizes(layer, framework)[1]
    return choices.list_kernel_layouts(layer, framework, is_first=False)[0].outputs


class _Output(NamedTuple):
    """The output of a layer, as far as shapes determine it."""

    name: str  # of the layer
    counts: frozenset[int]  # possible numbers of channels, or of values of a vector
    is_vector: bool  # whether it may be reshaped to a map of fewer channels

    def can_have(self, channels: int) -> bool:
        return channels in self.counts or (
            self.is_vector and any(count % channels == 0 for count in self.counts)
        )


def _refuse_branches(
    layers: Sequence[WeightedLayer], kinds: Sequence[Kind], framework: Framework
) -> None:
    """Raise UnreadableError if a layer takes an earlier output than that of the layer before it.

    Only numbers of channels are compared. An input that no earlier layer makes is a Misfit later.
    """
    outputs: list[_Output] = []
    for layer, kind in zip(layers, kinds, strict=True):
        if kind == "slope":
            continue
        pairs = _list_channels(layer, kind, framework)
        fitting = {pair for pair in pairs if not outputs or outputs[-1].can_have(pair[0])}
        if not fitting:
            for output in reversed(outputs[:-1]):
                channels = [count for count, _ in sorted(pairs) if output.can_have(count)]
                if channels:
                    raise UnreadableError(
                        f"{layer.name} {list(layer.shape)} takes {channels[0]} channels, as "
                        f"{output.name} makes them and {outputs[-1].name} before it does not: it "
                        "belongs to a branch, and weights alone do not say where that leaves and "
                        f"joins; {framework.remedy}"
                    )
            return
        counts = frozenset(made for _, made in fitting)
        if kind == "norm" and outputs:  # its input and output have the shape of the last output
            outputs[-1] = outputs[-1]._replace(counts=counts)
        else:
            outputs.append(_Output(layer.name, counts, kind == "dense"))


def _list_channels(layer: WeightedLayer, kind: Kind, framework: Framework) -> set[tuple[int, int]]:
    """Return the possible numbers of channels, or of values, that a layer takes and makes."""
    if kind == "norm":
        (channels,) = layer.weights["mean"].shape
        return {(channels, channels)}
    if kind == "dense":
        return {choices.get_matrix_sizes(layer, framework)}
    layouts = choices.list_kernel_layouts(layer, framework, is_first=True)
    pairs = {(layout.inputs, layout.outputs) for layout in layouts}
    bias = layer.weights.get("bias")
    return {pair for pair in pairs if bias is None or bias.shape == pair[1:]} or pairs
