"""Folding changes no picture."""

import numpy as np

from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.folding import fold_layers as fold_network
from ganinv_cli.network.graph import LABEL, Network, Node, Z, chain
from ganinv_cli.network.layers import (
    Activation,
    Add,
    Affine,
    BatchNorm,
    Concat,
    Constant,
    ConvTranspose,
    Dense,
    Layer,
    Reshape,
    same_conv_transpose,
)

LATENT = 5


def fold(layers: tuple[Layer, ...], latent: int = LATENT) -> tuple[Layer, ...]:
    return tuple(node.layer for node in fold_network(chain(latent, layers)).nodes)


def _norm(channels: int, seed: int = 0) -> BatchNorm:
    random = np.random.default_rng(seed)
    gamma, beta, mean = random.normal(size=(3, channels)).astype(np.float32)
    return BatchNorm(gamma, beta, mean, random.uniform(0.1, 2, channels).astype(np.float32))


def _normalised(norm: BatchNorm, x: np.ndarray) -> np.ndarray:
    variance = norm.variance.astype(np.float64) + norm.epsilon
    return (x - norm.mean) / np.sqrt(variance) * norm.gamma + norm.beta


def test_a_norm_folds_into_the_dense_layer_before_it() -> None:
    random = np.random.default_rng(1)
    dense = Dense(random.normal(size=(5, 3)), random.normal(size=3))
    z = random.normal(size=(7, 5))

    (folded,) = fold((dense, _norm(3)))

    assert isinstance(folded, Dense)
    expected = _normalised(_norm(3), z @ dense.weights + dense.bias)
    np.testing.assert_allclose(z @ folded.weights + folded.bias, expected, rtol=1e-12, atol=1e-12)


def test_a_norm_behind_a_reshape_folds_by_channel() -> None:
    random = np.random.default_rng(1)
    dense = Dense(random.normal(size=(5, 12)), random.normal(size=12))
    z = random.normal(size=(7, 5))

    folded, reshape = fold((dense, Reshape((2, 2, 3)), _norm(3)))

    assert isinstance(folded, Dense) and reshape == Reshape((2, 2, 3))
    expected = _normalised(_norm(3), (z @ dense.weights + dense.bias).reshape(7, 2, 2, 3))
    found = (z @ folded.weights + folded.bias).reshape(7, 2, 2, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_norm_folds_into_the_outputs_of_a_transposed_convolution() -> None:
    random = np.random.default_rng(1)
    convolution = same_conv_transpose(random.normal(size=(5, 4, 3, 6)), random.normal(size=3), 2)
    before = (Dense(np.zeros((5, 96)), np.zeros(96)), Reshape((4, 4, 6)))
    pixel = random.normal(size=6)

    *_, folded = fold((*before, convolution, _norm(3)))

    assert isinstance(folded, ConvTranspose) and folded.stride == (2, 2)
    expected = _normalised(_norm(3), convolution.weights @ pixel + convolution.bias)
    found = folded.weights @ pixel + folded.bias
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_two_norms_in_a_row_fold_both() -> None:
    random = np.random.default_rng(1)
    dense = Dense(random.normal(size=(5, 3)), random.normal(size=3))
    z = random.normal(size=(7, 5))

    (folded,) = fold((dense, _norm(3, 0), _norm(3, 1)))

    assert isinstance(folded, Dense)
    expected = _normalised(_norm(3, 1), _normalised(_norm(3, 0), z @ dense.weights + dense.bias))
    np.testing.assert_allclose(z @ folded.weights + folded.bias, expected, rtol=1e-12, atol=1e-12)


def test_a_norm_behind_an_activation_becomes_affine() -> None:
    dense, norm = Dense(np.ones((5, 3)), np.zeros(3)), _norm(3)
    *before, last = fold((dense, Activation("relu"), norm))
    assert before == [dense, Activation("relu")]
    first, after = fold((_norm(5), dense))
    assert isinstance(first, Affine) and after == dense
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert isinstance(last, Affine)
    np.testing.assert_allclose(x * last.scale + last.shift, _normalised(norm, x), atol=1e-6)


def test_a_norm_does_not_change_what_others_read_too() -> None:
    dense, norm = Dense(np.ones((5, 3)), np.zeros(3)), _norm(3)
    nodes = (Node(dense, (Z,)), Node(norm, (0,)), Node(Add(), (0, 1)))
    kept = fold_network(Network(LATENT, nodes)).nodes
    assert [type(node.layer) for node in kept] == [Dense, Affine, Add]
    assert kept[0].layer == dense


def test_a_transposed_convolution_of_one_place_is_a_matrix() -> None:
    random = np.random.default_rng(1)
    kernel, bias = random.normal(size=(4, 3, 2, LATENT)), random.normal(size=2)
    z = random.normal(size=LATENT)
    for crop in (((0, 0), (0, 0)), ((1, 0), (0, 1)), ((-1, 0), (0, -2))):
        convolution = ConvTranspose(kernel, bias, (1, 1), crop)
        dense, reshape = fold((Reshape((1, 1, LATENT)), convolution))
        assert isinstance(dense, Dense) and isinstance(reshape, Reshape)
        (top, bottom), (left, right) = crop
        added = [(max(-top, 0), max(-bottom, 0)), (max(-left, 0), max(-right, 0)), (0, 0)]
        expected = np.pad(kernel @ z, added)[max(top, 0) :, max(left, 0) :]
        expected = expected[: reshape.shape[0], : reshape.shape[1]] + bias
        found = (z @ dense.weights + dense.bias).reshape(reshape.shape)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_fixed_label_is_a_constant() -> None:
    nodes = (Node(Concat(), (Z, LABEL)), Node(Dense(np.ones((7, 3)), np.zeros(3)), (0,)))
    fixed = fix_label(Network(LATENT, nodes, labels=2), 1)
    assert fixed.labels == 0 and fixed.shapes == ((2,), (7,), (3,))
    assert isinstance(fixed.nodes[0].layer, Constant)
    assert fixed.nodes[0].layer.value.tolist() == [0, 1]
    assert [node.inputs for node in fixed.nodes] == [(), (Z, 0), (1,)]


def test_folding_leaves_what_it_was_given_as_it_was() -> None:
    dense = Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))
    (folded,) = fold((dense, _norm(3)), latent=2)
    assert isinstance(folded, Dense)
    assert folded.weights.dtype == folded.bias.dtype == np.float32
    np.testing.assert_array_equal(dense.weights, np.ones((2, 3)))


def test_a_norm_behind_a_view_that_others_read_does_not_change_theirs() -> None:
    """The way back to the dense layer leads through a reshape that something else reads too."""
    nodes = (
        Node(Dense(np.ones((LATENT, 12)), np.zeros(12)), (Z,)),
        Node(Reshape((2, 2, 3)), (0,)),
        Node(Reshape((12,)), (1,)),
        Node(_norm(12), (2,)),
        Node(Reshape((2, 2, 3)), (3,)),
        Node(Add(), (1, 4)),
    )
    kept = fold_network(Network(LATENT, nodes)).nodes
    assert kept[0].layer == nodes[0].layer
    assert Affine in [type(node.layer) for node in kept]


def test_a_norm_of_more_channels_than_the_convolution_has_stays() -> None:
    convolution = same_conv_transpose(np.ones((3, 3, 1, 2)), np.zeros(1), 1)
    before = (Dense(np.ones((LATENT, 8)), np.zeros(8)), Reshape((2, 2, 2)), convolution)
    *kept, last = fold((*before, Reshape((4,)), _norm(4)))
    assert isinstance(last, Affine)
    assert kept[2] == convolution
