"""The promises of every solver, under every rule, and the rates of descent."""

import numpy as np
import pytest
import tensorflow as tf
from small import (
    PLAIN,
    Key,
    build_solver,
    clean_targets,
    jobs_of,
    make_limits,
    measure_z_error,
    solve_jobs,
)

from ganinv_cli.clipping import RULES
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.noise_sweep.config import NoiseSweepConfig
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.inversion.objective import jacobian
from ganinv_cli.inversion.objective.ground_truth import draw_true_z
from ganinv_cli.inversion.objective.jacobian import POINTS, find_eigenvalues
from ganinv_cli.inversion.objective.preconditioner import measure_preconditioner
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.randomness import Purpose, uniform
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome
from ganinv_cli.settings.names import SOLVERS

VALUES = 16 * 16 * 3  # of a picture


@pytest.fixture(params=SOLVERS)
def solver(request, generator):
    return build_solver(request.param, generator)


def _jobs(trials, rules=RULES):
    return jobs_of(rules, trials)


def test_z_is_recovered_under_every_rule(generator, solver):
    done = solve_jobs(generator, solver, _jobs(3), batch_size=12)
    assert {trial.outcome for trial in done.values()} == {Outcome.converged}
    assert max(measure_z_error(trial) for trial in done.values()) < 1e-6


@pytest.mark.parametrize(("budget", "atol"), [(20, 1e-5), (20_000, 1e-3)])
def test_a_trial_does_not_see_its_neighbours(generator, solver, budget, atol):
    """Steps of a constant length magnify rounding, which depends on the batch, near the end."""
    key, end = Key(1, 0, "standard"), make_limits(budget=budget)
    together = solve_jobs(generator, solver, _jobs(4), end=end)[key]
    alone = solve_jobs(generator, solver, [Job(1, rules=("standard",))], end=end)[key]
    assert together.outcome is alone.outcome
    np.testing.assert_allclose(together.best.z, alone.best.z, atol=atol)


def test_an_image_that_is_no_number_ends_its_own_trial_only(generator, solver):
    jobs = _jobs(4, ["stochastic"])
    done = solve_jobs(
        generator, solver, jobs, end=make_limits(restarts=2), supply=clean_targets(generator, (1,))
    )
    spoilt = done.pop(Key(1, 0, "stochastic"))
    assert spoilt.outcome is Outcome.non_finite
    assert len(spoilt.start_results) == 3  # a restart cannot help, and is counted
    assert all(trial.outcome is Outcome.converged for trial in done.values())


def test_steps_of_any_first_order_method_are_halved_on_time(generator):
    def run(halve_every, budget):
        adam = make_solver("adam", {"rate": 1e-3, "halve_every": halve_every})
        end = make_limits(budget=budget)
        (trial,) = solve_jobs(generator, adam, _jobs(1, ["none"]), end=end).values()
        return trial.best.z

    whole, half = run(0, 4) - run(0, 3), run(2, 4) - run(2, 3)
    np.testing.assert_array_equal(run(0, 3), run(2, 3))
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)


def test_a_budget_is_spent_to_the_gradient(generator, solver):
    (trial,) = solve_jobs(generator, solver, _jobs(1, ["none"]), end=make_limits(budget=7)).values()
    assert (trial.outcome, trial.gradients) == (Outcome.budget, 7)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gd", {"speed": 1}),
        ("gd", {"rate": "fast"}),
        ("gd", {"rate": -1.0}),
        ("gd", {"halve_every": -1}),
        ("gd", {"momentum": 1.5}),
        ("lbfgs", {"memory": 1.5}),
        ("lbfgs", {"shrink": 1.5}),
        ("adam", {"betas": [0.9, "much"]}),
        ("adam", {"betas": [0.9]}),
        ("adam", {"betas": [0.9, 1.0]}),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name, settings):
    with pytest.raises(ConfigError):
        make_solver(name, settings)


def test_settings_that_a_method_has_no_use_for_are_refused():
    coupled = {"batch_norm": "batch", "batch_size": 1000, "tolerance": 0, "restarts": 0}
    for name, config, words in (
        (
            "lbfgs",
            RecoverConfig(solver="lbfgs", tolerance=0),
            "give a number above 0, or a first-order method",
        ),
        (
            "lbfgs",
            RecoverConfig(solver="lbfgs", **coupled),
            'it needs a first-order method, e.g. solver = "gd"',
        ),
        (
            "adam",
            NoiseSweepConfig(solver="adam", stationary=0.1),
            "stationary is not a setting of ad",
        ),
    ):
        with pytest.raises(ConfigError, match=words):
            make_solver(name, {}).check_config(config)
    for config in (RecoverConfig(tolerance=0), RecoverConfig(**coupled), NoiseSweepConfig()):
        make_solver("adam", {}).check_config(config)


