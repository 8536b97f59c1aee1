"""A generator of weights alone whose layers fit together."""

from typing import NamedTuple

from ganinv_cli.formats.weights import overrides
from ganinv_cli.formats.weights.layers import Framework, PlannedLayer, WeightedLayer, make_layer
from ganinv_cli.formats.weights.slots import Slot
from ganinv_cli.network.folding import add_label_input
from ganinv_cli.network.graph import Network, chain
from ganinv_cli.settings.conventions import Conventions


class Plan(NamedTuple):
    """A generator whose layers fit together; no weight has been read."""

    inputs: int  # of the first layer: z, and the label if there is one
    layers: tuple[PlannedLayer, ...]
    slots: tuple[Slot, ...]
    weighted_layers: tuple[WeightedLayer, ...]
    framework: Framework
    conventions: Conventions
    is_chain_certain: bool  # whether numbers and shapes prove that the layers are in sequence

    @property
    def labels(self) -> int:
        """How many inputs, behind z, are a one-hot label."""
        return overrides.count_labels(self.conventions, self.inputs)

    def build_network(self) -> Network:
        """Return the network with its weights, which are read now. Raises UnreadableError."""
        layers = [make_layer(planned, self.framework) for planned in self.layers]
        whole = chain(self.inputs, layers, [planned.name for planned in self.layers])
        return add_label_input(whole, self.labels) if self.labels else whole
