"""How long a run is said to take."""

import numpy as np
import pytest

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.progress import ENOUGH_TRIALS, ProgressCounter


def test_time_left_is_guessed_from_what_a_trial_is_expected_to_cost():
    count = ProgressCounter(total=10, finished_before=4, expected_gradients=100)
    seen = count.add(WorkerResult(Counts(1, 1, 300, 300, 3)))
    assert (seen.finished, seen.total) == (5, 10)
    assert seen.gradients_per_second == pytest.approx(100)
    assert 5 < seen.seconds_left < 5.5  # five trials, of which one in fifty may be like the first


def test_time_left_is_measured_once_enough_trials_are_done():
    count = ProgressCounter(total=2 * ENOUGH_TRIALS, finished_before=0, expected_gradients=1)
    seen = count.add(
        WorkerResult(Counts(ENOUGH_TRIALS, 0, 200 * ENOUGH_TRIALS, 200 * ENOUGH_TRIALS, 10))
    )
    assert seen.seconds_left == pytest.approx(10)


def test_trials_that_take_longer_than_most_are_not_said_to_be_done():
    count = ProgressCounter(total=4, finished_before=0, expected_gradients=10)
    assert np.isnan(count.add(WorkerResult(Counts(1, 1, 10, 400, 4))).seconds_left)
    seen = count.add(WorkerResult(Counts(1, 1, 10, 400, 4)))
    assert seen.seconds_left == pytest.approx(2 * 800 / 2 / 100)


def test_no_time_is_given_before_a_rate_was_measured_and_none_is_left_at_the_end():
    count = ProgressCounter(total=1, finished_before=0, expected_gradients=100)
    assert np.isnan(count.add(WorkerResult(Counts(0, 0, 0, 10, 0.1))).seconds_left)
    assert count.add(WorkerResult(Counts(1, 1, 500, 490, 5))).seconds_left == 0


def test_before_a_trial_has_finished_the_time_is_known_only_if_all_cost_the_same():
    for has_fixed_cost in (False, True):
        count = ProgressCounter(10, 0, expected_gradients=100, has_fixed_cost=has_fixed_cost)
        seen = count.add(WorkerResult(Counts(0, 0, 0, 500, 5)))
        assert seen.seconds_left == pytest.approx(5 if has_fixed_cost else np.nan, nan_ok=True)


def test_tallies_add_up_and_what_counts_as_good_has_its_word():
    count = ProgressCounter(
        total=4, finished_before=1, expected_gradients=100, success_word="converged"
    )
    before = count.add(WorkerResult(Counts(0, 0, 0.0, 1.0, 1.0)))
    assert (before.finished, before.successes, before.success_word) == (1, 0, "converged")
    after = count.add(WorkerResult(Counts(3, 2, 3.0, 1.0, 1.0)))
    assert (after.finished, after.successes, after.gradients) == (4, 2, 2.0)
