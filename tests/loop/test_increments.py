"""Increments have the most efficient length, and no result depends on it."""

import builders
import numpy as np
import pytest
import tensorflow as tf
from ganinv_cli.loop.increments import INCREMENT_SECONDS, IncrementControl
from small import make_limits, solve_jobs

from ganinv_cli.jobs import Job
from ganinv_cli.loop import increments
from ganinv_cli.loop.batch import Batch
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.solvers import make_solver
from ganinv_cli.solvers.gd import GradientDescent

GD = make_solver("gd", {"learning_rate": 2e-3})
JOBS = [Job(trial, rule) for trial in range(3) for rule in ("none", "standard", "stochastic")]
FAR = 1e6  # gradients


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return make_generator(builders.make_checkpoint(tmp_path_factory.mktemp("small")))


@pytest.fixture
def steps(monkeypatch):
    """The steps of each increment that was asked for."""
    asked = []
    real = Batch.advance

    def advance(self, batch_state, steps):
        asked.append(steps)
        return real(self, batch_state, steps)

    monkeypatch.setattr(Batch, "advance", advance)
    return asked


def test_an_increment_grows_until_it_takes_its_time():
    control, seconds_per_step = IncrementControl(GD), 1e-3
    for _ in range(10):
        steps = control.choose_steps(FAR)
        control.record_speed(steps, steps * seconds_per_step)
    assert control.choose_steps(FAR) == INCREMENT_SECONDS / seconds_per_step
    control.record_speed(10, 100.0)
    assert control.choose_steps(FAR) == GD.steps_per_increment


def test_an_increment_is_short_where_a_trial_is():
    lbfgs = make_solver("lbfgs", {})
    control = IncrementControl(lbfgs)
    control.record_speed(5, 1e-6)
    assert control.choose_steps(FAR) == lbfgs.steps_per_increment


@pytest.mark.parametrize("left, steps", [(1, 10), (10, 10), (11, 20), (200, 40)])
def test_an_increment_ends_where_a_row_is_recorded(left, steps):
    control = IncrementControl(GD)
    control.record_speed(10, 1e-6)  # grows to 40
    assert control.choose_steps(left) == steps


def test_no_result_depends_on_the_length_of_increments(generator, monkeypatch, steps):
    limits = make_limits(tolerance=3e-4, budget=403, restarts=1)
    monkeypatch.setattr(increments, "INCREMENT_SECONDS", 0.0)
    short = solve_jobs(generator, GD, JOBS, end=limits)
    assert set(steps) == {10}
    steps.clear()
    monkeypatch.setattr(increments, "INCREMENT_SECONDS", 1e6)
    long = solve_jobs(generator, GD, JOBS, end=limits)
    assert max(steps) > 100
    assert len({trial.gradients for trial in long.values()}) > 1, "all end together"
    for job in JOBS:
        for name in ("curve_loss", "curve_error", "snapshots", "z_start", "least_error"):
            np.testing.assert_array_equal(getattr(long[job], name), getattr(short[job], name))
        for one, other in zip(long[job].start_results, short[job].start_results, strict=True):
            assert one._replace(z=0, seconds=0) == other._replace(z=0, seconds=0)
            np.testing.assert_array_equal(one.z, other.z)


def test_an_increment_ends_with_its_last_row(generator, monkeypatch, steps):
    taken = []
    real = GradientDescent.step

    def step(self, problem, state, clipping):
        with tf.control_dependencies([tf.py_function(lambda: taken.append(1), [], [])]):
            return real(self, problem, state._replace(next_z=tf.identity(state.next_z)), clipping)

    monkeypatch.setattr(GradientDescent, "step", step)
    solve_jobs(generator, GD, JOBS[:2], end=make_limits(tolerance=0, budget=33, restarts=0))
    assert sum(steps) == 40
    assert len(taken) == 1 + 33  # the first was to build the graph
