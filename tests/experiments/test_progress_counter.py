"""How long a run is said to take."""

import copy

import numpy as np
import pytest

from ganinv_cli.engine.engine import Counts, WorkerResult
from ganinv_cli.experiments.plan import UsualCost
from ganinv_cli.experiments.progress_counter import ProgressCounter

RECOVER, DESCENT, OWN, STRANGER = map(UsualCost, (30, 400, 105, 280), (0, 0, 500, 6000))

# Recorded runs on faces32: the seconds that were left, then the counts until then (finished,
# solved, gradients, seconds, seconds of polishing, gradients of ended trials, trials in the batch,
# their gradients), and the seconds of each certificate.
RUNS = {
    "recover": (
        ProgressCounter(1200, 1200, [RECOVER]),
        [
            (28.5, (126, 126, 4670, 3.1, 0, 2890, 128, 1780), []),
            (24.1, (296, 296, 9576, 7.5, 0, 7646, 128, 1930), []),
            (16.1, (593, 593, 19461, 15.5, 0, 16321, 128, 3140), []),
            (8.4, (915, 915, 29273, 23.2, 0, 26283, 128, 2990), []),
            (3.4, (1089, 1089, 34074, 28.2, 0, 31909, 111, 2165), []),
        ],
    ),
    "recover --solver gd": (
        ProgressCounter(450, 450, [DESCENT], decline=1),
        [
            (26.5, (0, 0, 16440, 2.8, 0, 0, 256, 16440), []),
            (22.3, (0, 0, 35940, 7.0, 0, 0, 256, 35940), []),
            (14.8, (128, 128, 80220, 14.4, 0, 51200, 256, 29020), []),
            (7.3, (150, 150, 139100, 21.9, 0, 60000, 256, 79100), []),
        ],
    ),
    "consistency": (
        ProgressCounter(96, 96, [UsualCost(140), UsualCost(875)], decline=0.5),
        [
            (60.5, (2, 0, 16475, 6.1, 0.6, 855, 32, 15620), []),
            (50.4, (22, 0, 30992, 15.1, 1.6, 16172, 31, 14820), []),
            (33.6, (47, 0, 49659, 30.7, 2.9, 38054, 32, 11605), []),
            (16.8, (67, 0, 67610, 46.2, 3.7, 53405, 29, 14205), []),
        ],
    ),
    "invert, own pictures": (
        ProgressCounter(160, 160, [OWN, STRANGER], decline=0.5, certificates=20),
        [
            (12.0, (48, 48, 8539, 2.6, 1.2, 5764, 59, 2775), []),
            (8.1, (84, 84, 15177, 4.6, 2.0, 10312, 58, 4865), [0.7, 0.2, 0.2]),
            (4.0, (130, 130, 19346, 6.1, 3.0, 16316, 30, 3030), [0.7, 0.2, 0.2, 0.3, 0.3, 0.1]),
        ],
    ),
    "invert, photographs": (
        ProgressCounter(40, 40, [OWN, STRANGER], decline=0.5, certificates=5),
        [
            (28.7, (0, 0, 5200, 3.1, 0, 0, 40, 5200), []),
            (23.9, (37, 0, 7254, 5.7, 2.2, 6549, 3, 705), []),
            (11.3, (40, 0, 7305, 5.9, 2.4, 7305, 0, 0), [7.4, 4.8]),
        ],
    ),
}


def _add(counter, counts, certificates, parts=1):
    """Add what is new in counts, which are those since the run began, and return the progress."""
    finished, solved, gradients, seconds, polishing, ended, running, spent = counts
    now = Counts(finished, 0, gradients, seconds, polishing, solved, ended, running, spent)
    new = [a - b for a, b in zip(now, counter.counts, strict=True)]
    for _ in range(parts):
        part = [each / parts for each in new] if parts > 1 else new
        progress = counter.add(WorkerResult(Counts(*part)))
    for each in certificates[len(counter.certificate_seconds) :]:
        progress = counter.add_certificate(each)
    return progress


@pytest.mark.parametrize("name", RUNS)
def test_the_time_left_of_a_recorded_run_is_near_the_truth(name):
    counter, rows = copy.deepcopy(RUNS[name])
    for left, counts, certificates in rows:
        shown = _add(counter, counts, certificates, parts=8)  # a worker has many small results
        assert left / 1.5 < shown.seconds_left < left * 1.5, counts
    assert shown.finished == counts[0]


def _count_own(images, starts):
    """Return the counts after so many own images, whose starts take 80 gradients and .08 s."""
    ended = images * starts
    return ended, ended, 80 * ended, 0.08 * ended, 0, 80 * ended, 0, 0


def test_images_that_are_answered_by_two_starts_need_no_others():
    counter = ProgressCounter(160, 160, [OWN, STRANGER], decline=0.5, certificates=20)
    certificate = 0.3
    for images in (4, 10, 15):
        counter.total = counter.missing = 160 - 6 * images
        shown = _add(counter, _count_own(images, 2), [certificate] * images)
        left = (20 - images) * (0.16 + certificate)
        assert left / 1.5 < shown.seconds_left < left * 1.5
        trials, again, time_left, *_ = shown.describe().describe()
        assert (trials, again) == (
            f"{2 * images}/{160 - 6 * images} trials",
            f"{images}/20 images judged",
        )
        assert time_left.endswith("s left")


def test_from_the_first_second_there_is_an_estimate_that_grows_with_the_trials_that_run():
    counter = ProgressCounter(40, 40, [OWN, STRANGER], decline=0.5, certificates=5)
    young, old, older = (
        _add(counter, (0, 0, 40 * age, 0.02 * age, 0, 0, 40, 40 * age), []).seconds_left
        for age in (40, 120, 400)
    )
    assert young == pytest.approx((40 * 105 - 800 + 5 * 500) / 2000, rel=0.1)
    assert old == pytest.approx((40 * 280 - 2400 + 5 * 6000) / 2000, rel=0.1)
    assert older == pytest.approx((40 * 800 - 8000 + 5 * 6000) / 2000, rel=0.1)


@pytest.mark.parametrize("solved", [False, True])
def test_generators_that_come_later_count_and_are_not_expected_to_solve_the_same(solved):
    """Two of the same size follow."""
    shown = []
    for later in (0, 2):
        counter = ProgressCounter(40, 40, [OWN, STRANGER], decline=0.5, certificates=5, later=later)
        counts = 20, 20 * solved, 10000, 20.0, 0, 10000, 0, 0  # 500 gradients a second
        shown.append(_add(counter, counts, [0.5] * 5).seconds_left)
    alone, together = shown
    each = (40 * STRANGER.trial + 5 * STRANGER.certificate) / 500 if solved else 22.5 + alone
    assert together - alone == pytest.approx(2 * each)


def test_a_run_that_goes_on_with_certificates_alone_knows_their_time_after_the_first():
    counter = ProgressCounter(16, 0, [OWN, STRANGER], decline=0.5, certificates=3)
    assert counter.add_certificate(20).seconds_left == 40
    assert counter.add_certificate(10).seconds_left == 10
    assert counter.add_certificate(10).seconds_left == 0


def test_there_is_no_estimate_before_a_speed_was_measured():
    counter = ProgressCounter(8, 5, [RECOVER])
    shown = counter.add(WorkerResult(Counts()))
    assert np.isnan(shown.seconds_left) and (shown.finished, shown.total) == (3, 8)
