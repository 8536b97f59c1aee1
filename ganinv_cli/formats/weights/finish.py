"""A generator of weights alone, with all conventions given, inferred or assumed."""

from collections.abc import Mapping, Sequence

from ganinv_cli.formats.interface import CHAIN, UnfinishedGenerator
from ganinv_cli.formats.weights.build import Chain, Misfit, build, build_network
from ganinv_cli.formats.weights.candidates import Candidate
from ganinv_cli.formats.weights.inference.kept import PRIOR, Inference, infer_or_load
from ganinv_cli.formats.weights.step import Choice, Design, Key, Value, change_step, format_value
from ganinv_cli.network.convention import Convention
from ganinv_cli.network.norm_statistics import FITS_BELOW

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


def finish_generator(
    generator: Candidate, format_name: str, path: str, ignored: Sequence[str]
) -> UnfinishedGenerator:
    """Return a generator with the conventions inferred from its batch norms' statistics.

    Raises UnreadableError if they fit no chain of its layers.
    """
    assert generator.design
    inference = infer_or_load(generator.design)
    design = _complete(generator.design, inference)
    rows = list_conventions(design, inference.conventions)
    prior = inference.conventions.get(PRIOR)
    return UnfinishedGenerator(
        network=build_network(design),
        format=format_name,
        layout=generator.path or "weights",
        path=path,
        ignored=tuple(ignored),
        assumed=(*generator.assumed, *describe_assumptions(design, rows)),
        conventions=(*([prior] if prior else []), *rows),
        prior=prior.value if prior else "",
        notes=inference.contradictions,
    )


def list_conventions(
    design: Design, compared: Mapping[Key, Convention] | None = None
) -> tuple[Convention, ...]:
    """Return the conventions of the layers, from z to the image, and how each is known.

    `compared` has the conventions that were compared with the stored statistics.
    """
    chain = build(design)
    rows = [
        (compared or {}).get(each.key)
        or Convention(each.name, each.layer, format_value(each.value), each.source)
        for each in chain.choices
        if _has_effect(each, chain)
    ]
    given = design.conventions.range
    return (*rows, Convention("range", "", given or "tanh", "given" if given else "assumed"))


def describe_assumptions(design: Design, rows: Sequence[Convention]) -> tuple[str, ...]:
    """Return a clause for each kind of convention that is assumed, with the option to change it."""
    clauses = []
    has_tests = any(each.discrepancy is not None for each in rows)
    for name, phrase in _PHRASES.items():
        everything = [each for each in rows if each.name == name]
        assumed = [each for each in everything if each.source == "assumed"]
        if not assumed:
            continue
        if len(assumed) < len(everything):
            phrase = f"{name} {{all}} of {', '.join(each.layer for each in assumed)}"
            if has_tests and all(each.discrepancy is None for each in assumed):
                phrase += ", which no norm tests"
        values = [each.value for each in assumed]
        distinct = ",".join(values[:1] if len({*values}) == 1 else values)
        clauses.append(f"{phrase.format(all=','.join(values), distinct=distinct)} (--{name})")
    is_confirmed = any(each.source in ("inferred", "confirmed") for each in rows)
    if not (_is_chain_certain(design) or is_confirmed):
        clauses.append(CHAIN)
    return tuple(clauses)


def _complete(design: Design, inference: Inference) -> Design:
    """Return the design with the inferred values, and values for places that no norm tests.

    Such a place takes the value of the place before it, if that fits the statistics. "none", the
    usual padding and "transposed" are not taken: they are particular to a place.
    """
    inferred = design
    for key, value in inference.values.items():
        if key != PRIOR:
            inferred = inferred._replace(steps=change_step(inferred.steps, key, value))
    try:
        chain = build(inferred)
    except Misfit:
        return design
    taken, last = inferred, dict[str, Value]()
    for choice in chain.choices:
        row = inference.conventions.get(choice.key)
        if row is not None:
            if _is_typical(choice) and _is_tested(choice, row):
                last[choice.name] = choice.value
        elif choice.source == "assumed" and last.get(choice.name) in choice.others:
            value = last[choice.name]
            taken = taken._replace(steps=change_step(taken.steps, choice.key, value))
    try:
        build(taken)
    except Misfit:
        return inferred
    return taken


def _is_tested(choice: Choice, row: Convention) -> bool:
    """Return whether the statistics decide a value, or an activation against the usual one."""
    if row.source in ("inferred", "confirmed"):
        return True
    fits = row.discrepancy is not None and row.discrepancy <= FITS_BELOW
    is_unusual = row.source == "assumed" and choice.value != choice.usual
    return fits and is_unusual and choice.name == "activation"


def _is_typical(choice: Choice) -> bool:
    """Return whether other places likely have the value too."""
    if choice.name == "padding":
        return choice.value != choice.usual
    return choice.name != "strides" and choice.value not in ("none", "transposed")


def _has_effect(choice: Choice, chain: Chain) -> bool:
    """Return whether another value would make another network."""
    values = {each.key: each.value for each in chain.choices}
    if choice.name == "upsampling":
        is_enlarged = values["strides", choice.number] != 1
        return "transposed" in choice.others or (choice.value != "transposed" and is_enlarged)
    return choice.name != "norm" or values.get(("activation", choice.number), "none") != "none"


def _is_chain_certain(design: Design) -> bool:
    """Return whether numbers and shapes prove that the layers are in sequence."""
    layers = [e for s in design.steps for e in (s.linear, s.norm_layer, s.slope) if e]
    is_numbered = all(each.weightless_before is not None for each in layers[1:])
    kernels = [step.linear.shape for step in design.steps if len(step.linear.shape) == 4]
    places = (0, 1) if design.framework.is_torch else (2, 3)
    equal = sum(kernel[places[0]] == kernel[places[1]] for kernel in kernels)
    return is_numbered and equal < 2
