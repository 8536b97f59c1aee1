"""J is the derivative of the generator, for the pixels that count."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.generators.network.generator import compute_singular_values


@pytest.fixture(scope="module")
def z(generator):
    return np.random.default_rng(0).uniform(-1, 1, generator.latent)


def test_the_singular_values_are_those_of_the_backward_pass_for_pixels_that_count(generator, z):
    counted = np.zeros((*generator.image_shape[:2], 1), bool)
    counted[2:7, 5:12] = True
    found = compute_singular_values(generator, z, mask=counted)
    at = tf.constant(z[None])
    with tf.GradientTape() as tape:
        tape.watch(at)
        images = generator(at)[:, 2:7, 5:12]
    left = tf.reshape(tape.jacobian(images, at), [-1, generator.latent])
    np.testing.assert_allclose(found, np.linalg.svd(left, compute_uv=False), rtol=1e-9)


def test_an_image_with_fewer_values_than_z_has_singular_values_of_0(generator, z):
    counted = np.zeros((*generator.image_shape[:2], 1), bool)
    counted[0, 0] = True  # three values for six components
    values = compute_singular_values(generator, z, mask=counted)
    assert (values[:3] > 0).all() and (values[3:] < 1e-12 * values[0]).all()


def test_the_values_that_a_mask_counts_are_of_all_channels(generator):
    whole = np.ones((*generator.image_shape[:2], 1))
    assert generator.count_values(whole) == generator.count_values() > whole.size
