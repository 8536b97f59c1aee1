"""The generators whose verdicts are measured, their pictures, and those of their siblings."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

import ganinv_cli as ganinv
from benchmarks.tiny import ROOT
from benchmarks.verdicts.listed_edits import Random
from ganinv_cli.generators.network.graph import Network
from ganinv_cli.images import to_pixels
from ganinv_cli.prior import Uniform

SEED = 20_261_202  # of all pictures and siblings; nothing in ganinv was chosen on it
ZOO = ROOT / "build" / "zoo"
Array = np.ndarray


class Calibrated(NamedTuple):
    """A generator as `ganinv invert --checkpoint` takes it."""

    checkpoint: str
    conventions: Mapping[str, Any] = {}  # that its file does not say: option -> value


_MODELS = ZOO / "generateme" / "static" / "Models"
GENERATORS = {
    "faces32": Calibrated("faces32"),
    "portraits64": Calibrated("portraits64"),
    "gan-face-generate": Calibrated(str(ZOO / "gan_face_generate" / "weights.tar")),
    # nothing in ganinv was chosen on these
    "generateme-faces": Calibrated(str(_MODELS / "dcGanGeneratorModel.pt")),
    "generateme-cats": Calibrated(
        str(_MODELS / "linearGanGeneratorModel.pt"), {"activation": "leaky_relu:0.2"}
    ),
}
DEFAULT = ("faces32", "portraits64", "gan-face-generate")


@cache
def load_generator(name: str) -> ganinv.LoadedGenerator:
    return ganinv.load(GENERATORS[name].checkpoint, **GENERATORS[name].conventions)


def list_siblings(name: str) -> list[str]:
    """Return the names of the siblings whose weights can be made; of a graph, none."""
    is_layered = isinstance(load_generator(name).definition.network, Network)
    return [*_SIBLINGS] if is_layered else []


@cache
def load_sibling(name: str, sibling: str) -> ganinv.LoadedGenerator:
    """Return a generator whose arrays of floats are changed."""
    own, change = load_generator(name), partial(_SIBLINGS[sibling], np.random.default_rng(SEED))
    network = own.definition.network
    assert isinstance(network, Network)
    nodes = []
    for node in network.nodes:
        values = {field.name: getattr(node.layer, field.name) for field in fields(node.layer)}
        arrays = {key: each for key, each in values.items() if isinstance(each, np.ndarray)}
        changed = {key: change(array).astype(array.dtype) for key, array in arrays.items()}
        nodes.append(node._replace(layer=replace(node.layer, **changed)))
    definition = replace(own.definition, network=replace(network, nodes=tuple(nodes)))
    return ganinv.LoadedGenerator(own.name, definition)


def draw_z(generator: ganinv.LoadedGenerator, random: Random, count: int = 1) -> Array:
    """Return z (count, latent) of the whole prior; draws of a normal one are not truncated."""
    prior, shape = generator.definition.prior, (count, generator.latent_size)
    if isinstance(prior, Uniform):
        return random.uniform(prior.low, prior.high, shape)
    return random.normal(0, prior.deviation, shape)


def render(generator: ganinv.LoadedGenerator, z: Array) -> Array:
    """Return pictures, uint8 (count, height, width, 3)."""
    pixels = to_pixels(generator(z))
    return np.repeat(pixels, 3, -1) if pixels.shape[-1] == 1 else pixels


def _add_noise(share: float, random: Random, array: Array) -> Array:
    """Return each weight times exp(share · n), n normal; so no variance becomes negative."""
    return array * np.exp(share * random.normal(size=array.shape))


def _quantise(_: Random, array: Array) -> Array:
    """Return weights as 8-bit integers times one scale for each array."""
    step = float(np.abs(array).max()) / 127 or 1.0
    return np.rint(array / step) * step


_SIBLINGS: Mapping[str, Callable[[Random, Array], Array]] = {
    **{f"noise, {each} %": partial(_add_noise, each / 100) for each in (3, 10, 30)},
    "8 bits": _quantise,
}
