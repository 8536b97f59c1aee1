"""How long a run is said to take."""

import numpy as np
import pytest

from ganinv_cli.engine.engine import Tally
from ganinv_cli.experiments.progress import ENOUGH, Count


def test_time_left_is_guessed_from_what_a_trial_is_expected_to_cost():
    count = Count(total=10, before=4, expected=100)
    seen = count.add(Tally(1, 1, 300, 300, 3))
    assert (seen.done, seen.total) == (5, 10)
    assert seen.gradients_per_second == pytest.approx(100)
    assert 5 < seen.seconds_left < 5.5  # five trials, of which one in fifty may be like the first


def test_time_left_is_measured_once_enough_trials_are_done():
    count = Count(total=2 * ENOUGH, before=0, expected=1)
    seen = count.add(Tally(ENOUGH, 0, 200 * ENOUGH, 200 * ENOUGH, 10))
    assert seen.seconds_left == pytest.approx(10)


def test_trials_that_take_longer_than_most_are_not_said_to_be_done():
    count = Count(total=4, before=0, expected=10)
    assert np.isnan(count.add(Tally(1, 1, 10, 400, 4)).seconds_left)
    seen = count.add(Tally(1, 1, 10, 400, 4))
    assert seen.seconds_left == pytest.approx(2 * 800 / 2 / 100)


def test_no_time_is_given_before_a_rate_was_measured_and_none_is_left_at_the_end():
    count = Count(total=1, before=0, expected=100)
    assert np.isnan(count.add(Tally(0, 0, 0, 10, 0.1)).seconds_left)
    assert count.add(Tally(1, 1, 500, 490, 5)).seconds_left == 0


def test_tallies_add_up_and_what_counts_as_good_has_its_word():
    count = Count(total=4, before=1, expected=100, word="converged")
    before = count.add(Tally(0, 0, 0.0, 1.0, 1.0))
    assert (before.done, before.good, before.word) == (1, 0, "converged")
    after = count.add(Tally(3, 2, 3.0, 1.0, 1.0))
    assert (after.done, after.good, after.gradients) == (4, 2, 2.0)
