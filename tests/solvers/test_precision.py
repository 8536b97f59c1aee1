"""Low-precision rows are computed in bfloat16, others in float32, and all end in float32."""

import numpy as np
import pytest
import tensorflow as tf
from small import (
    jobs_of,
    measure_z_error,
    solve_jobs,
)

from ganinv_cli.loop.batch import Batch
from ganinv_cli.outcome import Outcome
from ganinv_cli.preconditioner import measure_preconditioner
from ganinv_cli.problem import Problem
from ganinv_cli.solvers import make_solver

ROWS = 11
LOW = np.arange(ROWS) % 3 == 0  # four rows, not a multiple of ROW_MULTIPLE
JOBS = jobs_of(("none", "standard", "stochastic"), 4)


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


@pytest.fixture(
    scope="module",
    params=[{"memory": 10}, pytest.param({"memory": 10, "metric": 0}, marks=pytest.mark.slow)],
    ids=str,
)
def lbfgs(request):
    return make_solver("lbfgs", request.param)


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


@pytest.fixture
def endings(monkeypatch):
    """(outcome, low precision) of every row that ends, as in the loop."""
    seen = []
    real = Batch.advance

    def advance(self, slots, steps):
        after, told = real(self, slots, steps)
        ended = (slots.code.numpy() == 0) & (told.code > 0)
        seen.extend(
            zip(told.code[ended], after.solver_state.low_precision.numpy()[ended], strict=True)
        )
        return after, told

    monkeypatch.setattr(Batch, "advance", advance)
    return seen


def test_a_run_that_begins_in_bfloat16_ends_in_float32(generator, lbfgs, endings):
    done = solve_jobs(generator, lbfgs, JOBS, batch_size=12, mixed=True)
    assert len(endings) == len(JOBS)
    assert set(endings) == {(Outcome.converged, False)}
    for trial in done.values():
        assert measure_z_error(trial) < 1e-6
        assert trial.gradients == int(trial.gradients)
