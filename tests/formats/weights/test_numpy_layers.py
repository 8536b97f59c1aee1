"""Layers in NumPy compute what TensorFlow computes."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.formats.weights.inference.numpy_layers import apply_convolution, apply_layer
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.execute import build_layer
from ganinv_cli.network.layers import ACTIVATIONS, Layer, same_crop

RANDOM = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


CONVOLUTIONS: list[kinds.Conv | kinds.ConvTranspose] = [
    kinds.Conv(normal(3, 3, 4, 5), normal(5), (1, 1), ((1, 1), (1, 1))),
    kinds.Conv(normal(4, 2, 4, 5), normal(5), (2, 1), ((1, 2), (0, 1))),
    kinds.ConvTranspose(normal(4, 4, 5, 4), normal(5), (2, 2), ((1, 1), (1, 1))),
    kinds.ConvTranspose(normal(5, 5, 5, 4), normal(5), (2, 2), same_crop((5, 5), (2, 2))),
    kinds.ConvTranspose(normal(3, 3, 5, 4), normal(5), (1, 1), ((0, 0), (0, 0))),
    kinds.ConvTranspose(normal(1, 1, 5, 4), normal(5), (2, 2), ((0, -1), (0, -1))),
]
OTHERS: list[Layer] = [
    kinds.Upsample((2, 2)),
    kinds.Upsample((2, 3), "bilinear"),
    kinds.Dense(normal(4, 6), normal(6)),
    kinds.Reshape((180,)),
    *(
        kinds.Activation(name, 0.3 if name in ("leaky_relu", "elu") else None)
        for name in ACTIVATIONS
    ),
]


@pytest.mark.parametrize("layer", [*CONVOLUTIONS, *OTHERS], ids=lambda layer: type(layer).__name__)
def test_a_layer_is_tensorflows(layer: Layer) -> None:
    x = normal(2, 5, 9, 4)
    expected = build_layer(layer, tf.float32).apply(tf.constant(x)).numpy()
    np.testing.assert_allclose(apply_layer(layer, x), expected, atol=2e-5)


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=lambda layer: type(layer).__name__)
def test_some_rows_of_a_convolution_are_those_of_all(
    layer: kinds.Conv | kinds.ConvTranspose,
) -> None:
    x = normal(2, 5, 9, 4)
    whole = apply_layer(layer, x)
    rows = np.arange(1, whole.shape[1], 2)
    np.testing.assert_allclose(apply_convolution(layer, x, rows), whole[:, rows], atol=1e-5)


def test_a_norm_uses_its_stored_statistics() -> None:
    norm = kinds.BatchNorm(normal(4), normal(4), normal(4), np.full(4, 2, np.float32), 0.5)
    x = normal(2, 5, 9, 4)
    expected = (x - norm.mean) / np.sqrt(2.5) * norm.gamma + norm.beta
    np.testing.assert_allclose(apply_layer(norm, x), expected, atol=1e-5)
