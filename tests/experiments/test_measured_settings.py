"""The prediction of theory before a run of gradient descent, and settings that are measured."""

import builders
import numpy as np
import pytest
from called import list_messages, run_ganinv
from small import make_limits, make_truths, measure_z_error, solve_jobs

from ganinv_cli import preconditioner
from ganinv_cli.experiments.run import predict_descent
from ganinv_cli.jacobian import measure_at
from ganinv_cli.jobs import Job
from ganinv_cli.network.layers import Dense, Reshape
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import InvertConfig, RecoverConfig
from ganinv_cli.solvers import make_solver
from ganinv_cli.statistics.descent_theory import predict_errors
from ganinv_cli.store import read_results

THEORY, LIMIT = "theory: shares of trials below ε", "above the stability limit"


def test_theory_predicts_each_trial_of_a_linear_generator():
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.standard_normal((12, 12)))[0][:4]
    matrix = np.sqrt(12 * np.array([0.01, 0.05, 0.3, 1.0]))[:, None] * rotation
    layers = Dense(matrix.astype(np.float32), np.zeros(12, np.float32)), Reshape((2, 2, 3))
    linear = builders.build_generator(*layers)
    solver = make_solver("gd", {"rate": 0.8, "halve_every": 20})
    jobs = [Job(trial) for trial in range(4)]
    done = solve_jobs(linear, solver, jobs, end=make_limits(budget=51, restarts=0))
    trials = [done[trial, 0, "none"] for trial in range(4)]
    z_true = make_truths(linear, np.arange(4))
    starts = np.stack([trial.z_start for trial in trials])[:, None]
    spectrum = measure_at(linear, np.asarray(z_true), starts)
    predicted = predict_errors(*spectrum, solver.make_schedule(51, 12))[:, 0]
    np.testing.assert_allclose([*map(measure_z_error, trials)], predicted, rtol=1e-3)


def test_descent_says_what_to_expect_before_it_starts(easy, tmp_path):
    run = ("recover", "--checkpoint", easy.folder, "--trials", 1, "--budget", 9)
    run += ("--restarts", 0, "--clip", "none", "--overwrite")
    messages = list_messages(run_ganinv(tmp_path, *run, "--solver", "gd"))
    assert sum(LIMIT in line for line in messages) == 1
    assert sum(THEORY in line for line in messages) == 1
    for others in (("--solver", "gd", "-q"), ("--solver", "lbfgs")):
        stderr = run_ganinv(tmp_path, *run, *others).stderr
        assert THEORY not in stderr and LIMIT not in stderr
    coupled = make_generator(builders.read(easy.folder), "batch")
    assert predict_descent(InvertConfig(solver="gd"), easy.generator) is None
    assert predict_descent(RecoverConfig(solver="gd"), coupled) is None


@pytest.mark.parametrize(
    ("limit", "most", "metric"),
    [("MAX_LATENT", 6, 40), ("MAX_VALUES", 6 * 16 * 16 * 3 - 1, 0)],
)
def test_a_j_that_is_too_large_is_not_measured_which_is_said_and_stored(
    easy, tmp_path, monkeypatch, limit, most, metric
):
    monkeypatch.setattr(preconditioner, limit, most)
    given = ("--checkpoint", easy.folder, "--trials", 2, "--clip", "none", "--budget", 60)
    result = run_ganinv(tmp_path, "recover", *given)
    off = metric == 0
    assert ("[lbfgs] metric = 40 is 0 here" in result.stderr) == off
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["config"]["lbfgs"]["metric"] == metric
    assert results.constants["shared_gradients"] == metric * (6 + 1) / 2
    said = run_ganinv(tmp_path, "report", "recover.h5").stdout
    assert ("There was no preconditioner ([lbfgs] metric = 0)" in " ".join(said.split())) == off
    run_ganinv(tmp_path, "recover", *given)  # the same command prints the results again
