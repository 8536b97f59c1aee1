"""The wall stands outside the bounds."""

import numpy as np
import tensorflow as tf

from ganinv_cli.problem import Problem


def test_the_wall_costs_its_weight_times_the_squared_distance_outside(generator):
    z = tf.constant([[0.3, -1.5, 1.2, 0, 0, 0]], tf.float64)
    images = generator(tf.zeros_like(z))
    value, free = (
        Problem(generator, images, tf.fill([1], weight), tf.zeros(1, tf.float64)).evaluate(z)
        for weight in tf.constant([100.0, 0.0], tf.float64)
    )
    np.testing.assert_allclose(value.objective - value.image_loss, 100 * (0.25 + 0.04), rtol=1e-9)
    slope = value.gradient - free.gradient
    np.testing.assert_allclose(slope, [[0, -100, 40, 0, 0, 0]], atol=1e-9)
