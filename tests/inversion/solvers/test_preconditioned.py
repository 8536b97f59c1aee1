"""If the right z leaves no residual, the weighted loss is minimised instead of the image loss."""

import numpy as np
import pytest
import tensorflow as tf
from small import cast_to_float64

from ganinv_cli.inversion.objective.preconditioner import measure_preconditioner
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.precision import Precision

ROWS = 4
EXACT = [0.0] * ROWS
UNKNOWN = float("inf")


@pytest.fixture(scope="module")
def preconditioner(generator):
    return cast_to_float64(measure_preconditioner(generator, 20))


def _z(generator, seed):
    random = np.random.default_rng(seed)
    return tf.constant(random.uniform(-1.5, 1.5, (ROWS, generator.latent)))


def _problem(generator, preconditioner, residual=EXACT):
    """Of the images of `_z(generator, 0)`."""
    targets = generator(_z(generator, 0))
    residual = tf.constant(residual, tf.float64)
    return Problem(generator, targets, residual, preconditioner=preconditioner)


def _leaving(problem, z, residuals):
    """The problem with images that have these residuals (batch, pixels) at z."""
    images = problem.generator(z)
    return problem._replace(targets=images - tf.reshape(residuals, images.shape))


def _same_bits(one, other):
    return all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(one, other, strict=True))


def test_a_residual_counts_by_its_weight_along_the_basis_and_whole_across(
    generator, preconditioner
):
    problem, z = _problem(generator, preconditioner), _z(generator, 1)
    basis, weights = preconditioner.basis.numpy(), 1 - preconditioner.excess.numpy()
    for direction in (0, 7, basis.shape[1] - 1):
        residuals = np.tile(basis[:, direction], (ROWS, 1))
        value = _leaving(problem, z, residuals).evaluate(z)
        np.testing.assert_allclose(value.objective, weights[direction], rtol=1e-4)
    residuals = np.random.default_rng(0).normal(size=(ROWS, len(basis)))
    residuals -= residuals @ np.linalg.pinv(basis).T @ basis.T
    value = _leaving(problem, z, residuals).evaluate(z)
    np.testing.assert_allclose(value.objective, (residuals**2).sum(1), rtol=1e-9)


@pytest.mark.parametrize("is_weighted", [True, False])
def test_the_gradient_is_that_of_the_objective(generator, preconditioner, is_weighted):
    weights = preconditioner if is_weighted else None
    problem, z = _problem(generator, weights), _z(generator, 1)
    gradient = problem.evaluate(z).gradient.numpy()
    for component, step in enumerate(1e-6 * np.eye(generator.latent)):
        above, below = (problem.evaluate(z + sign * step).objective for sign in (1, -1))
        slope = (above - below).numpy() / 2e-6
        np.testing.assert_allclose(gradient[:, component], slope, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("residual", [5.0, UNKNOWN])
def test_a_row_with_a_residual_has_the_image_loss_to_the_bit(generator, preconditioner, residual):
    problem = _problem(generator, preconditioner, [residual] * ROWS)
    z = _z(generator, 1)
    weighted, plain = problem.evaluate(z), problem._replace(preconditioner=None).evaluate(z)
    assert _same_bits(weighted[:3], plain[:3])
    np.testing.assert_allclose(
        weighted.bound * preconditioner.plain.least_eigenvalue * generator.latent, plain.bound
    )


@pytest.mark.bfloat16
def test_low_precision_rows_equal_those_of_bfloat16(generator):
    rows = 11
    low = np.arange(rows) % 3 == 0  # four rows, not a multiple of ROW_MULTIPLE
    z, true = (tf.random.stateless_uniform([rows, generator.latent], [0, n], -1, 1) for n in (0, 1))
    residual = tf.constant(np.where(np.arange(rows) < 6, 0, 5), tf.float32)
    problem = Problem(
        *(generator, generator(true), residual),
        preconditioner=measure_preconditioner(generator, 5),
        precision=Precision.mixed,
    )
    mixed, fine = problem.evaluate(z, tf.constant(low)), problem.evaluate(z)
    expected = tf.reduce_sum((generator(z, tf.bfloat16) - problem.targets) ** 2, [1, 2, 3])
    np.testing.assert_allclose(mixed.image_loss[low], expected[low], rtol=1e-3)
    away, size = abs(mixed.gradient - fine.gradient), abs(fine.gradient)
    share = away.numpy().max(1)[low] / size.numpy().max(1)[low]
    assert (share > 1e-4).all() and (share < 0.1).all()
    assert problem.low_precision_allowed.numpy().tolist() == [True] * 6 + [False] * 5
