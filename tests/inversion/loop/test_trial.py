"""Image losses and their bound alone decide whether a trial needs another start."""

import numpy as np
import pytest
from small import MARKS

from ganinv_cli.inversion.loop.trial import FUTILE_STARTS, Limits, StartResult, Target, Trial
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome

NAN, INF = float("nan"), float("inf")
LATENT = 3
TOLERANCE = 1e-8
COUNTS = {"gradients": 10.0, "redraws": 0}
LIMITS = Limits(TOLERANCE, budget=INF, restarts=9)


def _trial(residual, enough, *ends, bound=INF, cost=0.0, has_z=True):
    """With starts that ended in these (outcome, image loss), all with this bound."""
    z_true = np.full(LATENT, 0 if has_z else np.nan, np.float32)
    image = np.zeros((2, 2, 3))
    target = Target(image, z_true, residual, enough, first_start_cost=cost)
    trial = Trial(Job(0), "none", (), target, LIMITS, MARKS)
    for outcome, loss in ends:
        trial.start_results.append(
            StartResult(np.zeros(LATENT), loss, bound, Outcome[outcome], COUNTS, 1.0)
        )
    return trial


@pytest.mark.parametrize("residual", [0.0, 5.0, INF])
@pytest.mark.parametrize("outcome", ["converged", "stalled", "budget"])
def test_a_loss_that_is_enough_needs_no_other_start(residual, outcome):
    assert _trial(residual, 1.0, (outcome, 1.0)).is_solved
    assert not _trial(residual, 1.0, (outcome, 1.01)).is_solved


@pytest.mark.parametrize("residual", [0.0, 5.0, INF])
def test_a_bound_below_the_tolerance_needs_no_other_start(residual):
    """The bound on the error of z depends on the Jacobian, not on the image loss alone."""
    start = ("converged", 4)
    assert _trial(residual, 1.0, start, bound=TOLERANCE).is_solved
    assert not _trial(residual, 1.0, start, bound=1.1 * TOLERANCE).is_solved
    assert not _trial(residual, 1.0, start, bound=NAN).is_solved


@pytest.mark.parametrize("residual", [5.0, INF])
def test_under_noise_no_start_is_made_if_the_latest_have_not_lowered_the_loss(residual):
    ends = [("stalled", 8), ("stalled", 7), *[("stalled", 7)] * FUTILE_STARTS]
    assert _trial(residual, 1.0, *ends[:-1]).needs_restart
    assert not _trial(residual, 1.0, *ends).needs_restart
    assert _trial(0.0, 1.0, *ends).needs_restart
    assert _trial(residual, 1.0, *ends, has_z=False).needs_restart


@pytest.mark.parametrize("residual", [0.0, 5.0, INF])
def test_a_loss_that_is_no_number_settles_nothing(residual):
    assert not _trial(residual, 1.0, ("non_finite", NAN), ("non_finite", NAN)).is_solved
    solved = _trial(residual, 1.0, ("non_finite", NAN), ("stalled", 9), ("converged", 0.5))
    assert solved.is_solved and solved.best.image_loss == 0.5


def test_a_trial_has_converged_only_where_its_best_start_has():
    """A converged start is not enough if an unfinished start has a lower image loss."""
    trial = _trial(5.0, 1.0, ("converged", 4), ("budget", 3))
    assert trial.outcome is Outcome.budget
    assert _trial(5.0, 1.0, ("budget", 4), ("converged", 3)).outcome is Outcome.converged


def test_a_start_outside_the_bounds_counts_only_if_none_has_converged():
    trial = _trial(5.0, 0.0, ("converged", 4))
    outside = StartResult(np.ones(LATENT), 3.0, INF, Outcome.stalled, COUNTS, 1.0, outside=True)
    trial.start_results.append(outside)
    assert (trial.best.image_loss, trial.outcome) == (4, Outcome.converged)
    trial = _trial(5.0, 0.0, ("stalled", 4))
    trial.start_results.append(outside)
    assert (trial.best.image_loss, trial.outcome) == (3, Outcome.stalled)


def test_a_start_outside_the_bounds_solves_nothing():
    trial = _trial(0.0, 1.0)
    end = StartResult(np.ones(LATENT), 0.5, 0.0, Outcome.stalled, COUNTS, 1.0)
    trial.start_results.append(end._replace(outside=True))
    assert not trial.is_solved
    trial.start_results[0] = end
    assert trial.is_solved


def test_a_follower_is_a_copy_unless_its_rule_would_have_acted_in_any_start():
    trial = _trial(0.0, 1.0, ("stalled", 4), ("converged", 0.5))
    for kind in range(2):
        acting = np.arange(2) == kind
        trial.start_results[1] = trial.start_results[1]._replace(acting=acting)
        rules = ("standard", "stochastic")
        followers = [trial.make_follower(rule) for rule in rules]
        assert [not follower.is_copy for follower in followers] == [n == kind for n in range(2)]
        assert [len(follower.start_results) for follower in followers].count(0) == 1
