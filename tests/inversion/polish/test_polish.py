"""Gauss–Newton reaches float64 accuracy, of a z near the true one and of a minimum."""

import builders
import numpy as np
import pytest
from small import make_limits, noisy_targets, solve_jobs

from ganinv_cli.generators.network.layers import Activation, Dense, Reshape
from ganinv_cli.inversion.objective.problem import Objective
from ganinv_cli.inversion.polish.gauss_newton import FLOAT64_COST, GaussNewton
from ganinv_cli.inversion.polish.minimum import MinimumTest
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome
from ganinv_cli.results.statistics import POLISHED_EPSILON

LATENT = 6


@pytest.fixture(scope="module")
def polisher(generator):
    return MinimumTest().compile_for(generator)


@pytest.fixture(scope="module")
def minima(generator):
    """The ends of the solver for noisy images, which are outside the generator's range."""
    end, objective = make_limits(restarts=0, budget=20_000), Objective(stationary=1e-6)
    jobs = [Job(trial) for trial in range(6)]
    supply = noisy_targets(generator, 1.0, residual=float("inf"))
    solver = make_solver("lbfgs", {"memory": 10})
    done = solve_jobs(generator, solver, jobs, objective=objective, end=end, supply=supply)
    return done.values()


def _random_z(seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, LATENT)


def _shapes(kinked, wrong_side=False):
    """z -> (|z₁|, …, |zₙ|, the rest of z) with n kinks, and an image outside its range.

    The loss is least if the first n components are 0, the others .3, and the last at its bound 1.
    On the wrong side of the image, the loss at 0 is a maximum instead of a minimum.
    """
    identity = np.eye(LATENT, dtype=np.float32)
    back = np.where(np.arange(LATENT) < kinked, 1, -1)[:, None] * identity
    layers = (
        Dense(np.hstack([identity, -identity]), np.zeros(2 * LATENT, np.float32)),
        Activation("relu"),
        Dense(np.vstack([identity, back]), np.zeros(LATENT, np.float32)),
        Reshape((1, LATENT, 1)),
    )
    target = np.array([0.3] * (LATENT - 1) + [2.0])
    target[:kinked] = 0.5 if wrong_side else -0.5
    z = np.array([0.0] * kinked + [0.3] * (LATENT - 1 - kinked) + [1.0])
    return builders.build_generator(*layers), target.reshape(1, LATENT, 1), z


@pytest.mark.parametrize("rule", ["none", "standard", "stochastic"])
def test_a_z_near_that_of_an_image_is_found_to_the_last_digit(generator, polisher, rule):
    true = _random_z(1)
    image = generator.render(true[None], 1, "float64")[0]
    near = true + 1e-3 * np.random.default_rng(2).normal(size=LATENT)
    polished = polisher(near.astype(np.float32), image, rule)
    assert polished.image_loss < 1e-18
    assert np.isnan(polished.steepness)  # an explained image is not tested
    assert polished.outcome is Outcome.converged
    np.testing.assert_allclose(polished.z_found, true, atol=1e-9)
    assert polished.z_found.dtype == np.float64


def test_where_the_solver_stopped_is_a_minimum_and_a_random_z_is_none(generator, polisher, minima):
    """With 12 gradients a minimum may be missed, but a point on a slope is never accepted."""
    nowhere = MinimumTest(steps=0).compile_for(generator)
    found_minima = 0
    for trial in minima:
        assert trial.outcome is Outcome.converged
        found = polisher(trial.best.z, trial.target.image, "none")
        assert found.steepness < 0.5
        assert (found.outcome is Outcome.converged) == (found.steepness <= 0.1)
        assert found.image_loss == pytest.approx(trial.best.image_loss, rel=1e-4)
        found_minima += found.outcome is Outcome.converged
        other = nowhere(_random_z(), trial.target.image, "none")
        assert other.outcome is Outcome.stalled
        assert other.steepness > 0.9
    assert found_minima >= 4


@pytest.mark.parametrize("kinked", [0, 3, LATENT - 1])
def test_a_minimum_in_kinks_is_one_though_no_gradient_vanishes(kinked):
    generator, target, z = _shapes(kinked)
    off = np.array([1e-3] * (LATENT - 1) + [0])
    unmoved = MinimumTest(steps=0).compile_for(generator)
    polished = unmoved(z + off, target, "standard")
    assert polished.outcome is Outcome.converged
    assert polished.steepness < 0.01
    slope = z.copy()
    slope[0] = 0.6
    polished = unmoved(slope, target, "standard")
    assert polished.outcome is Outcome.stalled
    assert polished.steepness > 0.5


@pytest.mark.parametrize(("rule", "end"), [("none", 2), ("standard", 1), ("stochastic", 1)])
def test_z_ends_inside_under_a_rule_with_bounds_alone(rule, end):
    generator, target, z = _shapes(0)
    z[-1] = 1.5  # the image wants 2
    polished = MinimumTest().compile_for(generator)(z, target, rule)
    assert polished.z_found[-1] == pytest.approx(end)
    assert polished.outcome is Outcome.converged


def test_z_that_is_no_number_is_said_to_be_none(generator, polisher):
    image = generator.render(_random_z()[None], 1)[0]
    for bad in (np.nan, np.inf):
        z = _random_z()
        z[2] = bad
        polished = polisher(z, image, "none")
        assert polished.outcome is Outcome.non_finite
        assert np.isnan(polished.image_loss)


@pytest.fixture(scope="module")
def last_digits(generator):
    return GaussNewton(generator).polish_exactly


def _trials(count=8):
    """True z, and z as near as float32 solvers end."""
    random = np.random.default_rng(0)
    true = random.uniform(-0.9, 0.9, (count, LATENT)).astype(np.float32)
    return true, (true + 1e-4 * random.standard_normal(true.shape)).astype(np.float32)


def test_every_digit_is_found(generator, last_digits):
    true, near = _trials()
    images = generator.render(true, len(true), "float64")
    for z, start, image in zip(true, near, images, strict=True):
        polished = last_digits(start, image, "stochastic")
        assert polished.z_found.dtype == np.float64
        assert polished.outcome is Outcome.converged
        assert np.mean((polished.z_found - z) ** 2) < POLISHED_EPSILON
        assert 3.5 + FLOAT64_COST < polished.gradients < 3.5 + FLOAT64_COST * 6
        assert last_digits(z, image, "none").gradients == 3.5 + FLOAT64_COST


def test_a_rule_with_bounds_keeps_z_inside(generator, last_digits):
    true, near = _trials()
    true[:, 0], near[:, 0] = 1, 1 + 1e-4
    true[:, 1], near[:, 1] = -1, -1 + 1e-4
    images = generator.render(true, len(true), "float64")
    for z, start, image in zip(true, near, images, strict=True):
        for rule in ("standard", "stochastic"):
            polished = last_digits(start, image, rule)
            assert polished.outcome is Outcome.converged
            assert np.mean((polished.z_found - z) ** 2) < POLISHED_EPSILON
            assert np.abs(polished.z_found).max() <= 1
    elsewhere = generator.render(1.2 * true, len(true), "float64")
    assert last_digits(near[0], elsewhere[0], "stochastic").outcome is Outcome.stalled
    assert np.abs(last_digits(near[0], elsewhere[0], "none").z_found).max() > 1.1
