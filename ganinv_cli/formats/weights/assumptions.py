"""Conventions of files of weights alone: which are given, inferred or assumed."""

from collections.abc import Mapping, Sequence

from ganinv_cli.formats.weights.plan import Plan
from ganinv_cli.formats.weights.slots import Key, Slot
from ganinv_cli.network.convention import Convention

# clauses by name, for values that are assumed for all layers
_PHRASES = {
    "strides": "strides {all} of its convolutions",
    "padding": "padding by which sides grow stride times",
    "activation": "{distinct} between layers",
    "range": "{distinct} at the end",
    "epsilon": "batch norms with epsilon {distinct}",
    "norm": "batch norms {distinct} activations",
    "upsampling": "{distinct} upsampling",
}


def list_conventions(
    plan: Plan, inferred: Mapping[Key, Convention] | None = None
) -> tuple[Convention, ...]:
    """Return the conventions of the layers, from z to the image, each given, inferred or assumed.

    `inferred` has the conventions that were compared with the stored statistics.
    """
    rows = inferred or {}
    conventions = [
        rows.get(slot.key) or Convention(slot.name, slot.layer, slot.value, slot.source)
        for slot in plan.slots
        if _has_effect(slot, plan)
    ]
    given_range = plan.conventions.range
    end = Convention("range", "", given_range or "tanh", "given" if given_range else "assumed")
    return (*conventions, end)


def describe_assumptions(plan: Plan, conventions: Sequence[Convention]) -> tuple[str, ...]:
    """Return a clause for each kind of convention that is assumed, with the option to change it."""
    clauses = []
    for name, phrase in _PHRASES.items():
        rows = [each for each in conventions if each.name == name]
        assumed = [each for each in rows if each.source == "assumed"]
        values = [each.value for each in assumed]
        if not assumed:
            continue
        if len(assumed) < len(rows):
            phrase = f"{name} {{all}} of {', '.join(each.layer for each in assumed)}"
        distinct = ",".join(values[:1] if len({*values}) == 1 else values)
        clauses.append(f"{phrase.format(all=','.join(values), distinct=distinct)} (--{name})")
    is_confirmed = any(each.source == "inferred" for each in conventions)
    if not (plan.is_chain_certain or is_confirmed):
        clauses.append("its layers follow one another")  # shapes and numbers do not prove it
    return tuple(clauses)


def _has_effect(slot: Slot, plan: Plan) -> bool:
    """Return whether another value of a slot would make another network."""
    values = {each.key: each.value for each in plan.slots}
    if slot.name == "upsampling":
        is_enlarged = values["strides", slot.number] != "1"
        return "transposed" in slot.alternatives or (slot.value != "transposed" and is_enlarged)
    if slot.name == "norm":
        before = range(slot.number - 1, -1, -1)
        linear = next(n for n in before if len(plan.weighted_layers[n].shape) > 1)
        return values.get(("activation", linear), "none") != "none"
    return True
