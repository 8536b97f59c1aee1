"""The generator among the networks of a file of named weights, in PyTorch's names."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ganinv_cli.formats.reading import Conventions, Found, UnreadableError
from ganinv_cli.formats.torch.norms import scaled, spectral
from ganinv_cli.formats.weights.choosing import Candidate, chosen, named, opposed
from ganinv_cli.formats.weights.ordering import orders
from ganinv_cli.formats.weights.parts import Part, Style
from ganinv_cli.formats.weights.sequence import Plan, plan
from ganinv_cli.formats.weights.weight import Weight, Weights

STYLE = Style(torch=True, epsilon=1e-5, activation="relu")

_LEAF = re.compile(
    r"(?:(?P<layer>.*?)\.)?(?P<leaf>parametrizations\.weight\.(?:original[01]?|0\._[uv])|[^.]+)",
    re.DOTALL,
)
_ROLES = {"weight": "weight", "bias": "bias", "running_mean": "mean", "running_var": "variance"}
_COUNTER = "num_batches_tracked"
_WEIGHT = re.compile(r"(^|\.)(weight(_orig|_g)?|original0?)$")
# what spectral norm and weight norm keep in place of a weight
_SPECTRAL = (
    ("weight_orig", "weight_u", "weight_v"),
    *(tuple(f"parametrizations.weight.{each}" for each in ("original", "0._u", "0._v")),),
)
_SCALED = (
    ("weight_g", "weight_v"),
    *(tuple(f"parametrizations.weight.{each}" for each in ("original0", "original1")),),
)
_TRANSPOSED = re.compile(r"deconv|transp|(?<![a-z])(conv_?t|t_?conv|up_?conv)", re.IGNORECASE)


class Reading(NamedTuple):
    """How the weights of a file are taken."""

    conventions: Conventions
    ordered: bool  # whether they stand in the order of the layers


def found(networks: Mapping[str, Weights], path: str, form: str, reading: Reading) -> Found:
    """The one generator of a file. Raises UnreadableError."""
    judged = [
        candidate
        for where, weights in networks.items()
        if any(_WEIGHT.search(name) for name in weights)  # an optimizer's have other names
        for candidate in _judged(where, weights, reading)
    ]
    generator = chosen(judged)
    names = {_joined(where, name) for where, weights in networks.items() for name in weights}
    return Found(
        network=generator.plan.network(),
        format=form,
        layout=generator.path or "weights",
        path=path,
        ignored=tuple(sorted(names - generator.names)),
        assumed=generator.assumed,
    )


def parts(weights: Weights, path: str = "") -> list[Part]:
    """The layers that named weights belong to, in the order of the file. Raises UnreadableError."""
    grouped: dict[str, dict[str, Weight]] = {}
    for name, weight in weights.items():
        match = _LEAF.fullmatch(name)
        layer, leaf = (match["layer"] or "", match["leaf"]) if match else ("", name)
        if leaf != _COUNTER:
            grouped.setdefault(layer, {})[leaf] = weight
    made = []
    for last, layer in zip([None, *grouped], grouped, strict=False):
        shown = f"{path}.{layer}".strip(".") or "its layer"
        transposed = True if _TRANSPOSED.search(layer) else None
        roles = _by_role(shown, grouped[layer])
        made.append(Part(shown, roles, _before(last, layer), transposed))
    return made


def _judged(path: str, weights: Weights, reading: Reading) -> Iterator[Candidate]:
    """A network, or those in it that have a generator's name."""
    stem = _common(weights)
    heads = _heads(weights, stem)
    generators = [head for head in heads if named(head)] if len(heads) > 1 else []
    # what follows a generator may well fit it: a discriminator takes the image that it makes
    apart = generators and (len(generators) > 1 or any(map(opposed, heads)))
    names = frozenset(_joined(path, name) for name in weights)
    try:
        if not apart:
            yield Candidate(path, names, _planned(path, weights, reading))
            return
        why = ""
    except UnreadableError as error:
        why = str(error)
    for head in generators:
        rest = {name.removeprefix(f"{stem}{head}."): heads[head][name] for name in heads[head]}
        yield from _judged(_joined(path, f"{stem}{head}"), rest, reading)
    if not generators:
        yield Candidate(path, names, None, why)


def _planned(path: str, weights: Weights, reading: Reading) -> Plan:
    if reading.ordered:
        return plan(parts(weights, path), STYLE, reading.conventions)
    plans, why = [], ""
    for order in orders(_heads(weights, _common(weights))):
        try:
            plans.append(plan(parts(order, path), STYLE, reading.conventions))
        except UnreadableError as error:
            why = why or str(error)
    if len(plans) == 1:
        return plans[0]
    raise UnreadableError(
        why
        if not plans
        else "keeps its layers in no order and more than one fits; save the generator with "
        "torch.save(model.state_dict(), …)"
    )


def _heads(weights: Weights, stem: str) -> dict[str, dict[str, Weight]]:
    """The weights by the word behind what all of their names start with."""
    heads: dict[str, dict[str, Weight]] = {}
    for name, weight in weights.items():
        heads.setdefault(name.removeprefix(stem).partition(".")[0], {})[name] = weight
    return heads


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")


def _common(names: Iterable[str]) -> str:
    """The whole words that all names start with, as module. or model.generator."""
    shared = []
    for same in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(same)) > 1:
            break
        shared.append(f"{same[0]}.")
    return "".join(shared)


def _before(last: str | None, layer: str) -> int | None:
    """How many layers without weights an nn.Sequential's numbers leave between two with some."""
    (above, _, one), (beside, _, two) = (last or "").rpartition("."), layer.rpartition(".")
    if above != beside or not (one.isdecimal() and two.isdecimal()):
        return None
    return max(int(two) - int(one) - 1, 0)


def _by_role(name: str, leaves: dict[str, Weight]) -> Weights:
    rest = dict(leaves)
    roles: dict[str, Weight] = {}
    for keys in _SPECTRAL:
        if all(key in rest for key in keys):
            roles["weight"] = spectral(name, *(rest.pop(key) for key in keys))
    for keys in _SCALED:
        if all(key in rest for key in keys):
            roles["weight"] = scaled(name, *(rest.pop(key) for key in keys))
    for leaf, weight in rest.items():
        if leaf not in _ROLES:
            raise UnreadableError(
                f"{name}.{leaf} {list(weight.shape)} is no part of a dense layer, a convolution or "
                f"a batch norm; expected a sequence of these: {STYLE.remedy}"
            )
        roles[_ROLES[leaf]] = weight
    return roles
