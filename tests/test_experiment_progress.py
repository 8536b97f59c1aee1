"""How long a run is said to take."""

import numpy as np
import pytest

from ganinv_cli.experiments.progress import ENOUGH, Count
from ganinv_cli.outcome import Outcome
from ganinv_cli.solvers.loop import Look
from ganinv_cli.solvers.trial import Ending, Job, Marks, Trial

MARKS = Marks(np.zeros(0), np.zeros(0))


def _ended(gradients, outcome=Outcome.converged, away=0.0):
    """A trial whose z lies `away` from the true one in every component."""
    target = np.zeros((1, 1, 1))
    z = np.zeros(4)
    trial = Trial(Job(0, "none"), z, target, 0, 0, tolerance=1e-8, begin=z, cost=0, marks=MARKS)
    trial.ends.append(Ending(z + away, 0.0, 0.0, outcome, gradients, redraws=0, seconds=1.0))
    return trial


def test_time_left_is_guessed_from_what_a_trial_is_expected_to_cost():
    count = Count(total=10, before=4, expected=100)
    seen = count.add(Look([_ended(300)], gradients=300, seconds=3))
    assert (seen.done, seen.total) == (5, 10)
    assert seen.gradients_per_second == pytest.approx(100)
    assert 5 < seen.seconds_left < 5.5  # five trials, of which one in fifty may be like the first


def test_time_left_is_measured_once_enough_trials_are_done():
    count = Count(total=2 * ENOUGH, before=0, expected=1)
    seen = count.add(Look([_ended(200)] * ENOUGH, gradients=200 * ENOUGH, seconds=10))
    assert seen.seconds_left == pytest.approx(10)


def test_trials_that_take_longer_than_most_are_not_said_to_be_done():
    count = Count(total=4, before=0, expected=10)
    assert np.isnan(count.add(Look([_ended(10)], gradients=400, seconds=4)).seconds_left)
    seen = count.add(Look([_ended(10)], gradients=400, seconds=4))
    assert seen.seconds_left == pytest.approx(2 * 800 / 2 / 100)


def test_no_time_is_given_before_a_rate_was_measured_and_none_is_left_at_the_end():
    count = Count(total=1, before=0, expected=100)
    assert np.isnan(count.add(Look([], gradients=10, seconds=0.1)).seconds_left)
    assert count.add(Look([_ended(500)], gradients=490, seconds=5)).seconds_left == 0


@pytest.mark.parametrize(
    ("exact", "word", "good"), [(True, "recovered", 1), (False, "converged", 2)]
)
def test_what_noise_hides_is_said_to_have_converged(exact, word, good):
    count = Count(total=4, before=0, expected=100, exact=exact)
    ends = [_ended(1), _ended(1, away=1.0), _ended(1, Outcome.budget, away=1.0)]
    before = count.add(Look([], gradients=1, seconds=1))
    assert (before.word, before.good) == (word, 0)
    after = count.add(Look(ends, gradients=1, seconds=1))
    assert (after.word, after.good) == (word, good)
