"""J at an encoder's guess takes the place of J at random z, if z has many components."""

import numpy as np
import pytest
from small import clean_targets, jobs_of, solve_jobs

from ganinv_cli.inversion.loop import sizing
from ganinv_cli.inversion.loop.saved_batch import SavedBatch
from ganinv_cli.inversion.objective.local_model import DAMPING, measure_models
from ganinv_cli.inversion.polish.gauss_newton import GaussNewton, Start
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.outcome import Outcome

JOBS = jobs_of(("none",), 3)
GUESS, NEVER = ({"metric": 0, "guess": least, "patience": 10} for least in (1, 10_000))


def guess_near(generator, distance=0.1):
    """Targets of each trial's own z, with a first start near it."""
    make_clean = clean_targets(generator)

    def make_targets(jobs):
        random = np.random.default_rng(0).normal(size=(len(jobs), generator.latent))
        targets = zip(make_clean(jobs), distance * random, strict=True)
        return [each._replace(first_start=each.z_true + away) for each, away in targets]

    return make_targets


def solve_from_guesses(generator, settings, **more):
    solver, supply = make_solver("lbfgs", settings), guess_near(generator)
    return solve_jobs(generator, solver, JOBS, supply=supply, has_guesses=True, **more)


def test_j_at_the_guess_saves_gradients_and_counts(generator):
    trials, others = (solve_from_guesses(generator, each) for each in (GUESS, NEVER))
    for key, trial in trials.items():
        assert trial.outcome is Outcome.converged and not trial.start_results[1:]
        assert trial.best.z == pytest.approx(trial.target.z_true, abs=1e-3)
        spent = trial.gradients - generator.jacobian_gradients
        assert 0 < spent < others[key].start_results[0].gradients


def test_the_model_is_that_of_the_least_squares_and_random_starts_have_none(generator):
    target = clean_targets(generator)(JOBS)[0]
    z = np.stack([target.z_true, np.full(generator.latent, np.nan)])
    models = measure_models(generator, z, [target.image] * 2, [-1, -1], None)
    jacobian = GaussNewton(generator).compute_jacobian(
        Start(z[0], target.image, -1, (-np.inf, np.inf))
    )
    gram = jacobian.astype(np.float64) @ jacobian.T
    expected = np.linalg.inv(2 * (gram + DAMPING * np.diag(np.diag(gram))))
    assert models.inverse[0].numpy() == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert models.least_eigenvalue[0].numpy() == pytest.approx(
        np.linalg.eigvalsh(gram)[0], rel=1e-3
    )
    assert (models.inverse[1].numpy() == np.eye(generator.latent)).all()


def test_a_stopped_run_goes_on_with_the_same_models(generator, tmp_path, monkeypatch):
    monkeypatch.setattr(sizing, "INCREMENT_SECONDS", 0.0)
    whole = solve_from_guesses(generator, GUESS)
    saved = SavedBatch(tmp_path / "saved", "run")
    done = solve_from_guesses(generator, GUESS, saved_batch=saved, stop_after=1)
    again = SavedBatch(tmp_path / "saved", "run")
    assert len(again.jobs) == len(whole) - len(done) > 0
    solver, supply = make_solver("lbfgs", GUESS), guess_near(generator)
    done |= solve_jobs(generator, solver, [], supply=supply, has_guesses=True, saved_batch=again)
    for key, trial in whole.items():
        assert done[key].best.gradients == trial.best.gradients
        assert (done[key].best.z == trial.best.z).all()
