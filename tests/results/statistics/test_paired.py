"""Shares of recovered trials, and tests of two rules on the trials that both ran."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import beta, rankdata

from ganinv_cli.results import statistics

# Heights of 15 pairs of plants, crossed less self-fertilised, in eighths of an inch (Darwin 1876).
DARWIN = np.array([49.0, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (7, 50, beta.ppf(0.025, 7, 44), beta.ppf(0.975, 8, 43)),
        (980, 1000, beta.ppf(0.025, 980, 21), beta.ppf(0.975, 981, 20)),
        (0, 1000, 0.0, 1 - 0.025**0.001),
        (1000, 1000, 0.025**0.001, 1.0),
        (0, 1, 0.0, 0.975),
    ],
)
def test_the_interval_of_a_share_is_clopper_and_pearsons(successes, trials, low, high):
    assert statistics.clopper_pearson(successes, trials) == pytest.approx((low, high))


def test_an_error_at_epsilon_or_not_a_number_is_not_recovered():
    errors = np.array([0.0, 9.99e-5, 1e-4, np.nan, np.inf])
    assert statistics.is_recovered(errors, 1e-4).tolist() == [True, True, False, False, False]


def test_mcnemar_counts_discordant_trials_alone():
    first = np.array([True] * 5 + [False] * 3 + [True] * 90)
    second = np.array([False] * 5 + [True] * 3 + [True] * 90)
    # 2 · P(at most 3 heads of 8) = 2 · (1 + 8 + 28 + 56) / 256
    assert statistics.mcnemar(first, second) == pytest.approx((98, 5, 3, 2 * 93 / 256))
    assert statistics.mcnemar(first, first) == (98, 0, 0, 1.0)
    assert statistics.mcnemar(first[:0], first[:0]).p == 1.0


def test_only_trials_that_both_ran_are_paired():
    first, second = statistics.match_trials(
        np.array([0, 1, 3, 5]), np.array([10, 11, 13, 15]), np.array([5, 1, 2]), np.array([5, 1, 2])
    )
    assert (first.tolist(), second.tolist()) == ([11, 15], [1, 5])


def test_wilcoxon_of_darwins_plants_is_the_published_one_whatever_is_equal():
    """W = 24 of 120: 1352 of the 2¹⁵ signs are as extreme."""
    other = np.random.default_rng(1).integers(50, 99, 15)
    found = statistics.wilcoxon(DARWIN + other, other)
    assert (found.trials, found.median_difference) == (15, 24)
    assert found.p == pytest.approx(1352 / 2**15)
    tied = statistics.wilcoxon(np.append(DARWIN, np.ones(30)), np.repeat([0.0, 1.0], [15, 30]))
    assert (tied.trials, tied.median_difference) == (45, 0)
    assert tied.p == pytest.approx(1352 / 2**15)


@pytest.mark.parametrize("differences", [[3, -3, 5, 5, 2, 8, 8], [1], [2, -1], [4, 4, 4, 4, -4]])
def test_wilcoxon_is_exact_with_few_trials_and_ties(differences):
    differences = np.array(differences, float)
    ranks = rankdata(np.abs(differences))
    middle, seen = ranks.sum() / 2, ranks[differences > 0].sum()
    signs = np.array(list(product([0, 1], repeat=len(ranks))))
    extreme = np.mean(np.abs(signs @ ranks - middle) >= abs(seen - middle))
    found = statistics.wilcoxon(differences, np.zeros_like(differences))
    assert found.p == pytest.approx(extreme)


def test_without_a_difference_p_is_1_and_without_two_trials_there_is_no_interval():
    same = np.array([1.0, 2.0, 3.0])
    assert statistics.wilcoxon(same, same) == (3, 0, 0, 0, 1)
    one = statistics.wilcoxon(np.array([2.0]), np.array([1.5]))
    assert one == pytest.approx((1, 0.5, np.nan, np.nan, 1), nan_ok=True)
    none = statistics.wilcoxon(same[:0], same[:0])
    assert none == pytest.approx((0, np.nan, np.nan, np.nan, 1), nan_ok=True)


def test_a_small_difference_shows_through_trials_that_differ_more():
    random = np.random.default_rng(2)
    hardness = random.lognormal(0, 3, 60)
    found = statistics.wilcoxon(hardness + random.normal(0.1, 0.1, 60), hardness)
    assert 0 < found.low < found.median_difference < found.high < 0.2
    assert found.p < 1e-3
    back = statistics.wilcoxon(hardness, hardness + random.normal(0.1, 0.1, 60))
    assert back.median_difference < 0


def test_a_failed_trial_counts_against_its_rule():
    failing = np.array([np.nan] * 6 + [1.0, np.inf])
    working = np.array([5.0] * 6 + [2.0, np.nan])
    found = statistics.wilcoxon(failing, working)
    assert (found.trials, found.median_difference, found.high) == (8, np.inf, np.inf)
    assert found.p == pytest.approx(4 / 2**7)  # R⁻ is 1 of 28, the 6 failures tie above it


@pytest.mark.parametrize("tests", [1, 3, 21, 70])
def test_the_trials_needed_are_the_fewest_whose_least_p_is_significant(tests):
    needed = statistics.count_trials_needed(tests)
    for trials in (needed - 1, needed):
        ahead = np.arange(1.0, trials + 1)
        zeros = np.zeros(trials)
        found = statistics.wilcoxon(ahead, zeros), statistics.mcnemar(ahead > 0, ahead < 0)
        for least in (min(statistics.holm([each.p] + [1.0] * (tests - 1))) for each in found):
            assert (least < statistics.SIGNIFICANCE) == (trials == needed)
