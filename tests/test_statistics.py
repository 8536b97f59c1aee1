"""What is counted, how sure a share is, whether two techniques differ."""

import numpy as np
import pytest
from scipy.stats import beta, chi2

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
    assert statistics.interval(successes, trials) == pytest.approx((low, high), abs=6e-4)


def test_an_interval_is_that_of_the_beta_distribution():
    low, high = statistics.interval(7, 50)
    assert low == pytest.approx(beta.ppf(0.025, 7, 44))
    assert high == pytest.approx(beta.ppf(0.975, 8, 43))


def test_mcnemar_counts_discordant_trials_alone():
    first = np.array([True] * 5 + [False] * 3 + [True] * 90)
    second = np.array([False] * 5 + [True] * 3 + [True] * 90)
    test = statistics.mcnemar(first, second)
    assert test[:3] == (98, 5, 3)
    # 2 · P(at most 3 heads of 8) = 2 · (1 + 8 + 28 + 56) / 256
    assert test.p == pytest.approx(2 * 93 / 256)


def test_mcnemar_tells_the_papers_stochastic_clipping_from_none():
    none, stochastic = np.arange(1000) >= 20, np.ones(1000, bool)
    assert statistics.mcnemar(none, stochastic).p == pytest.approx(2 * 0.5**20)


def test_mcnemar_agrees_with_its_approximation_for_many_trials():
    first = np.arange(10_000) < 5_120
    test = statistics.mcnemar(first, ~first)
    approximate = chi2.sf((abs(5_120 - 4_880) - 1) ** 2 / 10_000, 1)
    assert test.p == pytest.approx(approximate, rel=0.01)


def test_without_a_discordant_trial_nothing_tells_two_techniques_apart():
    same = np.array([True, False, True])
    assert statistics.mcnemar(same, same) == (3, 0, 0, 1.0)
    assert statistics.mcnemar(same[:0], same[:0]).p == 1.0


def test_an_error_at_epsilon_or_not_a_number_is_not_recovered():
    errors = np.array([0.0, 9.99e-5, 1e-4, np.nan, np.inf])
    assert statistics.recovered(errors, 1e-4).tolist() == [True, True, False, False, False]


def test_elsewhere_is_converged_to_another_z():
    errors = np.array([1e-6, 1e-3, 1e-3, np.nan])
    outcomes = np.array(
        [Outcome.converged, Outcome.converged, Outcome.stalled, Outcome.converged], np.uint8
    )
    assert statistics.elsewhere(errors, outcomes).tolist() == [False, True, False, True]


def test_only_trials_that_both_ran_are_paired():
    first, second = statistics.shared(
        np.array([0, 1, 3, 5]), np.array([10, 11, 13, 15]), np.array([5, 1, 2]), np.array([5, 1, 2])
    )
    assert first.tolist() == [11, 15]
    assert second.tolist() == [1, 5]


def test_a_curve_stays_where_its_trial_ended():
    curves = np.array([[1.0, 0.1, np.nan, np.nan], [1.0, 0.7, 0.5, 0.2]])
    ends = np.array([0.05, 0.1])
    assert statistics.carried(curves, ends).tolist() == [[1, 0.1, 0.05, 0.05], [1, 0.7, 0.5, 0.2]]
