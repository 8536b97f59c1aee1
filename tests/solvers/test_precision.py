"""Low-precision rows are computed in bfloat16, others in float32, and all end in float32."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from small import (
    clean_targets,
    jobs_of,
    make_limits,
    measure_z_error,
    noisy_targets,
    solve_jobs,
)

from ganinv_cli import problem as module
from ganinv_cli.loop.batch import Batch
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.preconditioner import measure_preconditioner
from ganinv_cli.problem import Problem
from ganinv_cli.solvers import make_solver

ROWS = 11
LOW = np.arange(ROWS) % 3 == 0  # four rows, not a multiple of ROW_MULTIPLE
JOBS = jobs_of(("none", "standard", "stochastic"), 4)


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return make_generator(builders.make_checkpoint(tmp_path_factory.mktemp("easy")))


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


def test_the_others_are_as_without_any_low_precision_row(problem, z):
    mixed, alone = problem.evaluate(z, tf.constant(LOW)), problem.evaluate(z)
    for found, expected in zip(mixed, alone, strict=True):
        np.testing.assert_allclose(found[~LOW], expected[~LOW], rtol=1e-4, atol=1e-4)


def test_low_precision_rows_equal_those_of_bfloat16(problem, z):
    mixed, fine = problem.evaluate(z, tf.constant(LOW)), problem.evaluate(z)
    images = problem.generator(z, tf.bfloat16)
    expected = tf.reduce_sum((images - problem.targets) ** 2, [1, 2, 3]).numpy()
    np.testing.assert_allclose(mixed.image_loss[LOW], expected[LOW], rtol=1e-3)
    away = abs(mixed.gradient - fine.gradient).numpy().max(1)[LOW]
    size = abs(fine.gradient).numpy().max(1)[LOW]
    assert (away > 1e-4 * size).all()
    assert (away < 0.1 * size).all()


def test_all_precision_is_full_if_the_problem_is_not_mixed(problem, z):
    plain = problem._replace(mixed_precision=False)
    assert not plain.low_precision_allowed.numpy().any()
    for found, expected in zip(plain.evaluate(z, tf.constant(LOW)), plain.evaluate(z), strict=True):
        assert found.numpy().tobytes() == expected.numpy().tobytes()


def test_a_row_with_a_residual_may_not_be_low_precision(problem):
    assert problem.low_precision_allowed.numpy().tolist() == [True] * 6 + [False] * 5


@pytest.mark.parametrize("count", [0, 1, 8, ROWS])
def test_what_a_part_is_padded_with_changes_nothing(problem, z, monkeypatch, count):
    low = tf.range(ROWS) < count
    padded = problem.evaluate(z, low)
    monkeypatch.setattr(module, "ROW_MULTIPLE", 1)
    for found, expected in zip(padded, problem.evaluate(z, low), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


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


def test_only_a_mixed_run_begins_in_bfloat16(generator, lbfgs, endings):
    short = make_limits(budget=2, restarts=0)
    solve_jobs(generator, lbfgs, JOBS[:4], end=short, mixed=True)
    solve_jobs(generator, lbfgs, JOBS[:4], end=short, mixed=False)
    assert endings == [(Outcome.budget, True)] * 4 + [(Outcome.budget, False)] * 4


def test_where_z_leaves_a_residual_mixed_changes_nothing_but_rounding(generator, lbfgs, endings):
    supply = noisy_targets(generator, 0.01, 10.0)
    one, other = (
        solve_jobs(generator, lbfgs, JOBS, end=make_limits(restarts=0), supply=supply, mixed=mixed)
        for mixed in (True, False)
    )
    assert set(endings) == {(Outcome.converged, False)}
    for job in one:
        np.testing.assert_allclose(one[job].best.z, other[job].best.z, atol=1e-2)
        np.testing.assert_allclose(one[job].best.image_loss, other[job].best.image_loss, rtol=1e-3)


@pytest.mark.parametrize("tolerance", [1e-8, 1e-2])
def test_what_has_converged_was_measured_in_float32(generator, lbfgs, tolerance):
    """Even if bfloat16 is precise enough to reach the tolerance."""
    end = make_limits(tolerance=tolerance, restarts=0)
    for trial in solve_jobs(generator, lbfgs, JOBS, end=end, batch_size=12, mixed=True).values():
        assert trial.outcome is Outcome.converged
        image = generator(tf.constant(trial.best.z[None])).numpy()[0]
        expected = ((image - trial.target) ** 2).sum()
        np.testing.assert_allclose(trial.best.image_loss, expected, rtol=1e-2, atol=1e-9)


def test_a_loss_that_bfloat16_cannot_reach_keeps_no_row_in_bfloat16(generator, endings):
    """A generator of many pixels rounds to more than `fine`."""
    lbfgs = make_solver("lbfgs", {"memory": 10, "fine": 1e-12})
    done = solve_jobs(
        generator, lbfgs, JOBS, end=make_limits(restarts=0), batch_size=12, mixed=True
    )
    assert set(endings) == {(Outcome.converged, False)}
    assert max(measure_z_error(trial) for trial in done.values()) < 1e-6


def test_an_image_that_is_no_number_ends_its_own_trial_only(generator, lbfgs):
    supply = clean_targets(generator, spoil=(1,))
    done = solve_jobs(
        generator, lbfgs, JOBS, end=make_limits(restarts=1), supply=supply, mixed=True
    )
    for job, trial in done.items():
        assert trial.outcome is (Outcome.non_finite if job.trial == 1 else Outcome.converged)
