"""How long a run is said to take."""

import numpy as np
import pytest

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.progress_counter import GUESSED_TRIALS, ProgressCounter

BUDGET = 1000.0


@pytest.mark.parametrize(
    ("missing", "expected", "counts", "left"),
    [
        # the guess counts as much as some trials; five are left, at 100 gradients a second
        (6, 100, (1, 3, 300), 5 * (100 * GUESSED_TRIALS + 300) / (GUESSED_TRIALS + 1) / 100),
        # copies cost nothing, so half of the trials that are left do not
        (4000, 50, (2000, 100, 1e5), 100),
        # no time is given before a rate was measured or a trial has ended; none is left at the end
        (5, 100, (1, 0.1, 10), np.nan),
        (14, 100, (0, 5, 500), np.nan),
        (1, 100, (1, 3, 300), 0),
        # unless all trials cost their budget
        (3, BUDGET, (0, 5, 500), 5 + 20),
    ],
)
def test_time_left_is_estimated_from_the_costs_of_trials(missing, expected, counts, left):
    done, seconds, gradients = counts
    counter = ProgressCounter(4 + missing, missing, expected, BUDGET, "converged")
    shown = counter.add(WorkerResult(Counts(done, 0, gradients, seconds)))
    assert shown.seconds_left == pytest.approx(left, rel=0.05, nan_ok=True)
    assert (shown.finished, shown.total) == (4 + done, 4 + missing)


def test_time_left_has_the_certificates_that_are_left():
    """An image of 8 starts at 10 s each takes 20 s more to re-enact, not 80 as before the first."""
    counter = ProgressCounter(16, 16, 1000, BUDGET, certificates=2)
    starts = WorkerResult(Counts(8, 0, 8000, 80))
    assert counter.add(starts).seconds_left == pytest.approx(80 + 2 * 80)
    assert counter.add_certificate(20).seconds_left == pytest.approx(80 + 20)
    ended = counter.add(starts)
    assert ended.seconds_left == pytest.approx(20)
    assert "1 of 2 re-enacted" in ended.describe().details
    assert counter.add_certificate(20).seconds_left == 0
