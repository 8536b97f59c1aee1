"""For random graphs of layers, folding changes no picture and J is the derivative."""

import numpy as np
import pytest
import random_networks
import tensorflow as tf

from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import Affine, BatchNorm
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import Uniform

SEEDS = [  # all but the first eight of each test run at night
    pytest.param(n, marks=[pytest.mark.nightly] * (n >= 8)) for n in range(60)
]


def _generator(network: Network, folded: bool = True, label: int | None = None) -> Generator:
    checkpoint = Checkpoint(network, Uniform(), "", "", "")
    return make_generator(checkpoint, "frozen" if folded else "batch", label)


def _affine(norm: BatchNorm) -> Affine:
    scale = norm.gamma / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    return Affine(scale, norm.beta - norm.mean * scale)


def _plain(network: Network) -> Network:
    """With each norm by itself, so that there is nothing to fold."""
    nodes = [
        node._replace(layer=_affine(node.layer)) if isinstance(node.layer, BatchNorm) else node
        for node in network.nodes
    ]
    return Network(network.latent, tuple(nodes), network.labels)


def _z(network: Network, seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, network.latent))


@pytest.mark.parametrize("seed", SEEDS)
def test_folding_changes_no_picture(seed):
    network = random_networks.make_network(seed)
    labels = tf.constant([0, 1, 2]) if network.labels else None
    z = _z(network, seed, 3)
    plain = _generator(_plain(network), folded=False)(z, labels=labels).numpy()
    run = _generator(network)
    largest = np.abs(plain).max() + 1
    np.testing.assert_allclose(run(z, labels=labels), plain, atol=1e-5 * largest)
    single = run(z.astype(np.float32), labels=labels)
    np.testing.assert_allclose(single, plain, atol=1e-3 * largest)
    mixed = run(z.astype(np.float32), tf.bfloat16, labels=labels)
    assert mixed.dtype == tf.float32
    np.testing.assert_allclose(mixed, plain, atol=0.3 * largest)
    if network.labels:
        fixed = _generator(network, label=1)(z)
        given = run(z, labels=tf.fill([3], 1)).numpy()
        np.testing.assert_allclose(fixed, given, atol=1e-6 * largest)


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_moves_are_carried_by_the_derivative(seed):
    network = random_networks.make_network(seed)
    labels = tf.constant([1]) if network.labels else None
    generator, z = _generator(network), tf.constant(_z(network, seed, 1))
    moves = _z(network, seed + 1, 4)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        picture = generator(z, labels=labels)
    jacobian = tape.jacobian(picture, z, experimental_use_pfor=False)[0][..., 0, :]
    expected = np.tensordot(moves, jacobian, [[1], [len(jacobian.shape) - 1]])
    found = generator.jvp(z, tf.constant(moves), labels)
    np.testing.assert_allclose(found, expected, atol=1e-6 * (np.abs(expected).max() + 1))
