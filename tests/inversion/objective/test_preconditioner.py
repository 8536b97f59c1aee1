"""The preconditioner is computed from the generator's mean J, in all circumstances."""

import numpy as np
import pytest
import tensorflow as tf
from small import cast_to_float64

from ganinv_cli.inversion.objective import jacobian, preconditioner
from ganinv_cli.inversion.objective.jacobian import limit_points
from ganinv_cli.inversion.objective.preconditioner import (
    count_gradients,
    find_preconditioner,
    measure_preconditioner,
)
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.randomness import Purpose, uniform
from ganinv_cli.precision import Precision

POINTS = 5


@pytest.fixture(scope="module")
def jacobians(generator):
    """J (points, pixels, latent) at the same z, in float64, by automatic differentiation."""
    numbers, zeros = tf.range(POINTS, dtype=tf.int64), tf.zeros(POINTS, tf.int64)
    z = generator.prior.quantile(
        uniform(0, numbers, Purpose.preconditioner, zeros, generator.latent)
    )
    z = tf.cast(z, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        images = tf.reshape(generator(z), [POINTS, -1])
    return tape.batch_jacobian(images, z).numpy()


def _inverse(generator, residual, objective):
    """H₀ (latent, latent) of one row."""
    row = tf.constant([residual], tf.float64)
    in_float64 = cast_to_float64(measure_preconditioner(generator, POINTS))
    problem = Problem(generator, None, row, preconditioner=in_float64)
    return problem.inverse_hessian(tf.constant([objective], tf.float64)).numpy()[0]


def _grams(generator, jacobians):
    """JᵀJ and JᵀWJ, both (points, latent, latent)."""
    found = measure_preconditioner(generator, POINTS)
    plain = np.einsum("npi,npj->nij", jacobians, jacobians)
    along = np.einsum("npi,pk->nki", jacobians, found.basis.numpy().astype(float))
    return plain, plain - np.einsum("nki,k,nkj->nij", along, found.excess.numpy(), along)


def _up_to_a_factor(found, expected, atol):
    scale = np.trace(expected) / np.trace(found)
    np.testing.assert_allclose(scale * found, expected, atol=atol * abs(expected).max())


def test_where_z_leaves_a_residual_it_is_the_inverse_root_of_the_mean_gram_matrix(
    generator, jacobians
):
    plain, _ = _grams(generator, jacobians)
    inverse = _inverse(generator, 1.0, 0.0)
    whitened = inverse @ plain.mean(0) @ inverse
    _up_to_a_factor(whitened, np.eye(generator.latent), 0.1)


@pytest.mark.parametrize("objective", [0.0, 100.0])
def test_where_z_leaves_nothing_it_is_the_inverse_hessian_of_the_damped_weighted_loss(
    generator, jacobians, objective
):
    _, weighted = _grams(generator, jacobians)
    hessian = 2 * (weighted.mean(0) + preconditioner.DAMPING * objective * np.eye(generator.latent))
    product = _inverse(generator, 0.0, objective) @ hessian
    np.testing.assert_allclose(product, np.eye(generator.latent), atol=0.02)


def test_the_least_eigenvalue_is_that_of_any_measured_z(generator, jacobians):
    found = measure_preconditioner(generator, POINTS)
    for norm, grams in zip(
        (found.plain, found.preconditioned), _grams(generator, jacobians), strict=True
    ):
        assert norm.least_eigenvalue == pytest.approx(np.linalg.eigvalsh(grams).min(), rel=0.05)


def test_the_weights_of_the_image_make_its_stiff_directions_level(generator, jacobians):
    """wᵢ = (λₖ / λᵢ)^power for the eigenvalues λ of the mean JJᵀ, orthonormal eigenvectors."""
    found = measure_preconditioner(generator, POINTS)
    basis, weights = found.basis.numpy(), 1 - found.excess.numpy()
    np.testing.assert_allclose(basis.T @ basis, np.eye(len(weights)), atol=1e-5)
    assert (weights > 0).all() and (weights <= 1).all()
    assert (np.diff(weights) >= 0).all()  # the stiffest first
    flat = jacobians.transpose(0, 2, 1).reshape(-1, jacobians.shape[1])
    values = np.linalg.svd(flat, compute_uv=False)[: len(weights)] ** 2
    np.testing.assert_allclose(weights, (values[-1] / values) ** preconditioner.POWER, rtol=0.05)


@pytest.mark.bfloat16
def test_a_jacobian_in_bfloat16_is_near_enough(generator):
    full, low = (
        measure_preconditioner(generator, POINTS, dtype=precision.low) for precision in Precision
    )
    for one, other in ((full.plain, low.plain), (full.preconditioned, low.preconditioned)):
        np.testing.assert_allclose(one.spectrum, other.spectrum, rtol=0.05)
        assert 0 < abs(one.least_eigenvalue - other.least_eigenvalue) < 0.1 * one.least_eigenvalue


def _bytes(found):
    return [np.asarray(leaf).tobytes() for leaf in tf.nest.flatten(found)]


def test_a_generator_that_is_too_large_for_memory_is_measured_at_fewer_points(
    generator, monkeypatch
):
    at_two = measure_preconditioner(generator, 2)
    numbers = generator.latent * int(np.prod(generator.image_shape))
    for fits, points in ((100 * numbers, POINTS), (2.9 * numbers, 2), (0.1 * numbers, 1)):
        monkeypatch.setattr(jacobian, "MAX_JACOBIAN_VALUES", int(fits))
        assert limit_points(generator, POINTS) == points
        assert count_gradients(generator, POINTS) == points * (generator.latent + 1) / 2
        assert (_bytes(measure_preconditioner(generator, POINTS)) == _bytes(at_two)) == (
            points == 2
        )


@pytest.mark.bfloat16
def test_each_way_to_measure_is_kept_apart_and_bit_for_bit(generator, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GANINV_NO_CACHE", raising=False)
    ways = [
        {"points": POINTS},
        {"points": POINTS + 1},
        {"points": POINTS, "preconditioned": False},
        {"points": POINTS, "dtype": Precision.mixed.low},
    ]
    measured = [find_preconditioner(generator, **way) for way in ways]
    with monkeypatch.context() as patch:
        patch.setattr(preconditioner, "measure_preconditioner", None)  # cannot be called
        kept = [find_preconditioner(generator, **way) for way in ways]
    assert [*map(_bytes, kept)] == [*map(_bytes, measured)]
    kinds = [[type(leaf) for leaf in tf.nest.flatten(each)] for each in (measured, kept)]
    assert kinds[0] == kinds[1]
    assert len({b"".join(_bytes(each)) for each in measured}) == len(ways)
    monkeypatch.setattr(preconditioner, "VERSION", 0)
    find_preconditioner(generator, POINTS)
    assert len([*tmp_path.rglob("*.npz")]) == len(ways) + 1
