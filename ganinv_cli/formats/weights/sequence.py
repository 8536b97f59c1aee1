"""A generator from weights alone: layers in their order, without their geometry.

Kinds are inferred from shapes: a matrix is a dense layer, four axes are a convolution, vectors with
statistics are a batch norm, and each layer must fit the output of the one before it.
"""

import math
from collections.abc import Sequence

from ganinv_cli.formats.interface import MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.weights import branches, defaults
from ganinv_cli.formats.weights.layers import Framework, WeightedLayer
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.planner import Planner
from ganinv_cli.formats.weights.slots import Settings
from ganinv_cli.settings.conventions import Conventions


def plan_generator(
    layers: Sequence[WeightedLayer],
    framework: Framework,
    conventions: Conventions,
    settings: Settings | None = None,
) -> Plan:
    """Return the plan of the generator made of the layers of a file, in their order.

    Raises UnreadableError with the name of the layer that does not fit.
    """
    if not layers:
        raise UnreadableError("holds no layer with weights")
    defaults.check_names(layers, framework)
    defaults.check_direction(layers, framework)
    branches.check_shapes(layers, framework)
    total = sum(math.prod(weight.shape) for part in layers for weight in part.weights.values())
    if total > MAX_WEIGHTS:
        raise UnreadableError(
            f"holds a network of {total:,} weights, but at most {MAX_WEIGHTS:,} were expected"
        )
    planner = Planner(layers, framework, conventions, settings or {})
    planner.add_layers(len(layers))
    planner.finish()
    return planner.plan


def plan_layers(plan: Plan, count: int, settings: Settings) -> Plan:
    """Return the plan of the first layers with weights alone, with these settings.

    Raises UnreadableError if they do not fit together.
    """
    planner = Planner(plan.weighted_layers, plan.framework, plan.conventions, settings)
    planner.add_layers(count)
    return planner.plan
