"""Under a rule with bounds, a trial that has converged has its z inside them."""

import pytest
from small import (
    INSIDE,
    OUTSIDE,
    build_solver,
    is_inside,
    jobs_of,
    make_limits,
    make_simple,
    measure_z_error,
    solve_jobs,
    targets_at,
)

from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Normal, Uniform
from ganinv_cli.settings.names import SOLVERS

BOUNDED = ("standard", "stochastic", "zero", "reflect")


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize(
    ("prior", "residual"),
    [
        (Uniform(), 0.0),
        pytest.param(Normal(1, 0.9), float("inf"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_what_has_converged_is_inside(name, prior, residual):
    generator = make_simple(prior)
    solver = build_solver(name, generator)
    supply = targets_at(generator, *INSIDE, OUTSIDE, residual=residual)
    end = make_limits(budget=400, restarts=1)
    done = solve_jobs(generator, solver, jobs_of(BOUNDED, 8), end=end, supply=supply, batch_size=32)
    for job, trial in done.items():
        assert residual or job.trial % 4 < 3 or trial.outcome is not Outcome.converged
        if trial.outcome is Outcome.converged:
            assert is_inside(trial.best.z, prior)
        for start in trial.start_results:
            assert start.outside == (not is_inside(start.z, prior))
            assert not (start.outside and start.outcome is Outcome.converged)


def test_a_right_z_that_rounding_puts_outside_is_held_and_not_redrawn():
    generator = make_simple(Normal(1, 0.9))
    done = solve_jobs(
        generator,
        build_solver("lbfgs", generator),
        jobs_of(BOUNDED, trials=12),
        end=make_limits(restarts=0),
        supply=targets_at(generator, *INSIDE),
        batch_size=48,
    )
    assert {trial.outcome for trial in done.values()} == {Outcome.converged}
    assert max(measure_z_error(trial) for trial in done.values()) < 1e-8
    assert not any(trial.best.counts["redraws"] for trial in done.values())
