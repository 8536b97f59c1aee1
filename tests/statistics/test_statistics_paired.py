"""Tests for a difference of two rules, on the trials that both ran."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import chi2, rankdata

from ganinv_cli import statistics

# Heights of 15 pairs of plants, crossed less self-fertilised, in eighths of an inch (Darwin 1876).
DARWIN = np.array([49.0, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])


def test_mcnemar_counts_discordant_trials_alone() -> None:
    first = np.array([True] * 5 + [False] * 3 + [True] * 90)
    second = np.array([False] * 5 + [True] * 3 + [True] * 90)
    test = statistics.mcnemar(first, second)
    assert test[:3] == (98, 5, 3)
    # 2 · P(at most 3 heads of 8) = 2 · (1 + 8 + 28 + 56) / 256
    assert test.p == pytest.approx(2 * 93 / 256)


def test_mcnemar_tells_the_papers_stochastic_clipping_from_none() -> None:
    none, stochastic = np.arange(1000) >= 20, np.ones(1000, bool)
    assert statistics.mcnemar(none, stochastic).p == pytest.approx(2 * 0.5**20)


def test_mcnemar_agrees_with_its_approximation_for_many_trials() -> None:
    first = np.arange(10_000) < 5_120
    test = statistics.mcnemar(first, ~first)
    approximate = chi2.sf((abs(5_120 - 4_880) - 1) ** 2 / 10_000, 1)
    assert test.p == pytest.approx(approximate, rel=0.01)


def test_without_a_discordant_trial_nothing_tells_two_techniques_apart() -> None:
    same = np.array([True, False, True])
    assert statistics.mcnemar(same, same) == (3, 0, 0, 1.0)
    assert statistics.mcnemar(same[:0], same[:0]).p == 1.0


def test_only_trials_that_both_ran_are_paired() -> None:
    first, second = statistics.match_trials(
        np.array([0, 1, 3, 5]), np.array([10, 11, 13, 15]), np.array([5, 1, 2]), np.array([5, 1, 2])
    )
    assert first.tolist() == [11, 15]
    assert second.tolist() == [1, 5]


def test_wilcoxon_tells_darwins_plants_apart() -> None:
    """W = 24 of 120: 1352 of the 2¹⁵ signs are as extreme."""
    other = np.random.default_rng(1).integers(50, 99, 15)
    found = statistics.compare_errors(DARWIN + other, other)
    assert found.p == pytest.approx(1352 / 2**15)
    assert (found.trials, found.median_difference) == (15, 24)


@pytest.mark.parametrize("differences", [[3, -3, 5, 5, 2, 8, 8], [1], [2, -1], [4, 4, 4, 4, -4]])
def test_wilcoxon_is_exact_with_few_trials_and_ties(differences) -> None:
    differences = np.array(differences, float)
    ranks = rankdata(np.abs(differences))
    middle, seen = ranks.sum() / 2, ranks[differences > 0].sum()
    signs = np.array(list(product([0, 1], repeat=len(ranks))))
    extreme = np.mean(np.abs(signs @ ranks - middle) >= abs(seen - middle))
    found = statistics.compare_errors(differences, np.zeros_like(differences))
    assert found.p == pytest.approx(extreme)


def test_wilcoxon_of_many_trials_is_the_normal_approximation() -> None:
    n = 400
    difference = np.arange(1, n + 1) * np.where(np.arange(n) % 9 < 4, -1.0, 1.0)
    w = difference[difference > 0].sum()
    z = (w - n * (n + 1) / 4) / np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    found = statistics.compare_errors(difference, np.zeros(n), resamples=10)
    assert found.p == pytest.approx(chi2.sf(z**2, 1))


def test_trials_without_a_difference_leave_p_alone() -> None:
    first, second = np.append(DARWIN, np.ones(30)), np.append(np.zeros(15), np.ones(30))
    found = statistics.compare_errors(first, second)
    assert found.p == pytest.approx(1352 / 2**15)
    assert (found.trials, found.median_difference) == (45, 0)


def test_without_any_difference_p_is_1() -> None:
    same = np.array([1.0, 2.0, 3.0])
    assert statistics.compare_errors(same, same) == (3, 0, 0, 0, 1)


@pytest.mark.parametrize("trials", [0, 1])
def test_too_few_trials_have_no_interval(trials) -> None:
    found = statistics.compare_errors(np.full(trials, 2.0), np.full(trials, 1.5))
    middle = 0.5 if trials else np.nan
    assert found == pytest.approx((trials, middle, np.nan, np.nan, 1), nan_ok=True)


def test_a_small_difference_shows_through_trials_that_differ_more() -> None:
    random = np.random.default_rng(2)
    hardness = random.lognormal(0, 3, 60)
    found = statistics.compare_errors(hardness + random.normal(0.1, 0.1, 60), hardness)
    assert 0 < found.low < found.median_difference < found.high < 0.2
    assert found.p < 1e-3


def test_the_two_techniques_can_change_places() -> None:
    first, second = np.random.default_rng(3).lognormal(size=(2, 25))
    there, back = statistics.compare_errors(first, second), statistics.compare_errors(second, first)
    assert there.median_difference == -back.median_difference
    assert (there.low, there.high) == (-back.high, -back.low)
    assert there.p == pytest.approx(back.p)


def test_a_failed_trial_counts_against_its_technique() -> None:
    failing = np.array([np.nan] * 6 + [1.0, np.inf])
    working = np.array([5.0] * 6 + [2.0, np.nan])
    found = statistics.compare_errors(failing, working)
    assert (found.trials, found.median_difference, found.high) == (8, np.inf, np.inf)
    assert found.p == pytest.approx(4 / 2**7)  # R⁻ is 1 of 28, the 6 failures tie above it