def test_adam_takes_the_step_of_its_paper(generator):
    adam = make_solver("adam", {"rate": 0.1, "betas": [0.8, 0.9], "epsilon": 1e-3})
    (trial,) = solve_jobs(generator, adam, _jobs(1, ["none"]), end=make_limits(budget=4)).values()
    target = generator(draw_true_z(generator, 0, np.array([0])))
    problem = Problem(generator, target, residual=tf.zeros(1))
    z, mean, square = trial.z_start.astype(np.float64), 0.0, 0.0
    for update in (1, 2, 3):
        gradient = problem.evaluate(tf.constant(z[None])).gradient[0].numpy() / VALUES
        mean, square = 0.8 * mean + 0.2 * gradient, 0.9 * square + 0.1 * gradient**2
        unbiased = mean / (1 - 0.8**update), square / (1 - 0.9**update)
        z = z - 0.1 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-3)
    np.testing.assert_allclose(trial.best.z, z, atol=1e-6)


def test_a_rate_that_is_too_high_still_ends(generator):
    wild = make_solver("gd", PLAIN | {"rate": 100.0 * VALUES})
    (trial,) = solve_jobs(generator, wild, _jobs(1, ["none"]), end=make_limits(restarts=0)).values()
    assert trial.outcome is Outcome.diverged


def test_descent_in_a_metric_steps_along_the_mean_inverse_hessian(generator):
    """z <- z − H₀ ∇ / stiffness, H₀ damped by the loss; half of it after a halving."""
    gd = make_solver("gd", {"metric": 5, "rate": "stable", "halve_every": 1}).resolve(generator)
    (trial,) = solve_jobs(generator, gd, _jobs(1, ["none"]), end=make_limits(budget=3)).values()
    target = generator(draw_true_z(generator, 0, np.array([0])))
    preconditioner = measure_preconditioner(generator, 5)
    problem = Problem(generator, target, tf.zeros(1), preconditioner=preconditioner)
    z, model = trial.z_start[None].astype(np.float64), preconditioner.preconditioned
    for rate in (1, 0.5):
        evaluation = problem.evaluate(tf.constant(z))
        spectrum = model.spectrum + model.damping * float(evaluation.objective[0])
        inverse = model.vectors / (2 * spectrum) @ tf.transpose(model.vectors)
        z = z - rate * (evaluation.gradient.numpy() @ inverse.numpy()) / model.stiffness
    np.testing.assert_allclose(trial.best.z, z[0], atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_descent_takes_the_papers_step_and_keeps_its_velocity(generator, momentum):
    """z <- z - rate * velocity, the rate halved on time."""
    settings = {"metric": 0, "rate": 1e-3 * VALUES, "halve_every": 2, "momentum": momentum}
    gd = make_solver("gd", settings)
    (trial,) = solve_jobs(generator, gd, _jobs(1, ["none"]), end=make_limits(budget=5)).values()
    target = generator(draw_true_z(generator, 0, np.array([0])))
    problem = Problem(generator, target, residual=tf.zeros(1))
    z, velocity = tf.constant(trial.z_start[None], tf.float64), 0.0
    for rate in (1e-3, 1e-3, 5e-4, 5e-4):
        velocity = momentum * velocity + problem.evaluate(z).gradient
        z -= rate * velocity
    np.testing.assert_allclose(trial.best.z, z[0], atol=1e-6)


def test_the_stable_rate_is_half_of_the_limit_at_the_steepest_of_40_z(generator):
    numbers, zeros = tf.range(POINTS, dtype=tf.int64), tf.zeros(POINTS, tf.int64)
    share = uniform(0, numbers, Purpose.preconditioner, zeros, generator.latent)
    z = tf.cast(generator.prior.quantile(share), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        images = tf.reshape(generator(z), [POINTS, -1])
    jacobians = tape.batch_jacobian(images, z).numpy()
    largest = np.linalg.svd(jacobians, compute_uv=False).max() ** 2 / jacobians.shape[1]
    stable = make_solver("gd", PLAIN | {"rate": "stable"}).resolve(generator)
    assert stable == make_solver("gd", PLAIN | {"rate": float(f"{1 / (2 * largest):.3g}")})
    fast = make_solver("gd", PLAIN | {"rate": "stable", "momentum": 0.9}).resolve(generator)
    assert fast.rate == float(f"{1.9 / (2 * largest):.3g}")


def test_a_spectrum_is_measured_once_and_bit_for_bit(generator, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GANINV_NO_CACHE", raising=False)
    first = find_eigenvalues(generator)
    upper = np.zeros((*generator.image_shape[:2], 1), np.float32)
    upper[: generator.image_shape[0] // 4] = 1
    masked = find_eigenvalues(generator, upper)
    monkeypatch.setattr(jacobian, "measure_eigenvalues", None)  # cannot be called
    second = find_eigenvalues(generator)
    assert first.tobytes() == second.tobytes()
    assert (masked != first).any()
