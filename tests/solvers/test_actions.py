"""The actions of a rule, or possible actions of others, are counted for each start."""

import numpy as np
import pytest
import tensorflow as tf
from small import (
    SETTINGS,
    jobs_of,
    make_limits,
    make_simple,
    solve_jobs,
    targets_at,
)

from ganinv_cli.clipping import RULES
from ganinv_cli.loop.trial import Target
from ganinv_cli.prior import Uniform
from ganinv_cli.settings.names import SOLVERS
from ganinv_cli.solvers import make_solver
from ganinv_cli.solvers.parts.row_clipping import RowClipping

ACTING = [name for name, rule in RULES.items() if any(rule.kinds)]


@pytest.fixture(params=SOLVERS)
def solver(request):
    return make_solver(request.param, SETTINGS[request.param])


@pytest.fixture(scope="module")
def generator():
    return make_simple(Uniform())


def test_a_component_at_a_bound_is_redrawn_and_one_beyond_is_changed_by_every_kind():
    row = tf.zeros(4, tf.bool)
    clipping = RowClipping(
        Uniform(), 0, tf.zeros(4, tf.int64), tf.zeros(4, tf.int64), row, row, tf.zeros(4, tf.int64)
    )
    z = tf.constant([[0.5, -0.5], [0.5, 1.0], [-1.5, 0.5], [np.nan, 0.5]])
    counts = clipping.find_actions(z).numpy()
    assert counts.tolist() == [[0, 0, 0], [0, 1, 0], [1, 1, 1], [1, 0, 1]]


def test_no_rule_acts_where_z_stays_inside(generator, solver):
    """Steps from a start near the true z, far from the bounds."""

    def make_targets(jobs):
        z = np.stack([0.2 * each.z_true for each in targets_at(generator, 0.1)(jobs)])
        images = generator.render(z, len(jobs))
        return [Target(*each, first_start=0.9 * each[1]) for each in zip(images, z, strict=True)]

    end = make_limits(budget=300, restarts=0)
    done = solve_jobs(generator, solver, jobs_of(RULES), end=end, supply=make_targets)
    assert not any(trial.best.actions for trial in done.values())


def test_every_rule_but_none_acts_where_the_true_z_is_outside(generator, solver):
    end = make_limits(budget=300, restarts=0)
    done = solve_jobs(generator, solver, jobs_of(RULES), end=end, supply=targets_at(generator, 2.0))
    for job, trial in done.items():
        assert (trial.best.actions > 0) == (job.rule in ACTING)
        assert trial.best.actions <= trial.best.gradients + 1
        assert trial.best.actions >= trial.best.redraws
