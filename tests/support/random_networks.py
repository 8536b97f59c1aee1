"""Networks of random layers that feed one another in random ways."""

import math
import random

import numpy as np

from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.graph import LABEL, Network, Node, Z
from ganinv_cli.generators.network.layers import ACTIVATIONS, Layer, Shape, ShapeError

LARGEST = 5000  # values that a layer makes


def make_network(seed: int) -> Network:
    """Of 6 to 16 layers, the last of which depends on z; the same for the same seed."""
    draws, numbers = random.Random(seed), np.random.default_rng(seed)
    latent = draws.choice([4, 8])
    first = kinds.Affine(*numbers.normal(size=(2, latent)).astype(np.float32))
    whole = Network(latent, (Node(first, (Z,)),), draws.choice([0, 3]))
    while len(whole.nodes) < draws.randint(6, 16):
        sources = [Z, *range(len(whole.nodes)), *[len(whole.nodes) - 1] * 3]
        sources += [LABEL] * bool(whole.labels)
        source = draws.choice([each for each in sources if each in (Z, LABEL) or each >= 0])
        layer = _draw_layer(draws, numbers, whole.node_shape(source))
        several = isinstance(layer, kinds.Add | kinds.Multiply | kinds.Concat)
        others = [draws.choice(range(len(whole.nodes)))] if several and whole.nodes else []
        nodes = (*whole.nodes, Node(layer, (source, *others)))
        longer = Network(whole.latent, nodes, whole.labels)
        try:
            if math.prod(longer.shapes[-1]) <= LARGEST:
                whole = longer
        except ShapeError:
            continue
    parts = [whole.prune_to(number) for number in range(len(whole.nodes))]
    return max(filter(_reads_z, parts), key=lambda part: len(part.nodes))


def _reads_z(part: Network) -> bool:
    return any(Z in node.inputs for node in part.nodes)


def _draw_layer(draws: random.Random, numbers: np.random.Generator, shape: Shape) -> Layer:
    def normal(*sides: int) -> np.ndarray:
        return numbers.normal(0, 0.5, sides).astype(np.float32)

    def pair(least: int, most: int) -> tuple[int, int]:
        return draws.randint(least, most), draws.randint(least, most)

    channels, made = shape[-1], draws.choice([1, 2, 3])
    total = math.prod(shape)
    maps = [(a, b, total // a // b) for a in (1, 2, 4) for b in (1, 2) if total % (a * b) == 0]
    norm = (normal(channels), normal(channels), normal(channels), normal(channels) ** 2 + 0.3)
    dense = draws.choice([4, 8, 16])
    choices: list[Layer] = [
        kinds.Dense(normal(channels, dense), normal(dense)),
        kinds.Reshape(draws.choice([(total,), *maps])),
        kinds.BatchNorm(*norm),
        kinds.BatchNorm(*norm),
        kinds.Activation(draws.choice([n for n in ACTIVATIONS if n not in ("exp", "leaky_relu")])),
        kinds.Activation("leaky_relu", 0.3),
        kinds.Affine(normal(channels), normal(channels)),
        kinds.Transpose(tuple(draws.sample(range(len(shape)), len(shape)))),
        kinds.Add(),
        kinds.Multiply(),
        kinds.Concat(),
    ]
    if isinstance(choices[4], kinds.Activation) and choices[4].name == "elu":
        choices[4] = kinds.Activation("elu", 0.7)
    if len(shape) == 3:
        kernel, stride = pair(1, 4), pair(1, 3)
        around = pair(-1, 2), pair(-1, 2)
        crop = draws.choice([kinds.same_crop(kernel, stride), (pair(-1, 1), pair(-1, 1))])
        choices += [
            kinds.Conv(normal(*kernel, channels, made), normal(made), pair(1, 2), around),
            kinds.ConvTranspose(normal(*kernel, made, channels), normal(made), stride, crop),
            kinds.ConvTranspose(normal(*kernel, made, channels), normal(made), stride, crop),
            kinds.Upsample(pair(1, 2), draws.choice(["nearest", "bilinear"])),
            kinds.Pad((pair(-1, 1), pair(0, 2))),
        ]
    return draws.choice(choices)
