"""Whether z is unique, and to how many minima recoveries with known answers converged."""

import re

import numpy as np
import pytest
from reports.known_sweep import LATENT, make_recoveries

from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import parse_prior
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.recoveries import (
    MIN_RECOVERIES,
    SAME_Z_TOLERANCE,
    Recoveries,
    is_at_bound,
    is_outside,
)

ROUNDING = 5e-3  # image loss
ALL_APART = {"minima": (1,) * 32, "losses": tuple(500 + np.arange(32.0))}
RIVAL = "2 different ones, 99 at the most frequent; 100 reached the least image loss"
CASES = [
    ({"minima": (1,)}, "1 of 1 recoveries ended at a minimum; 10 are needed for an interval that"),
    ({"minima": (9,)}, "9 of 9 recoveries agree; 10 are needed for an interval that excludes that"),
    ({"minima": (7,), "unconverged": 2}, "7 of 9 recoveries agree; 10 are needed"),
    ({"minima": (8, 1)}, "not unique: 9 of 9 recoveries ended at a minimum, at 2 different"),
    ({"minima": (20,), "stalled": range(20)}, "undecided: 0 of 20 … at a minimum, and an answer"),
    ({"minima": (94,), "unconverged": 6}, "undecided: 94 of 100 … at a minimum; they are one z"),
    # a rival of the same loss, which did not converge
    ({"minima": (99, 1), "stalled": [99]}, "undecided: 99 of … z, but 1 elsewhere reached the"),
    # at most 1 - .025^(1/100) of starts end elsewhere
    ({"minima": (100,)}, "unique: all 100 recoveries are one z (at most 3.6 % of starts end"),
    ({"minima": (95, 5), "losses": (0, 6.0)}, "unique: 95 of 100 recoveries are one z"),
    ({"minima": (95,), "unconverged": 5}, "unique: 95 of 100 … (at most 11 % of starts end"),
    ({"minima": (94, 6), "losses": (1.0, 6.0)}, "not unique: 100 of 100 … 94 reached the least"),
    ({"minima": (99, 1), "losses": (50.0, 50.01)}, f"not unique: … {RIVAL}"),
    ({"minima": (99, 1), "losses": (1e-9, 4e-3)}, f"not unique: … {RIVAL}"),  # but rounding
    (
        {"minima": (97, 3), "losses": (50.0, 40.0)},  # the rare minimum is the best
        "not unique: … 97 at the most frequent; 3 reached the least image loss",
    ),
    (
        {"minima": (10, 10, 5), "losses": (50.0, 60.0, 40.0), "stalled": range(20, 25)},
        "not unique: 20 of 25 recoveries ended at a minimum, at 2 … 0 reached the least image loss",
    ),
]


def make(*labels, stalled=(), polished=True, **given):
    """Recoveries; those `stalled` did not converge."""
    columns = make_recoveries(polished=polished, **given)
    columns["polished/outcome" if polished else "outcome"][list(stalled)] = Outcome.stalled
    if labels:
        columns["label"] = np.array(labels)
    return Recoveries(columns, ROUNDING)


@pytest.mark.parametrize(("given", "words"), CASES)
def test_the_verdict_follows_from_minima_and_losses(given, words):
    for polished in (True, False):
        found = make(polished=polished, **given).uniqueness
        pattern = re.escape(words).replace("…", ".*")
        assert re.match(pattern, found.sentence)
        assert words.startswith(found.word if "10 are" not in words else "")
        assert found.word == "undecided" or "10 are" not in words


def test_the_recoveries_that_are_needed_exclude_that_a_third_of_starts_end_elsewhere():
    ends = [statistics.clopper_pearson(0, n).high for n in (MIN_RECOVERIES - 1, MIN_RECOVERIES)]
    assert ends[0] > 1 / 3 > ends[1]


def test_with_labels_the_verdict_is_on_the_label_of_the_least_loss():
    losers = make(*[1] * 12, *[0] * 20, minima=(12, 15, 5), losses=(4.0, 9.0, 8.0))
    found = losers.uniqueness.sentence
    assert found.startswith("under label 1, unique: all 12 recoveries are one z (")
    assert found.endswith("; 20 ended under other labels, at larger losses")
    rivals = make(*[1] * 12, *[0] * 3, minima=(15,))  # under label 0 the z make another image
    found = rivals.uniqueness.sentence
    assert found.startswith("not unique: 3 under other labels reached the least image loss too; ")


def test_a_recovery_without_a_number_is_no_minimum_and_in_no_distance():
    found = make(minima=(99,), unconverged=1)
    for column in ("polished/z_found", "polished/image_loss"):
        found.group[column][99] = np.nan
    assert found.distances.max() < 1e-6
    assert (found.best_row, found.count_minima(), found.largest_count) == (0, 1, 99)
    assert found.uniqueness.sentence.startswith("unique: 99 of 100")


def test_a_polished_z_is_compared_and_one_that_is_not_polished_has_not_converged():
    found = make(minima=(4,))
    found.group["z_found"][:2] += 0.1
    found.group["outcome"][:] = Outcome.stalled
    found.group["polished/outcome"][3] = 0
    found.group["polished/z_found"][3] = found.group["polished/image_loss"][3] = np.nan
    assert (found.count_minima(), found.largest_count) == (1, 3)
    assert found.stationary.tolist() == [True, True, True, False]
    assert found.loss[3] == found.group["image_loss"][3]  # the solver's own
    assert found.measure_found_distances().max() > 1e-3


def test_minima_are_linked_by_steps_below_the_tolerance_and_under_one_label():
    columns = make_recoveries(minima=(4,), polished=False, wobble=0)
    steps = np.array([0.99, 0.99, 1.01]) * SAME_Z_TOLERANCE * LATENT
    columns["z_found"][1:, 0] += np.cumsum(steps)
    found = Recoveries(columns, ROUNDING)
    assert found.minimum_numbers.tolist() == [0, 0, 0, 1]
    assert found.away_from_largest.tolist() == [False, False, False, True]
    labelled = Recoveries(columns | {"label": np.array([0, 1, 0, 0])}, ROUNDING)
    assert labelled.minimum_numbers.tolist() == [0, 1, 2, 3]
    assert len(labelled.distances) == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["normal:1,0.99", "normal:1,0.9", "uniform:-0.1,0.3"])
def test_what_is_clamped_to_a_bound_is_at_it_and_not_outside(name, dtype):
    """In float32 a bound is rounded, and the rounded value may be on either side."""
    prior = parse_prior(name, LATENT)
    columns = make_recoveries(minima=(1,))
    columns["polished/z_found"][:] = (prior.low + prior.high) / 2
    columns["polished/z_found"][0, :2] = np.array([prior.low, prior.high], dtype)
    z = Recoveries(columns, ROUNDING, prior).z
    assert (np.sum(is_outside(z, prior)), np.sum(is_at_bound(z, prior))) == (0, 2)
