"""The rate of gradient descent, and the measurement of a stable one."""

import pickle

import builders
import numpy as np
import pytest
import tensorflow as tf
from called import list_messages, run_ganinv
from small import make_limits, solve_jobs

from ganinv_cli import jacobian
from ganinv_cli.engine.local import SingleDevice
from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.jacobian import POINTS, find_spectrum, measure_spectrum
from ganinv_cli.jobs import Job
from ganinv_cli.network.layers import Dense, Reshape
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.problem import Problem
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.settings.config import NoiseSweepConfig, RecoverConfig
from ganinv_cli.settings.load import load
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers import make_solver
from ganinv_cli.store import read_results

GD_RUN = 'solver = "gd"\ntrials = 2\nbudget = 20\nrestarts = 0\n[gd]\n'


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return builders.make_checkpoint(tmp_path_factory.mktemp("rates"))


@pytest.fixture(scope="module")
def generator(checkpoint):
    return make_generator(checkpoint)


@pytest.fixture(scope="module")
def jacobians(generator):
    """J (points, values, latent) where the spectrum is measured, by automatic derivatives."""
    numbers, zeros = tf.range(POINTS, dtype=tf.int64), tf.zeros(POINTS, tf.int64)
    share = uniform(0, numbers, Purpose.preconditioner, zeros, generator.latent)
    z = tf.cast(generator.prior.quantile(share), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        images = tf.reshape(generator(z), [POINTS, -1])
    return tape.batch_jacobian(images, z).numpy()


@pytest.fixture(scope="module")
def linear():
    """G(z) = A z; JᵀJ / values has the eigenvalues .5, 1, 2 everywhere."""
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0]
    matrix = np.sqrt(12 * np.array([0.5, 1.0, 2.0]))[:, None] * rotation[:3]
    layers = Dense(matrix.astype(np.float32), np.zeros(12, np.float32)), Reshape((2, 2, 3))
    return builders.build_generator(*layers)


def _descend(generator, mask=None, **settings):
    """The z of one trial after 9 updates."""
    solver = make_solver("gd", settings)
    end = make_limits(budget=10, restarts=0)
    (trial,) = solve_jobs(generator, solver, [Job(0)], end=end, mask=mask).values()
    return trial.best.z


