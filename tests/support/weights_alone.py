"""Files of weights alone, as shapes by name."""

from collections.abc import Mapping

import numpy as np

from ganinv_cli.formats.weights.assumptions import describe_assumptions, list_conventions
from ganinv_cli.formats.weights.layers import Framework
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.sequence import plan_generator
from ganinv_cli.formats.weights.state_dict import PYTORCH, make_weighted_layers
from ganinv_cli.formats.weights.weight import Weight
from ganinv_cli.network.graph import Network
from ganinv_cli.settings.conventions import Conventions

Shapes = Mapping[str, tuple[int, ...]]

NORM = ("weight", "bias", "running_mean", "running_var")
DCGAN = {
    "main.0.weight": (100, 64, 4, 4),
    **{f"main.1.{leaf}": (64,) for leaf in NORM},
    "main.3.weight": (64, 32, 4, 4),
    **{f"main.4.{leaf}": (32,) for leaf in NORM},
    "main.6.weight": (32, 3, 4, 4),
}


def planned(shapes: Shapes, conventions: Conventions | None = None) -> Plan:
    """The generator of a file of PyTorch's that holds such tensors, none of which can be read."""
    weights = {name: make_unreadable_weight(shape) for name, shape in shapes.items()}
    return plan_generator(make_weighted_layers(weights), PYTORCH, conventions or Conventions())


def list_assumed(shapes: Shapes) -> tuple[str, ...]:
    """What is assumed of it before any statistics are read."""
    plan = planned(shapes)
    return describe_assumptions(plan, list_conventions(plan))


def build_network(
    shapes: Shapes, conventions: Conventions | None = None, style: Framework = PYTORCH
) -> Network:
    """The same where all weights are 1."""
    weights = {name: make_ones_weight(shape) for name, shape in shapes.items()}
    return plan_generator(
        make_weighted_layers(weights), style, conventions or Conventions()
    ).build_network()


def make_unreadable_weight(shape: tuple[int, ...]) -> Weight:
    """A tensor that must not be read yet."""

    def read() -> np.ndarray:
        raise AssertionError("a weight was read")

    return Weight(shape, read)


def make_ones_weight(shape: tuple[int, ...]) -> Weight:
    """A tensor of ones."""
    return Weight(shape, lambda: np.ones(shape, np.float32))
