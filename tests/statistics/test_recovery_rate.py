"""Counts of recoveries, and confidence intervals of their share."""

import numpy as np
import pytest
from scipy.stats import beta

from ganinv_cli import statistics
from ganinv_cli.outcome import Outcome


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (1000, 1000, 0.9963, 1.0),
        (980, 1000, 0.969, 0.988),
        (0, 1000, 0.0, 0.0037),
        (0, 1, 0.0, 0.975),
        (1, 1, 0.025, 1.0),
    ],
)
def test_an_interval_is_the_published_one(successes, trials, low, high):
    assert statistics.clopper_pearson(successes, trials) == pytest.approx((low, high), abs=6e-4)


def test_an_interval_is_that_of_the_beta_distribution():
    low, high = statistics.clopper_pearson(7, 50)
    assert low == pytest.approx(beta.ppf(0.025, 7, 44))
    assert high == pytest.approx(beta.ppf(0.975, 8, 43))


def test_an_error_at_epsilon_or_not_a_number_is_not_recovered():
    errors = np.array([0.0, 9.99e-5, 1e-4, np.nan, np.inf])
    assert statistics.is_recovered(errors, 1e-4).tolist() == [True, True, False, False, False]


def test_elsewhere_is_converged_to_another_z():
    errors = np.array([1e-6, 1e-3, 1e-3, np.nan])
    outcomes = np.array(
        [Outcome.converged, Outcome.converged, Outcome.stalled, Outcome.converged], np.uint8
    )
    assert statistics.is_elsewhere(errors, outcomes).tolist() == [False, True, False, True]