def _upper_mask(generator):
    mask = np.zeros((*generator.image_shape[:2], 1), np.float32)
    mask[: generator.image_shape[0] // 4] = 1
    return mask


def test_a_rate_is_on_the_mean_and_a_learning_rate_on_the_sum(generator):
    values = np.prod(generator.image_shape)
    on_the_sum = _descend(generator, learning_rate=0.5 / values)
    np.testing.assert_allclose(_descend(generator, rate=0.5), on_the_sum, rtol=1e-12)
    assert make_solver("gd", {}) == make_solver("gd", {"rate": 1.0})


def test_with_a_mask_the_mean_is_over_the_pixels_that_count(generator):
    mask = _upper_mask(generator)
    values = int(mask.sum()) * generator.image_shape[2]
    on_the_sum = _descend(generator, mask, learning_rate=0.5 / values)
    np.testing.assert_allclose(_descend(generator, mask, rate=0.5), on_the_sum, rtol=1e-12)


def test_both_rates_together_are_refused_in_one_sentence():
    with pytest.raises(ConfigError, match=r"^\[gd\] has both rate .* and learning_rate .*; leave"):
        make_solver("gd", {"rate": 1.0, "learning_rate": 1e-4})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": 0.0}, "rate = 0.0 is not above 0"),
        ({"rate": "fast"}, "rate = 'fast' should be a number, or \"stable\""),
        ({"rate": True}, "rate = true should be a number, e.g. 1.0"),
        ({"rate": float("inf")}, "rate = inf should be a number"),
        ({"learning_rate": "stable"}, "learning_rate = 'stable' should be a number"),
        ({"learning_rate": -1}, "learning_rate = -1 is not above 0"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(settings, words):
    with pytest.raises(ConfigError) as error:
        make_solver("gd", settings)
    assert words in str(error.value)


def test_the_stable_rate_is_half_of_the_limit_at_the_steepest_of_40_z(generator, jacobians):
    largest = np.linalg.svd(jacobians, compute_uv=False).max() ** 2 / jacobians.shape[1]
    stable = make_solver("gd", {"rate": "stable"}).resolve(generator)
    assert stable == make_solver("gd", {"rate": float(f"{1 / (2 * largest):.3g}")})


def test_a_stable_rate_counts_the_pixels_of_the_mask(generator, jacobians):
    mask = _upper_mask(generator)
    part = jacobians[:, : jacobians.shape[1] // 4]
    largest = np.linalg.svd(part, compute_uv=False).max() ** 2 / part.shape[1]
    stable = make_solver("gd", {"rate": "stable"}).resolve(generator, mask)
    assert stable.rate == float(f"{1 / (2 * largest):.3g}")


@pytest.mark.parametrize(("share", "grows"), [(0.98, False), (1.02, True)])
def test_descent_leaves_the_solution_above_the_limit_alone(linear, share, grows):
    limit = 1 / measure_spectrum(linear).eigenvalues.max()
    assert limit == pytest.approx(0.5, rel=1e-5)
    z = tf.constant([[0.0, 0.0, 0.0]], tf.float64)
    start = tf.constant([[0.1, 0.2, -0.1]], tf.float64)
    problem = Problem(linear, tf.zeros([1, 2, 2, 3]), tf.zeros(1), tf.zeros(1))
    rate = share * limit
    for _ in range(200):
        start -= rate / 12 * problem.evaluate(start).gradient
    assert (np.linalg.norm(start - z) > 1) == grows


def test_a_rate_that_is_given_is_not_measured(generator, monkeypatch):
    monkeypatch.setattr(jacobian, "measure_spectrum", None)  # cannot be called
    for settings in ({}, {"rate": 2}, {"learning_rate": 1e-3}):
        solver = make_solver("gd", settings)
        assert solver.resolve(generator) is solver


def test_a_spectrum_is_measured_once_and_bit_for_bit(generator, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GANINV_NO_CACHE", raising=False)
    first = find_spectrum(generator)
    masked = find_spectrum(generator, _upper_mask(generator))
    monkeypatch.setattr(jacobian, "measure_spectrum", None)  # cannot be called
    second = find_spectrum(generator)
    for one, other in zip(first, second, strict=True):
        assert one.tobytes() == other.tobytes()
    assert (masked.eigenvalues != first.eigenvalues).any()


def test_a_generator_whose_images_never_change_has_no_stable_rate():
    dead = Dense(np.zeros((3, 12), np.float32), np.zeros(12, np.float32))
    still = builders.build_generator(dead, Reshape((2, 2, 3)))
    with pytest.raises(CheckpointError, match="do not depend on z"):
        make_solver("gd", {"rate": "stable"}).resolve(still)


def test_a_stable_rate_of_coupled_trials_is_refused(checkpoint):
    coupled = make_generator(checkpoint, "batch")
    with pytest.raises(ConfigError, match='batch_norm = "batch" couples the trials; give a number'):
        make_solver("gd", {"rate": "stable"}).resolve(coupled)


def _recover(folder, checkpoint, settings, *more):
    (folder / "own.toml").write_text(GD_RUN + settings)
    return run_ganinv(
        *(folder, "recover", "--config", "own.toml", "--checkpoint", checkpoint.path, *more)
    )


def test_a_run_says_its_stable_rate_and_keeps_it(checkpoint, generator, tmp_path):
    result = _recover(tmp_path, checkpoint, 'rate = "stable"\n')
    measured = make_solver("gd", {"rate": "stable"}).resolve(generator).rate
    assert f"[gd] rate = 'stable' is {measured:g} here" in list_messages(result)
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["config"]["gd"]["rate"] == measured
    again = _recover(tmp_path, checkpoint, f"rate = {measured}\n", "--trials", 3)  # goes on
    assert again.exit_code == 0
    assert "stable" not in _recover(tmp_path, checkpoint, 'rate = "stable"\n', "-q").stderr


def test_every_worker_is_given_the_rate_as_a_number(checkpoint, generator, tmp_path, monkeypatch):
    tasks, run = [], SingleDevice.run

    def record(engine, task, jobs):
        tasks.append(task)
        return run(engine, task, jobs)

    monkeypatch.setattr(SingleDevice, "run", record)
    _recover(tmp_path, checkpoint, 'rate = "stable"\n', "-q")
    measured = make_solver("gd", {"rate": "stable"}).resolve(generator).rate
    assert [pickle.loads(pickle.dumps(task.solver)).rate for task in tasks] == [measured]


def test_a_learning_rate_is_recorded_as_before_there_was_a_rate(checkpoint, tmp_path):
    _recover(tmp_path, checkpoint, "learning_rate = 8.14e-5\n")
    identity = read_results(tmp_path / "recover.h5").attributes["identity"]
    assert identity["gd"] == {
        "learning_rate": 8.14e-5,
        "halve_every": 50_000,
        "precision": "float64",
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("paper-text", RecoverConfig),
        ("paper-code", RecoverConfig),
        ("paper-noise", NoiseSweepConfig),
    ],
)
def test_the_presets_of_the_paper_have_the_authors_rate(name, kind):
    assert load(kind, find("config", name), {}).solver_settings["rate"] == 1.0
