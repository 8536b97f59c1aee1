"""The loss is as in the paper, and the wall stands outside the bounds."""

import numpy as np
import tensorflow as tf

from ganinv_cli.problem import Problem


def _evaluate(generator, z, wall):
    """The loss at z (rows, latent) for targets of other z, the weight of the wall, and targets."""
    targets = generator(np.random.default_rng(0).uniform(-1, 1, z.shape))
    weight = tf.fill([len(z)], tf.constant(wall, tf.float64))
    return Problem(generator, targets, weight, tf.zeros_like(weight)).evaluate(z), targets


def test_the_loss_is_the_squared_error_summed_over_pixels(generator):
    z = tf.constant(np.random.default_rng(1).uniform(-1.5, 1.5, (3, generator.latent)))
    value, targets = _evaluate(generator, z, wall=0.0)
    expected = ((generator(z) - targets).numpy() ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(value.image_loss, expected, rtol=1e-12)


def test_the_wall_costs_its_weight_times_the_squared_distance_outside(generator):
    z = tf.constant([[0.3, -1.5, 1.2, 0, 0, 0]], tf.float64)
    value, _ = _evaluate(generator, z, wall=100.0)
    np.testing.assert_allclose(value.objective - value.image_loss, 100 * (0.25 + 0.04), rtol=1e-9)
