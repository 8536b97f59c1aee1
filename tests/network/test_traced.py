"""A traced generator makes the pictures of the same layers, in float32 alone."""

import pickle

import builders
import conditional
import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.network.jacobian import compute_jacobian, compute_singular_values
from ganinv_cli.network.make_generator import make_generator

LATENT = 6


@pytest.fixture(scope="module")
def layered(tmp_path_factory):
    return make_generator(builders.make_checkpoint(tmp_path_factory.mktemp("g")))


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    checkpoint = builders.make_checkpoint(tmp_path_factory.mktemp("g"))
    return make_generator(pickle.loads(pickle.dumps(builders.trace_layers(checkpoint))))


@pytest.fixture
def z():
    return np.random.default_rng(1).uniform(-1, 1, (5, LATENT)).astype(np.float32)


def test_pictures_and_derivatives_are_those_of_the_layers(layered, traced, z):
    np.testing.assert_allclose(traced(z), layered(z), atol=1e-6)
    np.testing.assert_allclose(traced.render(z, 2), layered.render(z, 2), atol=1e-6)
    expected = compute_jacobian(layered, z[0])
    found = compute_jacobian(traced, z[0])
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    values = compute_singular_values(traced, z[0])
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, compute_singular_values(layered, z[0]), rtol=1e-5)


def test_labels_are_given_or_fixed():
    checkpoint = conditional.make_conditional_checkpoint()
    layered, traced = (
        make_generator(each) for each in (checkpoint, builders.trace_layers(checkpoint))
    )
    random = np.random.default_rng(0)
    z = random.uniform(-1, 1, (6, LATENT)).astype(np.float32)
    labels = tf.constant([0, 1, 2, 2, 1, 0])
    np.testing.assert_allclose(traced(z, labels=labels), layered(z, labels=labels), atol=1e-6)
    for label in range(3):
        fixed = make_generator(builders.trace_layers(checkpoint), label=label)
        assert fixed.labels == 0
        expected = layered(z, labels=tf.fill([6], label))
        np.testing.assert_allclose(fixed(z), expected, atol=1e-6)
        np.testing.assert_allclose(
            compute_jacobian(traced, z[0], label), compute_jacobian(fixed, z[0]), atol=1e-6
        )


@pytest.mark.parametrize("dtype", [tf.float64, tf.bfloat16])
def test_other_precisions_are_refused_not_rounded(traced, z, dtype):
    assert traced.precisions == ("float32",)
    assert traced.highest_precision == "float32"
    with pytest.raises(TypeError, match=f"in float32, not in {dtype.name}"):
        traced(tf.cast(z, dtype))
    with pytest.raises(TypeError, match=f"in float32, not in {dtype.name}"):
        traced(z, precision=dtype)
    with pytest.raises(TypeError, match=f"in float32, not in {dtype.name}"):
        traced.jvp(tf.constant(z[:1]), tf.cast(z, dtype))


def test_directions_that_do_not_move_the_picture_have_no_singular_value():
    """Values within rounding are 0, so rounding does not increase the rank."""
    random = np.random.default_rng(2)
    first = random.normal(size=(100, 80)) @ random.normal(size=(80, 1024)) / 30
    kernel = (random.normal(size=(5, 5, 3, 64)) / 20).astype(np.float32)

    def draw(z: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(tf.nn.relu(z @ tf.constant(first, tf.float32)), (-1, 4, 4, 64))
        return tf.tanh(tf.nn.conv2d_transpose(x, kernel, (tf.shape(x)[0], 8, 8, 3), 2))

    z_input = builders.FunctionInput("z", tf.float32, (None, 100))
    generator = make_generator(builders.trace_checkpoint(draw, z_input))
    values = compute_singular_values(generator, random.uniform(-1, 1, 100))
    assert np.count_nonzero(values) == 80
    assert values[79] > 1e-4 * values[0]
