"""A generator of weights alone with all its conventions: given, inferred or assumed."""

from typing import NamedTuple

from ganinv_cli.formats.weights.assumptions import describe_assumptions, list_conventions
from ganinv_cli.formats.weights.inference.infer import infer_conventions
from ganinv_cli.formats.weights.inference.search import PRIOR
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.sequence import plan_generator
from ganinv_cli.network.convention import Convention


class Description(NamedTuple):
    """The final plan of a generator, and how its conventions are known."""

    plan: Plan
    conventions: tuple[Convention, ...]
    assumed: tuple[str, ...]
    prior: str = ""  # inferred from the statistics; empty if they say nothing
    notes: tuple[str, ...] = ()


def describe_generator(plan: Plan) -> Description:
    """Return the generator with the conventions that its batch norms' statistics tell.

    Raises UnreadableError if they fit no chain of its layers.
    """
    inference = infer_conventions(plan)
    known = inference.conventions
    plan = plan_generator(
        plan.weighted_layers, plan.framework, plan.conventions, inference.settings
    )
    conventions = list_conventions(plan, known)
    prior = known.get(PRIOR)
    return Description(
        plan,
        (*([prior] if prior else []), *conventions),
        describe_assumptions(plan, conventions),
        prior.value if prior else "",
        inference.contradictions,
    )
