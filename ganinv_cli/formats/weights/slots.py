"""The conventions of each layer that a file of weights alone does not state, with values as text.

A value is spelt as in the option: relu, leaky_relu:0.2, before, nearest, 2, same, 1e-05.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ganinv_cli.network.convention import Source

Key = tuple[str, int]  # name of a convention, and the number of its layer among those with weights
Settings = Mapping[Key, str]  # values to plan with, instead of given or usual values

# values to try; the first is the most common
ACTIVATIONS = (
    *("relu", "leaky_relu:0.2", "none", "leaky_relu:0.01", "leaky_relu:0.1", "leaky_relu:0.3"),
    *("elu", "selu", "tanh", "gelu", "swish"),
)
EPSILONS = ("1e-05", "0.001", "0.8", "0.0001", "1e-08")


class Slot(NamedTuple):
    """A convention of one layer, as it was planned."""

    name: str  # of the option that gives it
    number: int  # of the layer among those with weights
    layer: str  # its name in the file; an activation is named by the layer that it follows
    value: str
    usual: str  # the given value, or the value of `defaults`
    alternatives: tuple[str, ...] = ()  # other values that names and shapes allow
    source: Source = "assumed"

    @property
    def key(self) -> Key:
        """The key of its value in settings."""
        return self.name, self.number
