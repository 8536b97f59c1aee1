"""Folding a batch norm changes no picture."""

import numpy as np

from ganinv_cli.layers import Activation, BatchNorm, ConvTranspose, Dense, Reshape, fold


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
    convolution = ConvTranspose(random.normal(size=(5, 4, 3, 6)), random.normal(size=3), 2)
    pixel = random.normal(size=6)

    (folded,) = fold((convolution, _norm(3)))

    assert isinstance(folded, ConvTranspose) and folded.stride == 2
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


def test_a_norm_behind_an_activation_stays() -> None:
    dense = Dense(np.ones((2, 3)), np.zeros(3))
    norm = _norm(3)
    assert fold((dense, Activation("relu"), norm)) == (dense, Activation("relu"), norm)
    assert fold((norm, dense)) == (norm, dense)


def test_folding_leaves_what_it_was_given_as_it_was() -> None:
    dense = Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))
    (folded,) = fold((dense, _norm(3)))
    assert isinstance(folded, Dense)
    assert folded.weights.dtype == folded.bias.dtype == np.float32
    np.testing.assert_array_equal(dense.weights, np.ones((2, 3)))
