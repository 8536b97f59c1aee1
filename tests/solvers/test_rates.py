"""The rate of gradient descent, and the measurement of a stable one."""

import numpy as np
import tensorflow as tf
from small import make_limits, solve_jobs

from ganinv_cli import jacobian
from ganinv_cli.jacobian import POINTS, find_spectrum
from ganinv_cli.jobs import Job
from ganinv_cli.randomness import Purpose, uniform
from ganinv_cli.solvers import make_solver


def _descend(generator, mask=None, **settings):
    """The z of one trial after 9 updates."""
    solver = make_solver("gd", settings)
    end = make_limits(budget=10, restarts=0)
    (trial,) = solve_jobs(generator, solver, [Job(0)], end=end, mask=mask).values()
    return trial.best.z


def test_a_rate_is_on_the_mean_and_a_learning_rate_on_the_sum(generator):
    values = np.prod(generator.image_shape)
    on_the_sum = _descend(generator, learning_rate=0.5 / values)
    np.testing.assert_allclose(_descend(generator, rate=0.5), on_the_sum, rtol=1e-12)
    assert make_solver("gd", {}) == make_solver("gd", {"rate": 1.0})


def test_a_schedule_has_the_updates_of_a_budget():
    """The last gradient is that of the last z, and updates nothing."""
    schedule = make_solver("gd", {"learning_rate": 0.25, "halve_every": 7}).make_schedule(10, 4)
    assert schedule == (1.0, 9, 7)


def test_the_stable_rate_is_half_of_the_limit_at_the_steepest_of_40_z(generator):
    numbers, zeros = tf.range(POINTS, dtype=tf.int64), tf.zeros(POINTS, tf.int64)
    share = uniform(0, numbers, Purpose.preconditioner, zeros, generator.latent)
    z = tf.cast(generator.prior.quantile(share), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        images = tf.reshape(generator(z), [POINTS, -1])
    jacobians = tape.batch_jacobian(images, z).numpy()
    largest = np.linalg.svd(jacobians, compute_uv=False).max() ** 2 / jacobians.shape[1]
    stable = make_solver("gd", {"rate": "stable"}).resolve(generator)
    assert stable == make_solver("gd", {"rate": float(f"{1 / (2 * largest):.3g}")})


def test_a_spectrum_is_measured_once_and_bit_for_bit(generator, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GANINV_NO_CACHE", raising=False)
    first = find_spectrum(generator)
    upper = np.zeros((*generator.image_shape[:2], 1), np.float32)
    upper[: generator.image_shape[0] // 4] = 1
    masked = find_spectrum(generator, upper)
    monkeypatch.setattr(jacobian, "measure_spectrum", None)  # cannot be called
    second = find_spectrum(generator)
    for one, other in zip(first, second, strict=True):
        assert one.tobytes() == other.tobytes()
    assert (masked.eigenvalues != first.eigenvalues).any()
