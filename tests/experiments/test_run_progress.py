"""How long a run is said to take."""

import numpy as np
import pytest

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.run import ENOUGH_TRIALS, ProgressCounter


@pytest.mark.parametrize(
    ("total", "expected", "fixed", "counts", "left"),
    [
        # five trials are left, of which one in fifty may be like the first
        (10, 100, False, [Counts(1, 1, 300, 300, 3)], 5.2),
        # once enough trials are done, their mean counts
        (4 + 2 * ENOUGH_TRIALS, 1, False, [Counts(ENOUGH_TRIALS, 0, 1e4, 1e4, 10)], 10),
        # trials that take longer than most are not said to be done
        (8, 10, False, [Counts(1, 1, 10, 400, 4)], np.nan),
        # no time is given before a rate was measured, and none is left at the end
        (5, 100, False, [Counts(0, 0, 0, 10, 0.1)], np.nan),
        # before a trial has finished, the time is known only if all cost the same
        (14, 100, False, [Counts(0, 0, 0, 500, 5)], np.nan),
        (14, 100, True, [Counts(0, 0, 0, 500, 5)], 5),
    ],
)
def test_time_left_is_estimated_from_the_cost_of_a_trial(total, expected, fixed, counts, left):
    counter = ProgressCounter(total, 4, expected, "converged", has_fixed_cost=fixed)
    shown = [counter.add(WorkerResult(each)) for each in counts][-1]
    assert shown.seconds_left == pytest.approx(left, rel=0.05, nan_ok=True)
    assert shown.finished == 4 + sum(each.finished for each in counts)
    assert shown.successes == sum(each.successes for each in counts)
    assert (shown.total, shown.success_word) == (total, "converged")
