"""The bound on the error of z holds, and is computed without the true z."""

import builders
import numpy as np
import pytest
from small import clean_targets, jobs_of, make_limits, measure_z_error, solve_jobs

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inversion.objective.problem import Objective
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.outcome import Outcome
from ganinv_cli.precision import Precision

LBFGS = make_solver("lbfgs", {"memory": 20})
JOBS = jobs_of(("none", "stochastic"), 8)
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    return make_generator(builders.make_hard_definition(tmp_path_factory.mktemp("hard")))


@pytest.mark.parametrize(
    "precision",
    [
        Precision.float32,
        pytest.param(Precision.mixed, marks=[pytest.mark.slow, pytest.mark.bfloat16]),
    ],
)
def test_a_converged_z_is_no_further_from_the_true_one_than_its_bound(hard, precision):
    end = make_limits(tolerance=TOLERANCE)
    done = solve_jobs(
        hard, LBFGS, JOBS, end=end, batch_size=16, objective=Objective(precision=precision)
    )
    converged = [trial for trial in done.values() if trial.outcome is Outcome.converged]
    assert len(converged) == len(JOBS)
    for trial in converged:
        assert measure_z_error(trial) <= trial.best.bound <= TOLERANCE


def test_it_says_nothing_of_the_true_z(generator):
    def elsewhere(jobs):
        sought = clean_targets(generator)(jobs)
        return [each._replace(z_true=each.z_true + 3) for each in sought]

    end = make_limits(tolerance=1e-5)
    right = solve_jobs(generator, LBFGS, JOBS[:6], end=end)
    wrong = solve_jobs(generator, LBFGS, JOBS[:6], end=end, supply=elsewhere)
    for job, trial in right.items():
        assert wrong[job].best.bound == trial.best.bound
        assert np.array_equal(wrong[job].best.z, trial.best.z)
        assert measure_z_error(wrong[job]) > 1
