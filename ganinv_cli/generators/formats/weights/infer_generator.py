"""A generator of weights alone, with all conventions given, inferred or assumed."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ganinv_cli import cache
from ganinv_cli.generators.formats.complete import choose_last_function
from ganinv_cli.generators.formats.interface import (
    IN_SEQUENCE,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.generators.formats.weights.plan_layers import (
    LAYER_CONVENTIONS,
    LayerSequence,
    count_labels,
    plan_layers,
)
from ganinv_cli.generators.formats.weights.step import (
    LABELS,
    PRIOR,
    Choice,
    Decision,
    Design,
    Inference,
    Value,
    change_step,
    format_value,
)
from ganinv_cli.generators.formats.weights.weight import make_layer
from ganinv_cli.generators.network.definition import Alternative, Convention
from ganinv_cli.generators.network.folding import add_label_input
from ganinv_cli.generators.network.graph import LABEL, Network, Node, Z
from ganinv_cli.generators.network.layers import Concat, Constant, ConvTranspose, Multiply, Reshape
from ganinv_cli.generators.network.norms.check import FITS_BELOW
from ganinv_cli.settings.conventions import Conventions

CACHE_KIND = "conventions"
VERSION = 18  # of the method: kept inferences of another one are not used
_ORDER = ("labels", "strides", "padding", "activation", "range", "epsilon", "norm", "upsampling")


def infer_generator(design: Design, format_name: str, path: str) -> UnfinishedGenerator:
    """Return a generator with the conventions inferred from its batch norms' statistics.

    Raises UnreadableError if they fit no sequence of its layers.
    """
    inference = _infer_or_load(design)
    tested = _test_given(design, inference)
    design = _complete(design, inference)
    rows = list_conventions(design, inference | tested)
    prior = [row for key, (_, row) in inference.items() if key == PRIOR]
    return UnfinishedGenerator(
        network=read_network(design),
        format=format_name,
        layout="weights",
        path=path,
        assumed=describe_assumptions(design, rows),
        conventions=(*prior, *rows),
        prior=prior[0].value if prior else "",
    )


def list_conventions(design: Design, inference: Inference) -> tuple[Convention, ...]:
    """Return the conventions of the layers, from z to the image, and how each is known."""
    sequence = plan_layers(design)
    rows = [
        inference[each.key].convention if each.key in inference else _make_row(each)
        for each in sequence.choices
        if _has_effect(each, sequence)
    ]
    rows += [row for key, (_, row) in inference.items() if key == LABELS]
    given = design.conventions.range
    return (*rows, Convention("range", "", given or "tanh", "given" if given else "assumed"))


def describe_assumptions(design: Design, rows: Sequence[Convention]) -> tuple[str, ...]:
    """Return a clause for each kind of convention that is assumed, with the option to change it."""
    clauses = []
    has_tests = any(each.discrepancy is not None for each in rows)
    for name in _ORDER:
        everything = [each for each in rows if each.name == name]
        assumed = [each for each in everything if each.source == "assumed"]
        if not assumed:
            continue
        values = [each.value for each in assumed]
        is_one = len({*values}) == 1 and name not in ("strides", "padding")
        clause = f"{name} {','.join(values[:1] if is_one else values)}"
        if len(assumed) < len(everything):
            clause += f" of {', '.join(each.layer for each in assumed)}"
            if has_tests and all(each.discrepancy is None for each in assumed):
                clause += ", which no norm tests"
        clauses.append(f"{clause} (--{name})")
    pixels = design.conventions.range
    if pixels and not choose_last_function(pixels):
        clauses.append(f"no function bounds its pixels to {pixels}, as --range tanh would")
    is_confirmed = any(each.source in ("inferred", "confirmed") for each in rows)
    if not (is_confirmed or _is_sequence_certain(design)):
        clauses.append(IN_SEQUENCE)
    return tuple(clauses)


def read_network(design: Design) -> Network:
    """Return the network of a design with its weights, which are read now."""
    sequence = plan_layers(design)
    nodes: list[Node] = []
    last, side = Z, 0
    for planned in sequence.layers:
        layer = make_layer(planned, design.framework.is_torch)
        inputs: tuple[int, ...] = (last,)
        if isinstance(layer, Concat):
            inputs = (last, _add_label(nodes, design.labels, side))
        elif isinstance(layer, Reshape):
            side = layer.shape[0]
        elif isinstance(layer, ConvTranspose):
            side *= layer.stride[0]
        nodes.append(Node(layer, inputs, planned.name))
        last = len(nodes) - 1
    network = Network(sequence.inputs - design.labels, tuple(nodes), design.labels)
    behind_z = 0 if design.labels else count_labels(design.conventions, sequence.inputs)
    return add_label_input(network, behind_z) if behind_z else network


def _infer_or_load(design: Design) -> Inference:
    """Return the conventions inferred from the stored statistics, from the cache if possible.

    Raises UnreadableError if the statistics fit no sequence of the layers.
    """
    if not any(step.norm_layer for step in design.steps):
        return {}

    def infer() -> dict[str, np.ndarray]:
        # these load TensorFlow
        from ganinv_cli.generators.formats.weights.infer_conventions import infer_conventions
        from ganinv_cli.generators.formats.weights.pictures import decide_last_stride

        inference = infer_conventions(design)
        inference |= decide_last_stride(_complete(design, inference), inference)
        rows = [[*key, value, asdict(row)] for key, (value, row) in inference.items()]
        return {"json": np.frombuffer(json.dumps(rows).encode(), np.uint8)}

    arrays = cache.measure_once(CACHE_KIND, infer, VERSION, _hash_content(design))
    return {
        (name, number): Decision(value, _decode(row))
        for name, number, value, row in json.loads(arrays["json"].tobytes())
    }


def _test_given(design: Design, inference: Inference) -> Inference:
    """Return the given conventions, each beside what is inferred if none of layers is given."""
    if not design.given:
        return {}
    steps = design.steps
    for key in design.given:
        steps = change_step(steps, key, None)
    defaults: dict[str, Any] = {name: getattr(Conventions, name) for name in LAYER_CONVENTIONS}
    conventions = replace(design.conventions, **defaults)
    try:
        others = _infer_or_load(Design(steps, design.framework, conventions))
    except UnreadableError:  # without what is given, no sequence fits
        return {}
    tested: Inference = {}
    for choice in plan_layers(design).choices:
        if choice.source == "given" and choice.key in others:
            row = inference[choice.key].convention if choice.key in inference else _make_row(choice)
            row = _compare_given(row, others[choice.key].convention)
            tested[choice.key] = Decision(choice.value, row)
    return tested


def _compare_given(row: Convention, other: Convention) -> Convention:
    """Return the row of a given value with another value as its runner-up, if that fits better.

    A value that is only assumed fits better if its norm fits, and that of the given value does not.
    """
    here, there = (math.inf if e.discrepancy is None else e.discrepancy for e in (row, other))
    is_better = other.source == "pictures" or there <= FITS_BELOW < here
    is_better |= other.source in ("inferred", "confirmed") and there < here
    if row.value == other.value or not is_better:
        return row
    return replace(row, runner_up=Alternative(other.value, other.discrepancy))


def _make_row(choice: Choice) -> Convention:
    return Convention(choice.name, choice.layer, format_value(choice.value), choice.source)


def _hash_content(design: Design) -> str:
    digest = hashlib.sha256(repr((design.framework, design.conventions)).encode())
    for layer in (layer for step in design.steps for layer in step.layers):
        digest.update(repr((layer.name, layer.weightless_before, layer.transposed)).encode())
        for role, weight in sorted(layer.weights.items()):
            digest.update(repr((role, weight.shape)).encode())
            digest.update(np.ascontiguousarray(weight.read()).tobytes())
    return digest.hexdigest()


def _decode(row: dict[str, Any]) -> Convention:
    runner_up = row.pop("runner_up")
    return Convention(**row, runner_up=Alternative(*runner_up) if runner_up else None)


def _add_label(nodes: list[Node], labels: int, side: int) -> int:
    """Return the number of the label, at each pixel of a map of this side; 0: there is no map."""
    if not side:
        return LABEL
    first = len(nodes)
    nodes.append(Node(Reshape((1, 1, labels)), (LABEL,)))
    nodes.append(Node(Constant(np.ones((side, side, 1), np.float32)), ()))
    nodes.append(Node(Multiply(), (first, first + 1)))
    return first + 2


def _complete(design: Design, inference: Inference) -> Design:
    """Return the design with the inferred values, and values for places that no norm tests.

    Such a place takes the value of the place before it, if that fits the statistics. "none", the
    usual padding and "transposed" are not taken: they are particular to a place.
    """
    steps, last = design.steps, dict[str, Value]()
    for key, decision in inference.items():
        steps = change_step(steps, key, decision.value) if key[1] >= 0 else steps
    for choice in plan_layers(design._replace(steps=steps)).choices:
        if choice.key in inference:
            if _is_typical(choice) and _is_tested(choice, inference[choice.key].convention):
                last[choice.name] = choice.value
        elif choice.source == "assumed" and last.get(choice.name) in choice.others:
            steps = change_step(steps, choice.key, last[choice.name])
    return design._replace(steps=steps)


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


def _has_effect(choice: Choice, sequence: LayerSequence) -> bool:
    """Return whether another value would make another network."""
    values = {each.key: each.value for each in sequence.choices}
    if choice.name == "upsampling":
        is_enlarged = values["strides", choice.number] != 1
        return "transposed" in choice.others or (choice.value != "transposed" and is_enlarged)
    return choice.name != "norm" or values.get(("activation", choice.number), "none") != "none"


def _is_sequence_certain(design: Design) -> bool:
    """Return whether numbers and shapes prove that the layers are in sequence."""
    _, *layers = (layer for step in design.steps for layer in step.layers)
    is_numbered = all(each.weightless_before is not None for each in layers)
    kernels = [step.linear.shape for step in design.steps if step.is_convolution]
    places = (0, 1) if design.framework.is_torch else (2, 3)
    equal = sum(kernel[places[0]] == kernel[places[1]] for kernel in kernels)
    return is_numbered and equal < 2
