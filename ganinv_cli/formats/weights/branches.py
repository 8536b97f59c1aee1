"""Layers that are not in sequence: the input of one is the output of an earlier layer."""

from collections.abc import Sequence
from typing import NamedTuple

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights import defaults
from ganinv_cli.formats.weights.layers import Framework, WeightedLayer


class _Output(NamedTuple):
    """The output of a layer, as far as shapes determine it."""

    name: str  # of the layer
    counts: frozenset[int]  # possible numbers of channels, or of values of a vector
    is_vector: bool  # whether it may be reshaped to a map of fewer channels

    def can_have(self, channels: int) -> bool:
        return channels in self.counts or (
            self.is_vector and any(count % channels == 0 for count in self.counts)
        )


def check_shapes(layers: Sequence[WeightedLayer], framework: Framework) -> None:
    """Raise UnreadableError if the input of a layer is not the output of the one before it.

    Only numbers of channels are compared. An input that no earlier layer makes is left to the
    planner.
    """
    outputs: list[_Output] = []
    for layer in layers:
        kind = defaults.classify_layer(layer, framework)
        if kind == "slope":
            continue
        pairs = _list_channels(layer, kind, framework)
        fitting = {pair for pair in pairs if not outputs or outputs[-1].can_have(pair[0])}
        if not fitting:
            _refuse_branch(layer, {taken for taken, _ in pairs}, outputs, framework)
            return
        counts = frozenset(made for _, made in fitting)
        if kind == "norm" and outputs:  # its input and output have the shape of the last output
            outputs[-1] = outputs[-1]._replace(counts=counts)
        else:
            outputs.append(_Output(layer.name, counts, kind == "dense"))


def _list_channels(layer: WeightedLayer, kind: str, framework: Framework) -> set[tuple[int, int]]:
    """Return the possible numbers of channels, or of values, that a layer takes and makes."""
    if kind == "norm":
        channels = defaults.count_channels(layer)
        return {(channels, channels)}
    if kind == "dense":
        return {defaults.get_matrix_sizes(layer, framework)}
    layouts = defaults.list_kernel_layouts(layer, framework, [layer])
    bias = layer.weights.get("bias")
    return {
        (layout.inputs, layout.outputs)
        for layout in layouts
        if bias is None or bias.shape == (layout.outputs,)
    } or {(layout.inputs, layout.outputs) for layout in layouts}


def _refuse_branch(
    layer: WeightedLayer, taken: set[int], outputs: Sequence[_Output], framework: Framework
) -> None:
    """Raise UnreadableError if the layer can take an earlier output than the last."""
    for output in reversed(outputs[:-1]):
        channels = [count for count in sorted(taken) if output.can_have(count)]
        if channels:
            raise UnreadableError(
                f"{layer.name} {list(layer.shape)} takes {channels[0]} channels, as "
                f"{output.name} makes them and {outputs[-1].name} before it does not: it belongs "
                "to a branch, and weights alone do not say where that leaves and joins; "
                f"{framework.remedy}"
            )
