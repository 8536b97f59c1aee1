"""Which starts of a picture agree, which may run, and when no more are needed."""

import numpy as np
import pytest

from ganinv_cli.experiments import answers
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Uniform
from ganinv_cli.results.analysis.recoveries import Recoveries


def _make_starts(z, loss, labels=None):
    """The columns of starts, each at (z, 0, 0, 0)."""
    columns = {
        "image": np.zeros(len(z), np.int64),
        "trial": np.arange(len(z)),
        "z_found": np.pad(np.array(z, np.float32)[:, None], ((0, 0), (0, 3))),
        "image_loss": np.array(loss, float),
        "outcome": np.full(len(z), Outcome.converged, np.uint8),
    }
    return columns if labels is None else {**columns, "label": np.array(labels)}


@pytest.mark.parametrize(
    ("z", "loss", "labels", "last"),
    [
        ([0.1, 0.1], [0, 0], None, 1),
        ([0.1], [0], None, None),
        ([0.1, 0.9], [0, 0], None, None),
        ([0.1, 0.9, 0.1], [0, 0, 0], None, 2),
        ([0.5, 0.9, 0.1, -0.5, -0.9, 0.1], [9, 7, 0, 5, 6, 0], None, 5),
        ([0.1, 0.1, 0.5, 0.5], [9, 9, 0, 0], None, 1),  # a later start does not change it
        ([0.1, 0.1], [9, 5], None, None),
        ([0.1, 0.1, 0.1], [np.nan, 9, 9], None, 2),
        ([0.1, 0.1], [np.nan, np.nan], None, None),
        ([0.1, 0.5, 0.1], [0, 9, 0], [0, 1, 0], 2),
        ([0.1, 0.1, 0.1, 0.1], [0, 0, 9, 0], [0, 1, 0, 1], 3),
        ([0.1, 0.1, 0.1, 0.1], [9, 0, 9, 9], [0, 1, 0, 1], None),
    ],
)
def test_the_last_start_that_counts_is_the_first_that_agrees(z, loss, labels, last):
    recoveries = Recoveries(_make_starts(z, loss, labels), 1.0, Uniform())
    count = 1 if labels is None else 1 + max(labels)
    assert answers.find_agreeing(recoveries, len(z), count) == last


def test_a_start_that_ends_before_an_earlier_one_does_not_count():
    assert answers.count_consecutive(np.array([1, 3])) == 0
    assert answers.count_consecutive(np.array([0, 1, 3])) == 2
    assert answers.count_consecutive(np.array([0, *range(2, 11)])) == 1


def test_few_pictures_run_more_starts_side_by_side():
    """They fill the batch, which takes as long with fewer rows."""
    counts = {n: answers.count_first_released(n, 1, 8) for n in (1, 2, 4, 8)}
    assert counts == {1: 8, 2: 4, 4: 2, 8: 2}
    assert answers.count_first_released(8, 3, 12) == 6  # two under each label


@pytest.mark.parametrize(
    ("explains", "released"),
    [
        ([], 2),
        ([True], 2),
        ([True, False], 3),  # one more if any explains the picture
        ([True, False, False, False], 5),
        ([False, False], 8),  # all if none does
        ([False, False, True], 8),  # though a later one does
        ([True] * 8, 8),
    ],
)
def test_more_starts_are_released_one_by_one_if_any_explains_the_picture(explains, released):
    assert answers.count_released(np.array(explains, bool), 2, 1, 8) == released


def test_a_start_under_each_label_is_released_at_a_time():
    assert answers.count_released(np.array([True] * 6), 6, 3, 12) == 9


def test_starts_that_ran_beside_those_that_answered_do_not_count():
    starts = {"image": np.array([2, 2, 2, 5, 5]), "trial": np.array([0, 1, 4, 0, 4])}
    assert answers.find_uncounted(starts, {2: 2, 7: 2}).tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert not answers.find_uncounted(starts, {}).any()
