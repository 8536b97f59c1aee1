"""Files of weights alone, as shapes by name."""

from collections.abc import Mapping

import numpy as np

from ganinv_cli.formats.weights.build import apply_given, build
from ganinv_cli.formats.weights.finish import build_network as build_from_steps
from ganinv_cli.formats.weights.finish import describe_assumptions, list_conventions
from ganinv_cli.formats.weights.state_dict import PYTORCH, make_weighted_layers
from ganinv_cli.formats.weights.step import Design, Framework
from ganinv_cli.formats.weights.vet import list_steps
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


def design(
    shapes: Shapes, conventions: Conventions | None = None, framework: Framework = PYTORCH
) -> Design:
    """The generator of a file that holds such tensors, all of which are ones."""
    weights = {name: make_ones_weight(shape) for name, shape in shapes.items()}
    steps = list_steps(make_weighted_layers(weights, framework), framework)
    made = apply_given(Design(steps, framework, conventions or Conventions()))
    build(made)
    return made


def list_assumed(shapes: Shapes) -> tuple[str, ...]:
    """What is assumed of it before any statistics are read."""
    made = design(shapes)
    return describe_assumptions(made, list_conventions(made, {}))


def build_network(
    shapes: Shapes, conventions: Conventions | None = None, framework: Framework = PYTORCH
) -> Network:
    """Its network."""
    return build_from_steps(design(shapes, conventions, framework))


def make_ones_weight(shape: tuple[int, ...]) -> Weight:
    """A tensor of ones."""
    return Weight(shape, lambda: np.ones(shape, np.float32))
