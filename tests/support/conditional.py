"""A small conditional generator: its labels stand beside z."""

import numpy as np
from builders import make_same_conv_transpose

from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.graph import LABEL, Network, Node, Z
from ganinv_cli.generators.network.layers import Activation, Concat, Dense, Layer, Reshape
from ganinv_cli.prior import Prior, Uniform

LATENT, LABELS, SIDE = 6, 3, 16


def make_conditional_definition(seed: int = 0, prior: Prior | None = None) -> Definition:
    """16 x 16 pictures in colour of 6 numbers and one of 3 labels."""
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float) -> np.ndarray:
        return random.normal(0, scale, shape).astype(np.float32)

    layers: list[Layer] = [
        Dense(normal(LATENT + LABELS, 128, scale=0.7), normal(128, scale=0.1)),
        Activation("relu"),
        Reshape((4, 4, 8)),
        make_same_conv_transpose(normal(5, 5, 6, 8, scale=0.15), normal(6, scale=0.1), 2),
        Activation("leaky_relu", 0.2),
        make_same_conv_transpose(normal(5, 5, 3, 6, scale=0.2), normal(3, scale=0.1), 2),
        Activation("tanh"),
    ]
    nodes = [Node(Concat(), (Z, LABEL), "beside")]
    nodes += [Node(layer, (number,), f"layer{number}") for number, layer in enumerate(layers)]
    network = Network(LATENT, tuple(nodes), LABELS)
    return Definition(network, prior or Uniform(), "test", "conditional", "here")
