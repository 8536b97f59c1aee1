"""J is the derivative of the generator, for the pixels that count."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.network.jacobian import compute_jacobian, compute_singular_values


@pytest.fixture(scope="module")
def z(generator):
    return np.random.default_rng(0).uniform(-1, 1, generator.latent)


@pytest.fixture(scope="module")
def jacobian(generator, z):
    """(height, width, channels, latent) by backward passes in float64."""
    at = tf.constant(z[None])
    with tf.GradientTape() as tape:
        tape.watch(at)
        images = generator(at)
    return tape.jacobian(images, at).numpy()[0, ..., 0, :]


def test_the_singular_values_are_those_of_the_backward_pass(generator, z, jacobian):
    found = compute_singular_values(generator, z)
    expected = np.linalg.svd(jacobian.reshape(-1, generator.latent), compute_uv=False)
    assert found.dtype == np.float64
    assert (np.diff(found) <= 0).all()
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_pixels_that_do_not_count_are_left_out(generator, z, jacobian):
    counted = np.zeros((*generator.image_shape[:2], 1), bool)
    counted[2:7, 5:12] = True
    found = compute_singular_values(generator, z, mask=counted)
    left = jacobian[2:7, 5:12].reshape(-1, generator.latent)
    np.testing.assert_allclose(found, np.linalg.svd(left, compute_uv=False), rtol=1e-9)


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-5), ("bfloat16", 0.1)]
)
def test_columns_are_those_of_the_backward_pass(generator, z, jacobian, precision, tolerance):
    found = compute_jacobian(generator, z, precision=precision)
    expected = jacobian.reshape(-1, generator.latent).T
    assert found.dtype == (np.float64 if precision == "float64" else np.float32)
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


def test_an_image_with_fewer_values_than_z_has_singular_values_of_0(generator, z):
    counted = np.zeros((*generator.image_shape[:2], 1), bool)
    counted[0, 0] = True  # three values for six components
    values = compute_singular_values(generator, z, mask=counted)
    assert (values[:3] > 0).all() and (values[3:] < 1e-12 * values[0]).all()
