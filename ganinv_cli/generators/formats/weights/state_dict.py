"""The generator in a file of named weights, among the networks that the file holds."""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ganinv_cli.generators.formats.interface import (
    DISCRIMINATOR,
    IMAGE_NETWORK,
    UnfinishedGenerator,
    UnreadableError,
    format_names,
    natural_key,
)
from ganinv_cli.generators.formats.unsupported import explain_network
from ganinv_cli.generators.formats.weights.infer_generator import infer_generator
from ganinv_cli.generators.formats.weights.plan_layers import apply_given, plan_layers
from ganinv_cli.generators.formats.weights.step import Design, Framework, list_steps
from ganinv_cli.generators.formats.weights.weight import Weight, WeightedLayer, Weights
from ganinv_cli.settings.conventions import Conventions

PYTORCH = Framework(is_torch=True, epsilon=1e-5, activation="relu")
MAX_BLOCKS = 8  # largest number of blocks that are tried in every order

_ROLES = {
    **dict.fromkeys(("weight", "kernel", "_kernel", "gamma"), "weight"),
    **dict.fromkeys(("bias", "beta"), "bias"),
    **dict.fromkeys(("running_mean", "moving_mean"), "mean"),
    **dict.fromkeys(("running_var", "moving_variance"), "variance"),
}
_COUNTER = "num_batches_tracked"
_WEIGHT_NAME = re.compile(r"(^|\.)(weight(_orig|_g)?|original0?|_?kernel)$")
_TRANSPOSED_NAME = re.compile(r"deconv|transp|(?<![a-z])(conv_?t|t_?conv|up_?conv)", re.IGNORECASE)
_GENERATOR_NAME = re.compile(
    r"(net_?)?g([_.\d]|$)|gen(?![a-z])|.*generator|decoder|.*_g$", re.IGNORECASE
)
_AVERAGE_NAME = re.compile(
    r"(?<![a-z])g?ema(?![a-z])|averaged?|shadow|(?<![a-z])avg", re.IGNORECASE
)
_DISCRIMINATOR_NAME = re.compile(
    r"(net_?)?d([_.\d]|$)|.*disc(r|$|[_.\d])|critic|encoder", re.IGNORECASE
)


class ReadOptions(NamedTuple):
    """Options for reading the weights of a file."""

    conventions: Conventions
    ordered: bool  # whether the file keeps them in the order of the layers
    framework: Framework = PYTORCH


class Candidate(NamedTuple):
    """A network in the file."""

    path: str  # path in the file
    names: frozenset[str]  # of its tensors in the file
    design: Design | None  # None if it is not a generator
    reason: str = ""  # why it is not a generator


def find_generator(
    networks: Mapping[str, Weights], path: str, format_name: str, options: ReadOptions
) -> UnfinishedGenerator:
    """Return the generator of a file: the one of the given key, the only one, or the average.

    An average has "average" or "ema" in its name. Raises UnreadableError.
    """
    candidates = [
        candidate
        for where, weights in networks.items()
        if any(_WEIGHT_NAME.search(name) for name in weights)  # optimizers use other names
        for candidate in _list_candidates(where, weights, options)
    ]
    if key := options.conventions.key:
        known = [options.framework.show(each.path) for each in candidates]
        if key not in known:
            raise UnreadableError(
                f"holds no network under --key {key[:80]}, only {format_names(known)}"
            )
        candidates = [candidates[known.index(key)]]
    generators = [each for each in candidates if each.design]
    averages = [each for each in generators if _AVERAGE_NAME.search(each.path)]
    chosen = generators if len(generators) < 2 else averages
    if not generators:
        raise UnreadableError(_explain_no_generator(candidates))
    if len(chosen) != 1:
        keys = [options.framework.show(each.path) for each in generators]
        raise UnreadableError(
            f"holds {len(generators)} generators ({format_names(keys)}), and none or several with "
            f"ema in their names; choose one, e.g. --key {max(keys)}"
        )
    where, used, design, _ = chosen[0]
    assert design
    generator = infer_generator(design, format_name, path)
    names = {_join_path(where, name) for where, weights in networks.items() for name in weights}
    assumed = generator.assumed
    if len(generators) > 1:
        assumed = (f"{where}, the average, of {len(generators)} generators", *assumed)
    return replace(
        generator,
        layout=options.framework.show(where) or "weights",
        ignored=tuple(sorted(map(options.framework.show, names - used))),
        assumed=assumed,
    )


def make_weighted_layers(
    weights: Weights, framework: Framework, path: str = ""
) -> list[WeightedLayer]:
    """Return the layers of named weights in the order of the file. Raises UnreadableError."""
    grouped: dict[str, dict[str, Weight]] = {}
    for name, weight in weights.items():
        layer, _, leaf = name.rpartition(".")
        if leaf != _COUNTER:
            grouped.setdefault(layer, {})[leaf] = weight
    layers = []
    for previous, layer in zip(["", *grouped], grouped, strict=False):
        name = framework.show(_join_path(path, layer)) or "its layer"
        program_name = next(each.program_name for each in grouped[layer].values())
        transposed = True if _TRANSPOSED_NAME.search(program_name or layer) else None
        if transposed is None and "conv2d" in program_name:
            transposed = False
        before = _count_weightless_before(previous, layer)
        roles = _assign_roles(name, grouped[layer], framework)
        layers.append(WeightedLayer(name, roles, before, transposed))
    return layers


