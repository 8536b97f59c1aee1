"""Bootstrap intervals of a median, a mean or another statistic of the trials."""

import tracemalloc

import numpy as np
import pytest
import scipy.stats

from ganinv_cli import statistics


def test_the_interval_of_a_median_is_the_exact_one() -> None:
    """A resample's median is at most the kth value when 13 of 25 draws are: a binomial tail."""
    values = np.random.default_rng(1).permutation(25.0 + np.arange(25))
    at_most = scipy.stats.binom.sf(12, 25, np.arange(1, 26) / 25)
    low, high = np.searchsorted(at_most, 0.025), np.searchsorted(at_most, 0.975)
    assert (low, high) == (7, 17)
    assert statistics.bootstrap(values, statistics.median) == (25 + low, 25 + high)


@pytest.mark.parametrize(
    ("statistic", "theirs"), [(statistics.mean, np.mean), (lambda v: np.std(v, axis=0), np.std)]
)
def test_the_interval_is_that_of_scipy(statistic, theirs) -> None:
    values = np.random.default_rng(2).lognormal(size=60)
    low, high = statistics.bootstrap(values, statistic, resamples=5000, confidence=0.9)
    other = scipy.stats.bootstrap(
        (values,), theirs, n_resamples=5000, method="percentile", confidence_level=0.9
    ).confidence_interval
    assert (low, high) == pytest.approx(other, abs=0.06 * (other.high - other.low))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    samples = np.random.default_rng(3).normal(size=(300, 50))
    bands = [statistics.bootstrap(s, statistics.mean, resamples=200) for s in samples]
    share = np.mean([band.low < 0 < band.high for band in bands])
    assert 0.90 < share < 0.975


def test_a_trial_is_drawn_whole() -> None:
    first = np.random.default_rng(4).integers(0, 99, 30)
    values = np.stack([first, 100 - first], axis=1).astype(float)
    low, high = statistics.bootstrap(values, lambda v: statistics.mean(v).sum())
    assert low == high == 100


def test_each_column_has_its_own_interval() -> None:
    values = np.random.default_rng(5).normal([0, 100, -7], size=(40, 3))
    together = statistics.bootstrap(values, statistics.median)
    assert together.low.shape == together.high.shape == (3,)
    alone = statistics.bootstrap(values[:, 1], statistics.median)
    assert (together.low[1], together.high[1]) == alone


def test_a_seed_fixes_the_interval() -> None:
    values = np.random.default_rng(6).normal(size=20)
    intervals = [statistics.bootstrap(values, statistics.mean, seed=seed) for seed in (1, 1, 2)]
    assert intervals[0] == intervals[1] != intervals[2]


def test_one_trial_has_no_interval() -> None:
    band = statistics.bootstrap(np.array([[1.0, 2.0]]), statistics.median)
    assert np.isnan(band.low).tolist() == np.isnan(band.high).tolist() == [True, True]
    assert np.isnan(statistics.bootstrap(np.array([3.0]), statistics.mean)).all()


def test_a_failed_trial_is_left_out_of_its_column_alone() -> None:
    values = np.random.default_rng(7).normal(size=(40, 3))
    whole = statistics.bootstrap(values, statistics.mean)
    values[3, 1], values[:, 2] = np.nan, np.nan
    band = statistics.bootstrap(values, statistics.mean)
    assert (band.low[0], band.high[0]) == (whole.low[0], whole.high[0])
    kept = statistics.bootstrap(np.delete(values[:, 1], 3), statistics.mean)
    assert (float(band.low[1]), float(band.high[1])) == pytest.approx(np.array(kept), abs=0.05)
    assert np.isnan([band.low[2], band.high[2]]).all()


def test_a_resample_without_a_number_is_left_out() -> None:
    band = statistics.bootstrap(np.array([np.nan, np.nan, 5.0]), statistics.median)
    assert band == (5, 5)


def test_an_infinite_error_widens_the_interval_and_spoils_nothing() -> None:
    band = statistics.bootstrap(np.array([1.0, 2.0, np.inf]), statistics.median)
    assert band == (1, np.inf)


def test_memory_does_not_grow_with_the_resamples() -> None:
    values = np.random.default_rng(8).normal(size=(1000, 7))
    tracemalloc.start()
    statistics.bootstrap(values, statistics.median)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6  # all resamples at once: 112e6


def test_the_middle_is_that_of_the_numbers() -> None:
    values = np.array([[1, np.nan, 4], [5, np.nan, 2], [np.nan, np.nan, 6], [2, np.nan, 9]])
    assert statistics.median(values) == pytest.approx([2, np.nan, 5], nan_ok=True)
    assert statistics.mean(values) == pytest.approx([8 / 3, np.nan, 5.25], nan_ok=True)
    assert statistics.median(values[:0]) == pytest.approx([np.nan] * 3, nan_ok=True)
    assert statistics.mean(values[:0]) == pytest.approx([np.nan] * 3, nan_ok=True)


def test_the_middle_of_many_is_numpys() -> None:
    values = np.random.default_rng(9).normal(size=(101, 4)).astype(np.float32)
    values[::7, 2] = np.nan
    assert statistics.median(values) == pytest.approx(np.nanmedian(values, axis=0))
    assert statistics.mean(values) == pytest.approx(np.nanmean(values, axis=0, dtype=np.float64))


def test_a_curve_stays_where_its_trial_ended() -> None:
    curves = np.array([[1.0, 0.1, np.nan, np.nan], [1.0, 0.7, 0.5, 0.2]])
    ends = np.array([0.05, 0.1])
    assert statistics.carry_forward(curves, ends).tolist() == [
        [1, 0.1, 0.05, 0.05],
        [1, 0.7, 0.5, 0.2],
    ]
