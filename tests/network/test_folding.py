"""Folding changes no picture, and leaves few layers."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.network import layers as kinds
from ganinv_cli.network.execute import build_layer
from ganinv_cli.network.folding import fix_label, fold_layers
from ganinv_cli.network.graph import LABEL, Network, Node, Z, chain
from ganinv_cli.network.layers import Reshape

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
    return chain(LATENT, (Reshape((1, 1, LATENT)), layer, _norm(2)))


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
    "a norm of a matrix": (chain(LATENT, (_dense(3), _norm(3))), "Dense"),
    "by channel": (chain(LATENT, (_dense(12), Reshape((2, 2, 3)), _norm(3))), "Dense Reshape"),
    "an activation": (chain(LATENT, (_dense(3), RELU, _norm(3))), "Dense Activation Affine"),
    "of z": (chain(LATENT, (_norm(LATENT), _dense(3))), "Affine Dense"),
    "read by others": (Network(LATENT, SHARED), "Dense Affine Add"),
    "a view that others read": (Network(LATENT, SHARED_VIEW), "Dense Reshape Affine Reshape Add"),
    "one place, cut": (_one_place(((1, 0), (0, 1))), "Dense Reshape"),
    "one place, padded": (_one_place(((-1, 0), (0, -2))), "Dense Reshape"),
}


def _render(network: Network, z: np.ndarray) -> np.ndarray:
    """The picture by the definition of each layer, a norm by its moving statistics."""
    values = {Z: tf.constant(z)}
    for number, (layer, inputs, _) in enumerate(network.nodes):
        if isinstance(layer, kinds.BatchNorm):
            spread = np.sqrt(layer.variance + layer.epsilon)
            values[number] = (values[inputs[0]] - layer.mean) / spread * layer.gamma + layer.beta
        else:
            built = build_layer(layer, tf.float64)
            values[number] = built.apply(*(values[each] for each in inputs))
    return values[len(network.nodes) - 1].numpy()


@pytest.mark.parametrize("name", NETWORKS)
def test_folding_changes_no_picture(name):
    network, left = NETWORKS[name]
    z = RANDOM.normal(size=(7, LATENT))
    before = _render(network, z)
    folded = fold_layers(network)
    np.testing.assert_allclose(_render(folded, z), before, rtol=1e-11, atol=1e-11)
    kept = " ".join(type(node.layer).__name__ for node in folded.nodes)
    assert kept == left
    np.testing.assert_array_equal(_render(network, z), before)  # the given layers are as before


def test_folded_weights_keep_their_precision():
    dense = kinds.Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))
    ((folded, _, _),) = fold_layers(chain(2, (dense, _norm(3)))).nodes
    assert isinstance(folded, kinds.Dense)
    assert folded.weights.dtype == folded.bias.dtype == np.float32


def test_a_fixed_label_is_a_constant():
    nodes = (
        Node(kinds.Concat(), (Z, LABEL)),
        Node(kinds.Dense(np.ones((7, 3)), np.zeros(3)), (0,)),
    )
    fixed = fix_label(Network(LATENT, nodes, labels=2), 1)
    assert fixed.labels == 0 and fixed.shapes == ((2,), (7,), (3,))
    assert isinstance(fixed.nodes[0].layer, kinds.Constant)
    assert fixed.nodes[0].layer.value.tolist() == [0, 1]
    assert [node.inputs for node in fixed.nodes] == [(), (Z, 0), (1,)]
