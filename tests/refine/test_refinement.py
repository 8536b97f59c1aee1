"""Refine a z near the true one to the true z, in float64."""

import numpy as np
import pytest

from ganinv_cli.outcome import Outcome
from ganinv_cli.refine.refinement import (
    FLOAT64_COST,
    Point,
    Refinement,
    run_gauss_newton,
)
from ganinv_cli.statistics import EXACT_EPSILON

LATENT = 6


@pytest.fixture(scope="module")
def last_digits(generator):
    return Refinement(generator)


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
        assert polished.z.dtype == np.float64
        assert polished.outcome is Outcome.converged
        assert np.mean((polished.z - z) ** 2) < EXACT_EPSILON
        assert 3.5 + 0.5 * FLOAT64_COST < polished.gradients < 3.5 + 0.5 * FLOAT64_COST * 6
        assert last_digits(z, image, "none").gradients == 3.5 + 0.5 * FLOAT64_COST


def test_a_rule_with_bounds_keeps_z_inside(generator, last_digits):
    true, near = _trials()
    true[:, 0], near[:, 0] = 1, 1 + 1e-4
    true[:, 1], near[:, 1] = -1, -1 + 1e-4
    images = generator.render(true, len(true), "float64")
    for z, start, image in zip(true, near, images, strict=True):
        for rule in ("standard", "stochastic"):
            polished = last_digits(start, image, rule)
            assert polished.outcome is Outcome.converged
            assert np.mean((polished.z - z) ** 2) < EXACT_EPSILON
            assert np.abs(polished.z).max() <= 1
    elsewhere = generator.render(1.2 * true, len(true), "float64")
    assert last_digits(near[0], elsewhere[0], "stochastic").outcome is Outcome.stalled
    assert np.abs(last_digits(near[0], elsewhere[0], "none").z).max() > 1.1


def _bowl(z):
    return Point(z, float(z @ z), 2 * z)


def test_a_descent_stays_in_its_bounds_and_leaves_what_is_not_free():
    start, everything = np.array([3.0, 2.0]), np.ones(2, bool)
    end, looks = run_gauss_newton(_bowl(start), _bowl, np.eye(2), everything, steps=9, low=1.0)
    assert end.z.tolist() == [1, 1] and looks == 2
    held = np.array([True, False])
    end, _ = run_gauss_newton(_bowl(start), _bowl, np.eye(1), held, steps=9)
    assert end.z.tolist() == [0, 2]
