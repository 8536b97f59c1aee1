"""The generator in a file of named weights, with PyTorch's names."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError, natural_key
from ganinv_cli.formats.weights.build import build
from ganinv_cli.formats.weights.candidates import (
    Candidate,
    choose_generator,
    is_discriminator_name,
    is_generator_name,
)
from ganinv_cli.formats.weights.finish import finish_generator
from ganinv_cli.formats.weights.step import Design, Framework, WeightedLayer
from ganinv_cli.formats.weights.vet import list_steps
from ganinv_cli.formats.weights.weight import (
    Weight,
    Weights,
    apply_spectral_norm,
    apply_weight_norm,
)
from ganinv_cli.settings.conventions import Conventions

PYTORCH = Framework(is_torch=True, epsilon=1e-5, activation="relu")
MAX_BLOCKS = 8  # largest number of blocks that are tried in every order

_TENSOR_NAME = re.compile(
    r"(?:(?P<layer>.*?)\.)?(?P<leaf>parametrizations\.weight\.(?:original[01]?|0\._[uv])|[^.]+)",
    re.DOTALL,
)
_ROLES = {"weight": "weight", "bias": "bias", "running_mean": "mean", "running_var": "variance"}
_COUNTER = "num_batches_tracked"
_WEIGHT_NAME = re.compile(r"(^|\.)(weight(_orig|_g)?|original0?)$")
# arrays of spectral norm and weight norm instead of a weight
_SPECTRAL_NORM_KEYS = (
    ("weight_orig", "weight_u", "weight_v"),
    *(tuple(f"parametrizations.weight.{each}" for each in ("original", "0._u", "0._v")),),
)
_WEIGHT_NORM_KEYS = (
    ("weight_g", "weight_v"),
    *(tuple(f"parametrizations.weight.{each}" for each in ("original0", "original1")),),
)
_TRANSPOSED_NAME = re.compile(r"deconv|transp|(?<![a-z])(conv_?t|t_?conv|up_?conv)", re.IGNORECASE)


class ReadOptions(NamedTuple):
    """Options for reading the weights of a file."""

    conventions: Conventions
    ordered: bool  # whether the file keeps them in the order of the layers


def find_generator(
    networks: Mapping[str, Weights], path: str, format_name: str, options: ReadOptions
) -> UnfinishedGenerator:
    """Return the generator of a file. Raises UnreadableError."""
    candidates = [
        candidate
        for where, weights in networks.items()
        if any(_WEIGHT_NAME.search(name) for name in weights)  # optimizers use other names
        for candidate in _list_candidates(where, weights, options)
    ]
    generator = choose_generator(candidates)
    names = {_join_path(where, name) for where, weights in networks.items() for name in weights}
    return finish_generator(generator, format_name, path, sorted(names - generator.names))


def make_weighted_layers(weights: Weights, path: str = "") -> list[WeightedLayer]:
    """Return the layers of named weights in the order of the file. Raises UnreadableError."""
    grouped: dict[str, dict[str, Weight]] = {}
    for name, weight in weights.items():
        match = _TENSOR_NAME.fullmatch(name)
        layer, leaf = (match["layer"] or "", match["leaf"]) if match else ("", name)
        if leaf != _COUNTER:
            grouped.setdefault(layer, {})[leaf] = weight
    layers = []
    for previous, layer in zip([None, *grouped], grouped, strict=False):
        shown = f"{path}.{layer}".strip(".") or "its layer"
        transposed = True if _TRANSPOSED_NAME.search(layer) else None
        roles = _assign_roles(shown, grouped[layer])
        layers.append(
            WeightedLayer(shown, roles, _count_weightless_before(previous, layer), transposed)
        )
    return layers


def _list_candidates(path: str, weights: Weights, options: ReadOptions) -> Iterator[Candidate]:
    """Yield a network, or the networks in it that have a generator's name."""
    stem = _find_common_prefix(weights)
    heads = _group_by_head(weights, stem)
    generators = [head for head in heads if is_generator_name(head)] if len(heads) > 1 else []
    # a discriminator after the generator would fit too, because it takes the generated image
    apart = generators and (len(generators) > 1 or any(map(is_discriminator_name, heads)))
    names = frozenset(_join_path(path, name) for name in weights)
    try:
        if not apart:
            yield Candidate(path, names, _find_design(path, weights, options))
            return
        reason = ""
    except UnreadableError as error:
        reason = str(error)
    for head in generators:
        rest = {name.removeprefix(f"{stem}{head}."): heads[head][name] for name in heads[head]}
        yield from _list_candidates(_join_path(path, f"{stem}{head}"), rest, options)
    if not generators:
        yield Candidate(path, names, None, reason)


