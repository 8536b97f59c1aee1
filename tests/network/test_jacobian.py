"""J is that of the generator, of the pixels that count."""

import builders
import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import singular_values


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return Generator(builders.make_checkpoint(tmp_path_factory.mktemp("generator")))


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
    found = singular_values(generator, z)
    expected = np.linalg.svd(jacobian.reshape(-1, generator.latent), compute_uv=False)
    assert found.dtype == np.float64
    assert (np.diff(found) <= 0).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_pixels_that_do_not_count_are_left_out(generator, z, jacobian):
    counted = np.zeros((*generator.image_shape[:2], 1), bool)
    counted[2:7, 5:12] = True
    found = singular_values(generator, z, counted)
    left = jacobian[2:7, 5:12].reshape(-1, generator.latent)
    np.testing.assert_allclose(found, np.linalg.svd(left, compute_uv=False), rtol=1e-5)


def test_float32_z_is_taken_as_it_is(generator, z):
    rounded = z.astype(np.float32)
    assert (
        singular_values(generator, rounded) == singular_values(generator, rounded.astype(float))
    ).all()
