"""A generator of nearly the same weights, as another stage of a training has them."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.layered import LayeredGenerator


def make_sibling(
    generator: Generator, share: float, random: np.random.Generator
) -> Generator | None:
    """Return a generator with each weight times exp(share · n), n normal; None: it has no layers.

    So no variance of a batch norm becomes negative.
    """
    if not isinstance(generator, LayeredGenerator):
        return None
    network = generator.network
    nodes = [node._replace(layer=_add_noise(node.layer, share, random)) for node in network.nodes]
    moved = replace(network, nodes=tuple(nodes))
    return LayeredGenerator(moved, generator.prior, generator.batch_norm)


def _add_noise(layer: Any, share: float, random: np.random.Generator) -> Any:
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    changed = {
        name: (array * np.exp(share * random.normal(size=array.shape))).astype(array.dtype)
        for name, array in values.items()
        if isinstance(array, np.ndarray)
    }
    return replace(layer, **changed)
