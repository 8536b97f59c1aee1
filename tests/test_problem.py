"""The loss is as in the paper, and rows are independent."""

import numpy as np
import tensorflow as tf

from ganinv_cli.problem import Problem


def _problem(generator, rows=3, wall=0.0, seed=0, mask=None):
    random = np.random.default_rng(seed)
    targets = generator(tf.constant(random.uniform(-1, 1, (rows, generator.latent))))
    z = tf.constant(random.uniform(-1.5, 1.5, (rows, generator.latent)))
    weight = tf.fill([rows], tf.constant(wall, tf.float64))
    nothing = tf.zeros_like(weight)
    return Problem(generator, targets, weight, nothing, mask=mask), z


def test_the_loss_is_the_squared_error_summed_over_pixels(generator):
    problem, z = _problem(generator)
    expected = ((generator(z) - problem.targets).numpy() ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(problem.evaluate(z).image_loss, expected, rtol=1e-12)


def test_the_wall_costs_its_weight_times_the_squared_distance_outside(generator):
    problem, _ = _problem(generator, rows=1, wall=100.0)
    z = tf.constant([[0.3, -1.5, 1.2, 0, 0, 0]], tf.float64)
    value = problem.evaluate(z)
    np.testing.assert_allclose(value.objective - value.image_loss, 100 * (0.25 + 0.04), rtol=1e-9)


def test_a_row_does_not_see_its_neighbours(generator):
    problem, z = _problem(generator)
    second = [field[1:2] for field in (problem.targets, problem.penalty, problem.residual)]
    alone = Problem(generator, *second).evaluate(z[1:2])
    together = problem.evaluate(z)
    for whole, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(whole[1:2], one, rtol=1e-12)


def test_pixels_that_do_not_count_are_left_out(generator):
    counted = np.zeros((*generator.image_shape[:2], 1))
    counted[3:9, 2:11] = 1
    problem, z = _problem(generator, mask=tf.constant(counted))
    value = problem.evaluate(z)
    cut = ((generator(z) - problem.targets).numpy()[:, 3:9, 2:11] ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(value.image_loss, cut, rtol=1e-12)
    other = problem._replace(targets=problem.targets * counted + 0.7 * (1 - counted))
    for before, after in zip(value, other.evaluate(z), strict=True):
        assert before.numpy().tobytes() == after.numpy().tobytes()
