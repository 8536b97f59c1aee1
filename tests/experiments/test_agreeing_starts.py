"""Which starts of a picture agree, which may run, and when no more are needed."""

import numpy as np
import pytest

from ganinv_cli.experiments import answers
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Uniform
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.store.rows import count_rows

STARTS = "stochastic/starts"


def _make_starts(z, loss, labels=None, trials=None):
    """The columns of starts, each at (z, 0, 0, 0)."""
    columns = {
        "image": np.zeros(len(z), np.int64),
        "trial": np.arange(len(z)) if trials is None else np.array(trials),
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
    assert answers._find_agreeing(recoveries, len(z), count) == last


def _add(pending, *trials, z=0.1, loss=0.0):
    z, loss = (np.broadcast_to(each, len(trials)) for each in (z, loss))
    pending.add({STARTS: _make_starts(z, loss, trials=trials)})
    return [count_rows(due.columns) for due in pending.take_agreeing()]


def _make_pending(images=8, **changed):
    given = {"prior": Uniform(), "count_values": lambda _: 10_000}
    return answers.PendingImages(["stochastic"], range(images), 8, **given | changed)


def test_a_start_that_ends_before_an_earlier_one_does_not_count():
    pending = _make_pending()
    assert pending.count_released("stochastic", 0) == 2
    assert _add(pending, 3) == _add(pending, 1) == []
    assert _add(pending, 0) == [2]


def test_few_pictures_run_more_starts_side_by_side():
    """They fill the batch, which takes as long with fewer rows."""
    counts = {n: _make_pending(n).count_released("stochastic", 0) for n in (1, 2, 4, 8)}
    assert counts == {1: 8, 2: 4, 4: 2, 8: 2}


def test_more_starts_are_released_one_by_one_if_any_explains_the_picture():
    pending = _make_pending()
    assert _add(pending, 0, 1, z=(0.1, 0.9), loss=(0, 90)) == []
    assert pending.count_released("stochastic", 0) == 3
    assert _add(pending, 2, loss=50) == []
    assert pending.count_released("stochastic", 0) == 4
    assert _add(pending, 3) == [4]


def test_all_starts_are_released_if_none_explains_the_picture_or_two_do_not_answer_it():
    pending = _make_pending()
    assert _add(pending, 0, 1, z=(0.1, 0.9), loss=90) == []
    assert pending.count_released("stochastic", 0) == 8
    pending = _make_pending()
    pending.add({STARTS: _make_starts([0.1, 0.1], [0, 0])})
    (due,) = pending.take_agreeing()
    pending.open(due)
    assert pending.count_released("stochastic", 0) == 8
    assert _add(pending, *range(2, 7)) == [] and not list(pending.take_due())
    assert _add(pending, 7) == []
    assert [count_rows(due.columns) for due in pending.take_due()] == [8]


def test_an_answered_picture_releases_no_more_starts():
    pending = _make_pending()
    pending.add({STARTS: _make_starts([0.1, 0.1, 0.1], [0, 0, 0])})
    (due,) = pending.take_agreeing()
    pending.end(due)
    assert pending.answered == {("stochastic", 0): 2}
    assert pending.count_released("stochastic", 0) == 2
    assert _add(pending, 4, 5) == [] and not list(pending.take_due())


def test_experiments_that_count_all_starts_release_them_at_once():
    pending = _make_pending(prior=None)
    assert pending.count_released("stochastic", 0) == 8
    assert _add(pending, 0, 1) == []
