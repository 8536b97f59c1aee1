"""Low-precision rows are computed in bfloat16, others in float32, and all end in float32."""

import numpy as np
import pytest
import tensorflow as tf

from ganinv_cli.preconditioner import measure_preconditioner
from ganinv_cli.problem import Problem

ROWS = 11
LOW = np.arange(ROWS) % 3 == 0  # four rows, not a multiple of ROW_MULTIPLE


@pytest.fixture(scope="module")
def norms(generator):
    return measure_preconditioner(generator, 5)


@pytest.fixture(scope="module")
def z(generator):
    return tf.random.stateless_uniform([ROWS, generator.latent], [0, 0], -1.5, 1.5)


@pytest.fixture
def problem(generator, norms):
    targets = generator(tf.random.stateless_uniform([ROWS, generator.latent], [0, 1], -1, 1))
    residual = tf.constant(np.where(np.arange(ROWS) < 6, 0, 5), tf.float32)
    wall = tf.linspace(0.0, 100.0, ROWS)
    return Problem(generator, targets, wall, residual, preconditioner=norms, mixed_precision=True)


def test_low_precision_rows_equal_those_of_bfloat16(problem, z):
    mixed, fine = problem.evaluate(z, tf.constant(LOW)), problem.evaluate(z)
    images = problem.generator(z, tf.bfloat16)
    expected = tf.reduce_sum((images - problem.targets) ** 2, [1, 2, 3]).numpy()
    np.testing.assert_allclose(mixed.image_loss[LOW], expected[LOW], rtol=1e-3)
    away = abs(mixed.gradient - fine.gradient).numpy().max(1)[LOW]
    size = abs(fine.gradient).numpy().max(1)[LOW]
    assert (away > 1e-4 * size).all()
    assert (away < 0.1 * size).all()


def test_a_row_with_a_residual_may_not_be_low_precision(problem):
    assert problem.low_precision_allowed.numpy().tolist() == [True] * 6 + [False] * 5
