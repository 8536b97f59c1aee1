"""The metric is the mean JᵀJ of the generator, whatever else is going on."""

import builders
import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.generator import Generator
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers.metric import cost, inverse_root

POINTS = 5


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return Generator(builders.checkpoint(tmp_path_factory.mktemp("generator")))


def test_it_is_the_inverse_root_of_the_mean_gram_matrix(generator):
    numbers, zeros = tf.range(POINTS, dtype=tf.int64), tf.zeros(POINTS, tf.int64)
    z = generator.prior.quantile(uniform(0, numbers, Purpose.metric, zeros, generator.latent))
    with tf.GradientTape() as tape:
        tape.watch(z)
        images = tf.reshape(generator(z), [POINTS, -1])
    jacobian = tape.batch_jacobian(images, z).numpy().astype(float)
    mean = np.einsum("npi,npj->ij", jacobian, jacobian) / POINTS
    root = inverse_root(generator, POINTS).astype(float)
    whitened = root @ mean @ root
    scale = np.trace(whitened) / generator.latent
    np.testing.assert_allclose(whitened / scale, np.eye(generator.latent), atol=0.1)
    assert np.trace(root) / generator.latent == pytest.approx(1)


def test_it_is_the_same_each_time(generator):
    assert (inverse_root(generator, POINTS) == inverse_root(generator, POINTS)).all()


def test_it_costs_a_forward_pass_a_column():
    assert cost(latent=100, points=40) == 40 * 101 / 2
