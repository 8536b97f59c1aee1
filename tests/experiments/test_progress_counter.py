"""How long a run is said to take."""

import copy
import json
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.image_plan import CERTIFICATE_GRADIENTS
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.plan import UsualCost
from ganinv_cli.experiments.progress_counter import Judged, ProgressCounter
from ganinv_cli.inversion.solvers.lbfgs import LBFGS

DATA = Path(__file__).parents[1] / "data"
RECOVER, DESCENT, OWN, STRANGER = map(UsualCost, (30, 400, 105, 280), (0, 0, 500, 6000))

# Recorded runs on faces32: the seconds that were left, then the counts until then (finished,
# solved, gradients, seconds, seconds of polishing, gradients of ended trials, trials in the batch,
# their gradients).
RUNS = {
    "recover": (
        ProgressCounter(1200, 1200, [RECOVER]),
        [
            (28.5, (126, 126, 4670, 3.1, 0, 2890, 128, 1780)),
            (24.1, (296, 296, 9576, 7.5, 0, 7646, 128, 1930)),
            (16.1, (593, 593, 19461, 15.5, 0, 16321, 128, 3140)),
            (8.4, (915, 915, 29273, 23.2, 0, 26283, 128, 2990)),
            (3.4, (1089, 1089, 34074, 28.2, 0, 31909, 111, 2165)),
        ],
    ),
    "recover --solver gd": (
        ProgressCounter(450, 450, [DESCENT], decline=1),
        [
            (26.5, (0, 0, 16440, 2.8, 0, 0, 256, 16440)),
            (22.3, (0, 0, 35940, 7.0, 0, 0, 256, 35940)),
            (14.8, (128, 128, 80220, 14.4, 0, 51200, 256, 29020)),
            (7.3, (150, 150, 139100, 21.9, 0, 60000, 256, 79100)),
        ],
    ),
    "consistency": (
        ProgressCounter(96, 96, [UsualCost(140), UsualCost(875)], decline=0.5),
        [
            (60.5, (2, 0, 16475, 6.1, 0.6, 855, 32, 15620)),
            (50.4, (22, 0, 30992, 15.1, 1.6, 16172, 31, 14820)),
            (33.6, (47, 0, 49659, 30.7, 2.9, 38054, 32, 11605)),
            (16.8, (67, 0, 67610, 46.2, 3.7, 53405, 29, 14205)),
        ],
    ),
}


STARTS = [LBFGS().expected_gradients * cost for cost in InvertConfig.start_costs]
# Runs of invert on 12 to 32 pictures, while other programs ran. An event: its second, trials, those
# that were missing at the beginning, and images whose first starts do not answer them; then the new
# counts, or the seconds of an image that was judged, and whether its first starts answered it.
INVERTED = json.loads((DATA / "inverted_runs.json").read_text(encoding="utf-8"))


def _add(counter, counts, parts=1):
    """Add what is new in counts, which are those since the run began, and return the progress."""
    finished, solved, gradients, seconds, polishing, ended, running, spent = counts
    now = Counts(finished, 0, gradients, seconds, polishing, solved, ended, running, spent)
    new = [a - b for a, b in zip(now, counter.counts, strict=True)]
    for _ in range(parts):
        progress = counter.add(
            WorkerResult(Counts(*(each / parts if parts > 1 else each for each in new)))
        )
    return progress


@pytest.mark.parametrize("name", RUNS)
def test_the_time_left_of_a_recorded_run_is_near_the_truth(name):
    counter, rows = copy.deepcopy(RUNS[name])
    for left, counts in rows:
        shown = _add(counter, counts, parts=8)  # a worker has many small results
        assert left / 1.5 < shown.seconds_left < left * 1.5, counts
    assert shown.finished == counts[0]


def _replay(run):
    """Return the seconds that are shown and those that were left, at each hundredth of a run."""
    costs = [UsualCost(*each) for each in zip(STARTS, CERTIFICATE_GRADIENTS, strict=True)]
    counter = ProgressCounter(**run["counter"], usual_costs=costs, decline=0.5)
    events, length, rows = deque(run["events"]), run["seconds"], []
    for now in np.arange(0.1, 0.95, 0.01) * length:
        while events[0][0] <= now:
            second, counter.total, counter.missing, counter.unanswered, *new = events.popleft()
            if len(new) == 2:
                shown = counter.add_judged(Judged(*new))
            else:
                shown = counter.add(WorkerResult(Counts(*new)))
        left = max(shown.seconds_left - (now - second), shown.seconds_after)
        rows.append((left, length - now))
    return np.array(rows).T


