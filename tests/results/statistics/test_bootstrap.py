"""Averages over trials, and bootstrap intervals of any statistic of the trials."""

import numpy as np
import pytest
import scipy.stats

from ganinv_cli.results import statistics


def test_the_interval_of_a_median_is_the_exact_one():
    """A resample's median is at most the kth value if 13 of 25 draws are: a binomial tail."""
    values = np.random.default_rng(1).permutation(25.0 + np.arange(25))
    at_most = scipy.stats.binom.sf(12, 25, np.arange(1, 26) / 25)
    low, high = np.searchsorted(at_most, 0.025), np.searchsorted(at_most, 0.975)
    assert (low, high) == (7, 17)
    assert statistics.bootstrap(values, statistics.median) == (25 + low, 25 + high)


def test_a_trial_is_drawn_whole_and_each_column_has_its_own_interval():
    first = np.random.default_rng(4).integers(0, 99, 30)
    values = np.stack([first, 100 - first], axis=1).astype(float)
    assert statistics.bootstrap(values, lambda v: statistics.mean(v).sum(axis=-1)) == (100, 100)
    together = statistics.bootstrap(values, statistics.median)
    alone = statistics.bootstrap(values[:, 1], statistics.median)
    assert (together.low[1], together.high[1]) == alone


def test_one_trial_has_no_interval():
    band = statistics.bootstrap(np.array([[1.0, 2.0]]), statistics.median)
    assert np.isnan(band).tolist() == [[True, True]] * 2


def test_a_trial_without_a_number_is_left_out_of_its_column_alone():
    values = np.random.default_rng(7).normal(size=(40, 3))
    whole = statistics.bootstrap(values, statistics.mean)
    values[3, 1], values[:, 2] = np.nan, np.nan
    band = statistics.bootstrap(values, statistics.mean)
    assert (band.low[0], band.high[0]) == (whole.low[0], whole.high[0])
    kept = statistics.bootstrap(np.delete(values[:, 1], 3), statistics.mean)
    assert (float(band.low[1]), float(band.high[1])) == pytest.approx(np.array(kept), abs=0.05)
    assert np.isnan([band.low[2], band.high[2]]).all()


def test_resamples_without_a_number_are_left_out_and_infinite_ones_count():
    mostly_nan = np.array([np.nan, np.nan, 5.0])
    assert statistics.bootstrap(mostly_nan, statistics.median) == (5, 5)
    infinite = np.array([1.0, 2.0, np.inf])
    assert statistics.bootstrap(infinite, statistics.median) == (1, np.inf)


def test_median_and_mean_are_those_of_the_numbers_in_a_column():
    values = np.random.default_rng(9).normal(size=(101, 4)).astype(np.float32)
    values[::7, 2] = np.nan
    assert statistics.median(values) == pytest.approx(np.nanmedian(values, axis=0))
    assert statistics.mean(values) == pytest.approx(np.nanmean(values, axis=0, dtype=np.float64))
    for without in (values[:0], np.full((3, 4), np.nan)):
        assert np.isnan([statistics.median(without), statistics.mean(without)]).all()
