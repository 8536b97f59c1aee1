"""Small generators whose batch norms store what they make of a prior, as after training."""

from dataclasses import replace

import numpy as np
import tensorflow as tf
from builders import make_same_conv_transpose

from ganinv_cli.generators.formats.cached_check import check_norms
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.execute import prepare_layer
from ganinv_cli.generators.network.graph import LABEL, Layer, Network, Z, make_sequence
from ganinv_cli.generators.network.layers import (
    Activation,
    BatchNorm,
    Dense,
    Reshape,
)
from ganinv_cli.generators.network.norms.check import NormCheck
from ganinv_cli.prior import Normal, Prior, Uniform, parse_prior

LATENT = 8
LEAKY = Activation("leaky_relu", 0.2)


def make_network(*activations: Layer, seed: int = 0) -> Network:
    """A DCGAN of 8 x 8 pixels with two norms; statistics are as initialised."""
    random = np.random.default_rng(seed)
    first, second = activations or (LEAKY, LEAKY)

    def draw(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape).astype(np.float32)

    layers = [
        *(Dense(draw(LATENT, 96), draw(96)), Reshape((2, 2, 24)), make_norm(random, 24), first),
        *(make_same_conv_transpose(draw(4, 4, 16, 24), draw(16), 2), make_norm(random, 16), second),
        *(make_same_conv_transpose(draw(4, 4, 3, 16), draw(3), 2), Activation("tanh")),
    ]
    return make_sequence(LATENT, layers, ("dense", "", "norm1", "", "up1", "norm2", "", "up2"))


def make_norm(random: np.random.Generator, channels: int) -> BatchNorm:
    """A norm as it is before any training, but for its scale and shift."""
    gamma, beta = 1 + 0.2 * random.normal(size=channels), 0.3 * random.normal(size=channels)
    zeros, ones = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    return BatchNorm(gamma.astype(np.float32), beta.astype(np.float32), zeros, ones, 1e-5)


def settle_norms(
    network: Network, prior: str = "normal", seed: int = 5, rows: int = 4096, behind: int = 0
) -> Network:
    """The same network with the statistics of what it makes of so many z of a prior.

    The last `behind` components of z are a one-hot label.
    """
    z = draw_prior(parse_prior(prior, network.latent), seed, rows, network.latent)
    if behind:
        z[:, -behind:] = np.eye(behind)[np.random.default_rng(seed).integers(behind, size=rows)]
    labels = tf.constant(np.arange(rows) % max(1, network.labels))
    values = {Z: tf.constant(z), LABEL: tf.one_hot(labels, network.labels)}
    nodes = []
    for number, node in enumerate(network.nodes):
        inputs = [values[each] for each in node.inputs]
        values[number] = prepare_layer(node.layer, tf.float32).apply(*inputs)
        if isinstance(node.layer, BatchNorm):
            x = inputs[0].numpy()
            axes = tuple(range(x.ndim - 1))
            layer = replace(node.layer, mean=x.mean(axes), variance=x.var(axes))
            node = node._replace(layer=layer)
        nodes.append(node)
    return replace(network, nodes=tuple(nodes))


def draw_prior(prior: Prior, seed: int, *shape: int) -> np.ndarray:
    """z of a prior that is not truncated."""
    random = np.random.default_rng(seed)
    if isinstance(prior, Uniform):
        return random.uniform(prior.low, prior.high, shape).astype(np.float32)
    assert isinstance(prior, Normal)
    return random.normal(0, prior.sigma, shape).astype(np.float32)


def replace_layer(network: Network, old: Layer, new: Layer) -> Network:
    """The same network with another layer in place of the first `old`."""
    nodes = list(network.nodes)
    place = next(n for n, node in enumerate(nodes) if node.layer is old)
    nodes[place] = nodes[place]._replace(layer=new)
    return replace(network, nodes=tuple(nodes))


def make_definition(network: Network, prior: str = "normal") -> Definition:
    """The definition of a network, as a format returns it."""
    return Definition(network, parse_prior(prior, network.latent), "test", "layers", "test")


def check(network: Network, prior: str = "normal") -> NormCheck:
    """The measured check of a network with a prior."""
    return check_norms(make_definition(network, prior))
