"""A rule's trial is a copy of the one without clipping if, and only if, the rule would not act."""

import numpy as np
import pytest
from small import (
    INSIDE,
    OUTSIDE,
    build_solver,
    jobs_of,
    make_limits,
    make_simple,
    solve_jobs,
    targets_at,
)

from ganinv_cli.clipping import RULES
from ganinv_cli.jobs import Job
from ganinv_cli.prior import Uniform
from ganinv_cli.settings.names import SOLVERS

FOLLOWERS = tuple(rule for rule in RULES if rule != "none")
TRIALS, BATCH = 12, 8


@pytest.fixture(scope="module")
def simple():
    return make_simple(Uniform())


@pytest.mark.parametrize(
    ("name", "residual"),
    [
        ("lbfgs", 0.0),
        *(pytest.param(name, 0.0, marks=pytest.mark.slow) for name in SOLVERS if name != "lbfgs"),
        pytest.param("lbfgs", float("inf"), marks=pytest.mark.slow),
    ],
)
def test_copies_equal_separate_runs(simple, name, residual):
    """Half of the true z are well inside, the others near a bound, at it, or beyond."""
    settings = {
        "supply": targets_at(simple, 0.3, INSIDE[1], 0.2, OUTSIDE, residual=residual),
        "end": make_limits(budget=400, restarts=1),
        "batch_size": BATCH,
    }
    solver = build_solver(name, simple)
    together = [Job(trial, rules=("none", *FOLLOWERS)) for trial in range(TRIALS)]
    shared = solve_jobs(simple, solver, together, **settings)
    alone = solve_jobs(simple, solver, jobs_of(RULES, TRIALS), **settings)
    assert shared.keys() == alone.keys()
    for key, trial in alone.items():
        found = shared[key]
        assert (found.z_start == trial.z_start).all()
        if not found.is_copy:
            assert key.rule == "none" or any(end.actions for end in found.start_results)
            continue  # what a rule does magnifies rounding, which a row's batch changes
        assert found.outcome is trial.outcome
        for ours, theirs in zip(found.start_results, trial.start_results, strict=True):
            np.testing.assert_allclose(ours.z, theirs.z, atol=1e-4)
            assert (ours.outcome, ours.outside) == (theirs.outcome, theirs.outside)
            assert (ours.gradients, ours.actions) == (theirs.gradients, 0)
            assert theirs.actions == theirs.counts["redraws"] == 0
    copied = [key.rule for key, trial in shared.items() if trial.is_copy]
    assert set(copied) == set(FOLLOWERS)
    assert all(copied.count(rule) < TRIALS for rule in FOLLOWERS)


class Ended(list):
    """Jobs of cases of which some rules have ended, so that their trials are not needed."""

    def __init__(self, jobs, rules):
        super().__init__(jobs)
        self.rules = rules

    def is_needed(self, job, rule):
        return rule not in self.rules


def test_a_trial_goes_on_while_any_rule_that_follows_it_is_needed(simple):
    settings = {"supply": targets_at(simple, 0.3), "batch_size": BATCH}
    jobs = [Job(trial, rules=("none", "stochastic")) for trial in range(TRIALS)]
    solver = build_solver("lbfgs", simple)
    done = solve_jobs(simple, solver, Ended(jobs, ["none"]), **settings)
    assert sum(key.rule == "stochastic" for key in done) == TRIALS