def _find_design(path: str, weights: Weights, options: ReadOptions) -> Design:
    if options.ordered:
        return _make_design(weights, path, options)
    designs, reason = [], ""
    for order in _list_layer_orders(_group_by_head(weights, _find_common_prefix(weights))):
        try:
            designs.append(_make_design(order, path, options))
        except UnreadableError as error:
            reason = reason or str(error)
    if len(designs) == 1:
        return designs[0]
    raise UnreadableError(
        reason
        if not designs
        else "keeps its layers in no order and more than one fits; save the generator with "
        "torch.save(model.state_dict(), …)"
    )


def _make_design(weights: Weights, path: str, options: ReadOptions) -> Design:
    steps = list_steps(make_weighted_layers(weights, path), PYTORCH)
    design = Design(steps, PYTORCH, options.conventions)
    build(design)  # raises Misfit
    return design


def _list_layer_orders(blocks: Mapping[str, Mapping[str, Weight]]) -> Iterator[dict[str, Weight]]:
    """Yield all weights, with the blocks of a network in each order that their names allow.

    Numbers determine the order within a block, and of blocks whose names differ only in numbers. If
    there are more than MAX_BLOCKS blocks, only the order of their names is tried.
    """
    sorted_blocks = {
        name: dict(sorted(blocks[name].items(), key=lambda each: natural_key(each[0])))
        for name in sorted(blocks, key=natural_key)
    }
    block_orders = (
        itertools.permutations(sorted_blocks)
        if len(sorted_blocks) <= MAX_BLOCKS
        else iter([(*sorted_blocks,)])
    )
    for order in block_orders:
        if _is_ascending(order):
            yield {name: weight for block in order for name, weight in sorted_blocks[block].items()}


def _is_ascending(order: tuple[str, ...]) -> bool:
    """Return whether conv1 comes before conv2, and so on."""
    last: dict[str, int] = {}
    for name in order:
        word, number = _split_number(name)
        if number < last.get(word, -1):
            return False
        last[word] = number
    return True


def _split_number(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?)([0-9]{0,9})", name, re.DOTALL)
    word, number = match.groups() if match else (name, "")
    return word, int(number or 0)


def _group_by_head(weights: Weights, stem: str) -> dict[str, dict[str, Weight]]:
    """Return the weights grouped by the first word after `stem`."""
    heads: dict[str, dict[str, Weight]] = {}
    for name, weight in weights.items():
        heads.setdefault(name.removeprefix(stem).partition(".")[0], {})[name] = weight
    return heads


def _join_path(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")


def _find_common_prefix(names: Iterable[str]) -> str:
    """Return the common prefix of all names in whole words, such as model.generator."""
    shared = []
    for same in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(same)) > 1:
            break
        shared.append(f"{same[0]}.")
    return "".join(shared)


def _count_weightless_before(previous: str | None, layer: str) -> int | None:
    """Return the number of layers without weights between two of an nn.Sequential, if known."""
    (above, _, one), (beside, _, two) = (previous or "").rpartition("."), layer.rpartition(".")
    if above != beside or not (one.isdecimal() and two.isdecimal()):
        return None
    return max(int(two) - int(one) - 1, 0)


def _assign_roles(name: str, leaves: dict[str, Weight]) -> Weights:
    rest = dict(leaves)
    roles: dict[str, Weight] = {}
    for keys in _SPECTRAL_NORM_KEYS:
        if all(key in rest for key in keys):
            roles["weight"] = apply_spectral_norm(name, *(rest.pop(key) for key in keys))
    for keys in _WEIGHT_NORM_KEYS:
        if all(key in rest for key in keys):
            roles["weight"] = apply_weight_norm(name, *(rest.pop(key) for key in keys))
    for leaf, weight in rest.items():
        if leaf not in _ROLES:
            raise UnreadableError(
                f"{name}.{leaf} {list(weight.shape)} is not part of a dense layer, a convolution "
                f"or a batch norm; expected a sequence of these: {PYTORCH.remedy}"
            )
        roles[_ROLES[leaf]] = weight
    return roles
