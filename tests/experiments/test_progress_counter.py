"""How long a run is said to take."""

import numpy as np
import pytest

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.progress_counter import EMPTYING_SPEED, ENOUGH_TRIALS, ProgressCounter

BUDGET = 1000.0


def make_result(seconds, gradients, running=(), group="none", costs=(), shared=False):
    """Return the result of a full batch, and the rows of trials of one group that ended."""
    costs = np.array(costs, np.float64)
    rows = {"gradients": costs, "shared": np.full(len(costs), shared)}
    counts = Counts(len(costs), 0, gradients, seconds)
    return WorkerResult(counts, rows={group: rows}, running=running, batch_size=len(running))


@pytest.mark.parametrize(
    ("missing", "expected", "results", "left"),
    [
        # five trials wait at 100 gradients a second; one in fifty may be like the first
        (6, 100, [make_result(3, 300, costs=[300])], 5.2),
        # once enough trials are done, their mean counts
        (ENOUGH_TRIALS + 5, 1, [make_result(10, 1e4, costs=[200] * ENOUGH_TRIALS)], 1),
        # trials that run longer than all others need as much again, within their budget
        (3, 10, [make_result(3, 600, [295.0, 295.0], costs=[10])], 590 / 200 / EMPTYING_SPEED),
        (3, 10, [make_result(3, 1810, [900.0, 900.0], costs=[10])], 200 / 603 / EMPTYING_SPEED),
        # no time is given before a rate was measured or a trial has ended; none is left at the end
        (5, 100, [make_result(0.1, 10, costs=[10])], np.nan),
        (14, 100, [make_result(5, 500, [500.0])], np.nan),
        (1, 100, [make_result(3, 300, costs=[300])], 0),
        # unless all trials cost their budget
        (3, BUDGET, [make_result(5, 500, [500.0])], 5 + 20),
    ],
)
def test_time_left_is_estimated_from_the_costs_of_trials(missing, expected, results, left):
    counter = ProgressCounter(4 + missing, {"none": missing}, expected, BUDGET, "converged")
    shown = [counter.add(each) for each in results][-1]
    assert shown.seconds_left == pytest.approx(left, rel=0.05, nan_ok=True)
    assert shown.finished == 4 + sum(each.counts.finished for each in results)
    assert (shown.total, shown.success_word) == (4 + missing, "converged")


def test_time_left_has_the_certificates_that_are_left():
    """An image of 8 starts at 10 s each takes 20 s more to re-enact, not 80 as before the first."""
    counter = ProgressCounter(16, {"none": 16}, 1000, BUDGET, certificates=2)
    trials = counter.add(make_result(80, 8000, costs=[1000] * 8))
    assert trials.seconds_left == pytest.approx(80 + 2 * 80, rel=0.05)
    assert counter.add_certificate(20).seconds_left == pytest.approx(80 + 20, rel=0.05)
    ended = counter.add(make_result(80, 8000, costs=[1000] * 8))
    assert ended.seconds_left == pytest.approx(20)
    assert "1 of 2 re-enacted" in ended.describe().details
    assert counter.add_certificate(20).seconds_left == 0


def test_trials_that_are_copied_cost_nothing():
    counter = ProgressCounter(400, {"none": 200, "copied": 200}, 50, BUDGET)
    counter.add(make_result(10, 1e4, costs=[100] * 100))
    shown = counter.add(make_result(0, 0, group="copied", costs=[100] * 100, shared=True))
    assert shown.seconds_left == pytest.approx(10, rel=0.1)
