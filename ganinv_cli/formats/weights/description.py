"""A generator of weights alone, with all conventions given, inferred or assumed."""

from typing import NamedTuple

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights.assumptions import describe_assumptions, list_conventions
from ganinv_cli.formats.weights.inference.infer import Inference
from ganinv_cli.formats.weights.inference.kept import infer_or_load
from ganinv_cli.formats.weights.inference.search import PRIOR
from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.sequence import plan_generator
from ganinv_cli.formats.weights.slots import Key, Settings
from ganinv_cli.network.convention import Convention


class Description(NamedTuple):
    """The final plan of a generator, and how its conventions are known."""

    plan: Plan
    conventions: tuple[Convention, ...]
    assumed: tuple[str, ...]
    prior: str = ""  # inferred from the statistics; empty if they do not determine it
    notes: tuple[str, ...] = ()


def describe_generator(plan: Plan) -> Description:
    """Return the generator with the conventions inferred from its batch norms' statistics.

    Raises UnreadableError if they fit no chain of its layers.
    """
    inference = infer_or_load(plan)
    plan = _plan_with(plan, inference)
    conventions = list_conventions(plan, inference.conventions)
    prior = inference.conventions.get(PRIOR)
    return Description(
        plan,
        (*([prior] if prior else []), *conventions),
        describe_assumptions(plan, conventions),
        prior.value if prior else "",
        inference.contradictions,
    )


def _plan_with(plan: Plan, inference: Inference) -> Plan:
    """Return the plan with the inferred values; layers after the last norm get them too."""
    if not inference.settings:
        return plan
    settings = {**inference.settings}
    for behind in (True, False):
        try:
            full = _plan_again(plan, settings)
            if not behind:
                return full
            settings |= _copy_last_values(full, inference)
            return _plan_again(plan, settings)
        except UnreadableError:
            settings = {**inference.settings}
    return plan


def _plan_again(plan: Plan, settings: Settings) -> Plan:
    return plan_generator(plan.weighted_layers, plan.framework, plan.conventions, settings)


def _copy_last_values(plan: Plan, inference: Inference) -> dict[Key, str]:
    """Return values for layers after the last norm: copies from the last layers before a norm.

    A padding is copied if it is not the usual one.
    """
    copied: dict[Key, str] = {}
    last: dict[str, str] = {}
    usual = {slot.key: slot.usual for slot in plan.slots}
    for slot in plan.slots:
        row = inference.conventions.get(slot.key)
        if row is None:
            if slot.source == "assumed" and slot.name in last:
                value = last[slot.name]
                if value in slot.alternatives:
                    copied[slot.key] = value
        elif row.source == "inferred" and _is_typical(slot.name, row.value, usual[slot.key]):
            last[slot.name] = row.value
    return copied


def _is_typical(name: str, value: str, usual: str) -> bool:
    if name == "activation":
        return value != "none"
    if name == "padding":
        return value != usual
    return name in ("epsilon", "norm") or (name == "upsampling" and value != "transposed")