def _list_candidates(path: str, weights: Weights, options: ReadOptions) -> Iterator[Candidate]:
    """Yield a network, or the networks in it that have a generator's name."""
    stem = _find_common_prefix(weights)
    heads = _group_by_head(weights, stem)
    generators = [head for head in heads if _is_generator_name(head)] if len(heads) > 1 else []
    # a discriminator after the generator would fit too, because it takes the generated image
    apart = generators and (len(generators) > 1 or any(map(_DISCRIMINATOR_NAME.match, heads)))
    names = frozenset(_join_path(path, name) for name in weights)
    reason = ""
    try:
        if not apart:
            yield Candidate(path, names, _find_design(path, weights, options))
            return
    except UnreadableError as error:
        reason = str(error)
    is_root_object = not (path or stem or options.framework.is_torch)
    for head in generators or (heads if is_root_object else ()):
        rest = {name.removeprefix(f"{stem}{head}."): heads[head][name] for name in heads[head]}
        yield from _list_candidates(_join_path(path, f"{stem}{head}"), rest, options)
    if not generators:
        yield Candidate(path, names, None, reason)


def _explain_no_generator(candidates: Sequence[Candidate]) -> str:
    known = explain_network({name for each in candidates for name in each.names})
    if known or not candidates:
        return known or "holds no weights by their names; expected those of a generator"
    first = max(candidates, key=lambda each: _is_generator_name(each.path.split(".")[-1]))
    if len(candidates) == 1 and first.reason in (DISCRIMINATOR, IMAGE_NETWORK):
        return first.reason
    return " ".join(f"holds no generator that can be read: {first.path} {first.reason}".split())


def _is_generator_name(name: str) -> bool:
    """Return whether a name is usual for a generator: G, netG, generator, gen_ema, decoder, …"""
    return bool(_GENERATOR_NAME.match(name)) and "optim" not in name.lower()


def _find_design(path: str, weights: Weights, options: ReadOptions) -> Design:
    if options.ordered:
        return _make_design(path, weights, options)
    blocks = _group_by_head(weights, _find_common_prefix(weights))
    block_of = {
        options.framework.show(_join_path(path, name.rpartition(".")[0])): block
        for block, group in blocks.items()
        for name in group
    }
    designs: list[Design] = []
    misfits: set[tuple[frozenset[str], tuple[str, ...]]] = set()
    nearest, most = UnreadableError(""), -1
    for order in _list_block_orders(blocks):
        # whether a block fits depends on which are before it, and on the one just before
        starts = [(frozenset(order[:n]), order[:n][-2:]) for n in range(1, len(order) + 1)]
        if len(designs) > 1 or not misfits.isdisjoint(starts):
            continue
        names = (name for block in order for name in sorted(blocks[block], key=natural_key))
        try:
            designs.append(_make_design(path, {name: weights[name] for name in names}, options))
        except UnreadableError as error:
            is_misfit = error.layer in block_of
            place = order.index(block_of[error.layer]) if is_misfit else len(order)
            misfits.add(starts[: place + 1][-1])
            if place > most:
                nearest, most = error, place
    if len(designs) == 1:
        return designs[0]
    if designs:
        raise UnreadableError(
            "keeps its layers in no order and more than one fits; save the generator with "
            "torch.save(model.state_dict(), …)"
        )
    raise nearest


def _make_design(path: str, weights: Weights, options: ReadOptions) -> Design:
    """Return the design of layers in the order of their weights."""
    layers, framework = make_weighted_layers(weights, options.framework, path), options.framework
    if not framework.is_torch and any(layer.weightless_before for layer in layers):
        framework = framework._replace(activation="leaky_relu:0.3")  # Keras' LeakyReLU
    design = apply_given(Design(list_steps(layers, framework), framework, options.conventions))
    plan_layers(design)
    return design


def _list_block_orders(blocks: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Yield each order of the blocks of a network that their names allow.

    Numbers determine the order of blocks whose names differ only in numbers. If there are more than
    MAX_BLOCKS blocks, only the order of their names is tried.
    """
    names = sorted(blocks, key=natural_key)
    orders = itertools.permutations(names) if len(names) <= MAX_BLOCKS else [(*names,)]
    return filter(_is_ascending, orders)


def _is_ascending(order: Sequence[str]) -> bool:
    """Return whether conv1 comes before conv2, and so on."""
    numbers: dict[str, list[int]] = {}
    for name in order:
        word = name.rstrip("0123456789")
        numbers.setdefault(word, []).append(int(name[len(word) :] or 0))
    return all(each == sorted(each) for each in numbers.values())


def _group_by_head(weights: Weights, stem: str) -> dict[str, dict[str, Weight]]:
    heads: dict[str, dict[str, Weight]] = {}
    for name, weight in weights.items():
        heads.setdefault(name.removeprefix(stem).partition(".")[0], {})[name] = weight
    return heads


def _join_path(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")


def _find_common_prefix(names: Iterable[str]) -> str:
    """Return the common prefix of all names in whole words, such as model.generator."""
    words = zip(*(name.split(".")[:-1] for name in names), strict=False)
    shared = itertools.takewhile(lambda same: len({*same}) == 1, words)
    return "".join(f"{same[0]}." for same in shared)


def _count_weightless_before(previous: str, layer: str) -> int | None:
    (above, _, one), (beside, _, two) = previous.rpartition("."), layer.rpartition(".")
    one, two = (each.removeprefix("layer-") for each in (one, two))
    if (previous and (above != beside or not one.isdecimal())) or not two.isdecimal():
        return None
    return max(int(two) - int(one or -1) - 1, 0)


def _assign_roles(name: str, leaves: Mapping[str, Weight], framework: Framework) -> Weights:
    roles: dict[str, Weight] = {}
    for leaf, weight in leaves.items():
        if leaf not in _ROLES:
            raise UnreadableError(
                f"{name}.{leaf} {list(weight.shape)} is not part of a dense layer, a convolution "
                f"or a batch norm; expected a sequence of these: {framework.remedy}"
            )
        roles[_ROLES[leaf]] = weight
    return roles
