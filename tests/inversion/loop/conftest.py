"""A generator on which some starts fail, and its trials as one run ends them."""

import builders
import pytest
from small import jobs_of, make_limits, solve_jobs

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inversion.solvers import make_solver


@pytest.fixture(scope="session")
def hard(tmp_path_factory):
    return make_generator(builders.make_hard_definition(tmp_path_factory.mktemp("hard")))


@pytest.fixture(scope="session")
def lbfgs():
    return make_solver("lbfgs", {"memory": 20, "patience": 20})


@pytest.fixture(scope="session")
def done(hard, lbfgs):
    """Trials that end so close to the solution that rounding cannot be seen in z."""
    jobs = jobs_of(("none", "stochastic"), 12)
    return solve_jobs(hard, lbfgs, jobs, end=make_limits(tolerance=1e-5), batch_size=16)
