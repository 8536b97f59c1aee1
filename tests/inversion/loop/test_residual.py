"""Where the right z leaves a residual, a start ends by comparison and never by zero."""

import numpy as np
import pytest
from small import jobs_of, make_limits, noisy_targets, solve_jobs

from ganinv_cli.inversion.objective.problem import Objective
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.noise import expected_residual
from ganinv_cli.outcome import Outcome

UNKNOWN = float("inf")
RULES = ("none", "standard", "stochastic")
JOBS = jobs_of(RULES, 4)
ONCE = make_limits(restarts=0)


@pytest.fixture(scope="module")
def lbfgs():
    return make_solver("lbfgs", {"memory": 10})


def _residual(generator, variance):
    pixels = int(np.prod(generator.image_shape))
    return expected_residual(variance, pixels, generator.latent)


def test_a_row_that_stops_falling_has_converged_if_it_is_below_the_residual(generator, lbfgs):
    right = _residual(generator, 1.0)
    for residual, outcome in ((right, Outcome.converged), (1.0, Outcome.stalled)):
        supply = noisy_targets(generator, 1.0, residual)
        done = solve_jobs(generator, lbfgs, JOBS, end=ONCE, batch_size=12, supply=supply)
        for trial in done.values():
            assert trial.outcome is outcome
            assert right / 2 < trial.best.image_loss <= right


def test_starts_that_end_in_a_wrong_place_are_told_by_their_loss(hard):
    """Under little noise the failures of the noiseless image are still seen."""
    lbfgs = make_solver("lbfgs", {"memory": 20, "patience": 20})
    jobs = jobs_of(["none"], 12)
    residual = _residual(hard, 1e-3)
    supply = noisy_targets(hard, 1e-3, residual)
    done = solve_jobs(hard, lbfgs, jobs, end=ONCE, batch_size=12, supply=supply)
    outcomes = {trial.outcome for trial in done.values()}
    assert outcomes == {Outcome.converged, Outcome.stalled}
    for trial in done.values():
        assert (trial.best.image_loss <= residual) == (trial.outcome is Outcome.converged)


def test_where_nobody_knows_the_residual_a_row_ends_by_its_own_fall(generator, lbfgs):
    """A smaller share asks for more gradients, and leaves no more of the image."""
    supply = noisy_targets(generator, 1.0, UNKNOWN)
    jobs = jobs_of(["none"], 4)
    loose, tight = (
        solve_jobs(
            generator,
            lbfgs,
            jobs,
            objective=Objective(stationary=share),
            end=make_limits(restarts=0),
            supply=supply,
        )
        for share in (1e-1, 1e-6)
    )
    for key in loose:
        assert loose[key].outcome is tight[key].outcome is Outcome.converged
        assert tight[key].gradients > loose[key].gradients
        assert tight[key].best.image_loss <= loose[key].best.image_loss


def test_a_row_outside_its_bounds_is_redrawn_long_before_it_would_have_ended(generator):
    solver = make_solver("lbfgs", {"memory": 10, "patience": 10, "redraws": 1})
    supply = noisy_targets(generator, 1.0, UNKNOWN)
    end = make_limits(restarts=0, budget=40)
    jobs, objective = jobs_of(["stochastic"], 4), Objective(stationary=1e-6)
    done = solve_jobs(generator, solver, jobs, objective=objective, end=end, supply=supply)
    assert max(trial.best.counts["redraws"] for trial in done.values()) == 1


def test_a_row_whose_loss_returns_after_a_redraw_is_kept_inside_from_then_on(generator):
    solver = make_solver("lbfgs", {"memory": 10, "patience": 10, "redraws": 1000})
    supply = noisy_targets(generator, 1.0, UNKNOWN)
    end = make_limits(restarts=0, budget=5000)
    jobs, objective = jobs_of(["stochastic"], 4), Objective(stationary=1e-6)
    done = solve_jobs(generator, solver, jobs, objective=objective, end=end, supply=supply)
    for trial in done.values():
        assert trial.outcome is Outcome.converged
        assert not trial.best.outside
        assert trial.best.counts["redraws"] < 20
