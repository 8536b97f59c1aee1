"""Folding changes no picture and leaves few layers; of random graphs, J is the derivative."""

import numpy as np
import pytest
import random_networks
import tensorflow as tf

from ganinv_cli.generators.network import layers as kinds
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.folding import fold_layers
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.graph import Network, Node, Z, make_sequence
from ganinv_cli.generators.network.layers import Affine, BatchNorm, Reshape
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.prior import Uniform

LATENT = 5
RANDOM = np.random.default_rng(1)
RELU = kinds.Activation("relu")


def _dense(outputs: int) -> kinds.Dense:
    return kinds.Dense(RANDOM.normal(size=(LATENT, outputs)), RANDOM.normal(size=outputs))


def _norm(channels: int) -> kinds.BatchNorm:
    gamma, beta, mean = RANDOM.normal(size=(3, channels))
    return kinds.BatchNorm(gamma, beta, mean, RANDOM.uniform(0.1, 2, channels))


def _one_place(crop: kinds.Sides) -> Network:
    kernel = RANDOM.normal(size=(4, 3, 2, LATENT))
    layer = kinds.ConvTranspose(kernel, RANDOM.normal(size=2), (1, 1), crop)
    return make_sequence(LATENT, (Reshape((1, 1, LATENT)), layer, _norm(2)))


SHARED = (Node(_dense(3), (Z,)), Node(_norm(3), (0,)), Node(kinds.Add(), (0, 1)))
SHARED_VIEW = (
    Node(_dense(12), (Z,)),
    Node(Reshape((2, 2, 3)), (0,)),
    Node(Reshape((12,)), (1,)),
    Node(_norm(12), (2,)),
    Node(Reshape((2, 2, 3)), (3,)),
    Node(kinds.Add(), (1, 4)),
)
NETWORKS = {
    "a norm of a matrix": (make_sequence(LATENT, (_dense(3), _norm(3))), "Dense"),
    "by channel": (
        make_sequence(LATENT, (_dense(12), Reshape((2, 2, 3)), _norm(3))),
        "Dense Reshape",
    ),
    "an activation": (
        make_sequence(LATENT, (_dense(3), RELU, _norm(3))),
        "Dense Activation Affine",
    ),
    "of z": (make_sequence(LATENT, (_norm(LATENT), _dense(3))), "Affine Dense"),
    "read by others": (Network(LATENT, SHARED), "Dense Affine Add"),
    "a view that others read": (Network(LATENT, SHARED_VIEW), "Dense Reshape Affine Reshape Add"),
    "one place, cut": (_one_place(((1, 0), (0, 1))), "Dense Reshape"),
    "one place, padded": (_one_place(((-1, 0), (0, -2))), "Dense Reshape"),
}


RANDOM_NETWORKS = [
    pytest.param(random_networks.make_network(seed), id=str(seed)) for seed in range(60)
]
KNOWN = [pytest.param(network, id=name) for name, (network, _) in NETWORKS.items()]


def _generator(network: Network, folded: bool = True, label: int | None = None) -> Generator:
    definition = Definition(network, Uniform(), "", "", "")
    return make_generator(definition, "frozen" if folded else "batch", label)


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


def _draw(network: Network, seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, network.latent))


@pytest.mark.parametrize("network", [*KNOWN, *RANDOM_NETWORKS])
def test_folding_changes_no_picture(network):
    labels = tf.constant([0, 1, 2]) if network.labels else None
    z = _draw(network, 0, 3)
    run = _generator(network)
    folded = run(z, labels=labels)
    plain = _generator(_plain(network), folded=False)(z, labels=labels).numpy()
    largest = np.abs(plain).max() + 1
    np.testing.assert_allclose(folded, plain, atol=1e-5 * largest)
    single = run(z.astype(np.float32), labels=labels)
    np.testing.assert_allclose(single, plain, atol=1e-3 * largest)
    if network.labels:
        fixed = _generator(network, label=1)(z)
        given = run(z, labels=tf.fill([3], 1)).numpy()
        np.testing.assert_allclose(fixed, given, atol=1e-6 * largest)


@pytest.mark.bfloat16
@pytest.mark.parametrize("network", [*KNOWN, *RANDOM_NETWORKS])
def test_a_folded_network_in_bfloat16_makes_nearly_the_same_picture(network):
    labels = tf.constant([0, 1, 2]) if network.labels else None
    z, run = _draw(network, 0, 3).astype(np.float32), _generator(network)
    picture = run(z, labels=labels).numpy()
    mixed = run(z, tf.bfloat16, labels=labels)
    assert mixed.dtype == tf.float32
    np.testing.assert_allclose(mixed, picture, atol=0.3 * (np.abs(picture).max() + 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_norms_are_folded_into_the_layers_before_them(name):
    network, left = NETWORKS[name]
    kept = " ".join(type(node.layer).__name__ for node in fold_layers(network).nodes)
    assert kept == left


@pytest.mark.parametrize("network", RANDOM_NETWORKS[::4])
def test_moves_are_carried_by_the_derivative(network):
    labels = tf.constant([1]) if network.labels else None
    generator, z = _generator(network), tf.constant(_draw(network, 0, 1))
    moves = _draw(network, 1, 4)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        picture = generator(z, labels=labels)
    jacobian = tape.jacobian(picture, z, experimental_use_pfor=False)[0][..., 0, :]
    expected = np.tensordot(moves, jacobian, [[1], [len(jacobian.shape) - 1]])
    found = generator.jvp(z, tf.constant(moves), labels)
    np.testing.assert_allclose(found, expected, atol=1e-6 * (np.abs(expected).max() + 1))