@pytest.mark.parametrize("name", INVERTED)
def test_the_time_left_of_a_recorded_invert_is_near_the_truth(name):
    shown, left = _replay(INVERTED[name])
    is_shown = np.isfinite(shown)
    times = shown[is_shown] / left[is_shown]
    is_near = (abs(np.log(times)) < np.log(2)) | (abs(shown - left)[is_shown] < 60)
    assert is_shown.mean() > 0.7 and is_near.mean() > 0.9 and times.min() > 0.4


def _make_counter(images=20, starts=8):
    trials = images * starts
    return ProgressCounter(trials, trials, [OWN, STRANGER], decline=0.5, certificates=images)


def test_images_that_are_answered_by_two_starts_need_no_others():
    """Their starts take 80 gradients and .08 s."""
    counter = _make_counter()
    for images in (4, 10, 15):
        ended = 2 * images
        counter.total = counter.missing = 160 - 6 * images
        _add(counter, (ended, ended, 80 * ended, 0.08 * ended, 0, 80 * ended, 0, 0))
        while len(counter.judged) < images:
            shown = counter.add_judged(Judged(0.3, answered=True))
        left = (20 - images) * (0.16 + 0.3)
        assert left / 1.5 < shown.seconds_left < left * 1.5
        trials, again, time_left, *_ = shown.describe().describe()
        assert (trials, again) == (
            f"{2 * images}/{160 - 6 * images} trials",
            f"{images}/20 images judged",
        )
        assert time_left.endswith("s left")


def test_no_time_is_shown_before_it_is_known_whether_trials_take_long():
    counter = _make_counter(5)
    young, old = (
        _add(counter, (0, 0, 40 * age, 0.02 * age, 0, 0, 40, 40 * age)).seconds_left
        for age in (100, 220)
    )
    assert np.isnan(young)
    assert old == pytest.approx((40 * 440 - 4400 + 5 * 6000) / 2000, rel=0.1)


def test_images_that_are_not_answered_count_from_then_on():
    counter = _make_counter(20)
    for _ in range(6):
        counter.add_judged(Judged(0.3, answered=True))
    counter.unanswered = 2
    counts = (16, 8, 16 * 200, 2.0, 0, 16 * 200, 0, 0)
    few = _add(counter, counts).seconds_left
    counter.unanswered = 14
    many = _add(counter, counts).seconds_left
    assert 1.5 * few < many and many > 14 * 6000 * 2 / 3200


def test_generators_that_come_later_count_as_if_they_made_none_of_the_images():
    """Two of the same size follow."""
    shown = []
    for later in (0, 2):
        counter = ProgressCounter(40, 40, [OWN, STRANGER], decline=0.5, certificates=5, later=later)
        _add(counter, (20, 20, 10000, 20.0, 0, 10000, 0, 0))  # 500 gradients a second
        shown.append(counter.add_judged(Judged(0.5, answered=True)).seconds_left)
    alone, together = shown
    each = (40 * STRANGER.trial + 5 * STRANGER.certificate) / 500
    assert together - alone > 2 * each


def test_the_time_never_falls_below_that_of_the_images_after_the_next():
    counter = _make_counter(3, 0)
    counter.unanswered = 2
    work = counter.add_judged(Judged(10.0, answered=False)).describe()
    assert work.describe(passed=5)[2] == "15 s left"
    assert work.describe(passed=60)[2] == "10 s left"
    counter.unanswered = 1
    work = counter.add_judged(Judged(10.0, answered=False)).describe()
    assert len(work.describe(passed=60)) == 2  # it proved wrong


def test_a_run_that_goes_on_with_certificates_alone_knows_their_time_after_the_first():
    counter = ProgressCounter(16, 0, [OWN, STRANGER], decline=0.5, certificates=3)
    for seconds, left in ((20, 40), (10, 15), (12, 0)):
        assert counter.add_judged(Judged(seconds, answered=False)).seconds_left == left


def test_there_is_no_estimate_before_a_speed_was_measured():
    counter = ProgressCounter(8, 5, [RECOVER])
    shown = counter.add(WorkerResult(Counts()))
    assert np.isnan(shown.seconds_left) and (shown.finished, shown.total) == (3, 8)
