"""The growth of the error with noise, and the bound from the Jacobian."""

import numpy as np
import pytest
import scipy.stats

from ganinv_cli import statistics

VARIANCES = np.array([1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1, 1])


@pytest.mark.parametrize("power", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("centre", [statistics.median, statistics.mean])
def test_a_power_of_the_variance_has_that_slope(power, centre) -> None:
    trials = np.random.default_rng(1).lognormal(size=(40, 1))
    slope = statistics.fit_slope(VARIANCES, trials * VARIANCES**power, centre, resamples=200)
    assert slope == pytest.approx((power, power, power, 7))


def test_the_slope_is_that_of_linear_regression() -> None:
    errors = np.random.default_rng(2).lognormal(size=(9, 7)) * VARIANCES
    fit = scipy.stats.linregress(np.log10(VARIANCES), np.log10(np.median(errors, axis=0)))
    assert statistics.fit_slope(VARIANCES, errors, resamples=10).slope == pytest.approx(fit.slope)


def test_the_interval_of_a_slope_is_as_wide_as_the_noise_makes_it() -> None:
    """The log₁₀ of a mean of n times χ²(k) / k varies by √(2 / kn) / ln 10."""
    n, k = 400, 50
    errors = VARIANCES * np.random.default_rng(3).chisquare(k, (n, 7)) / k
    slope = statistics.fit_slope(VARIANCES, errors, statistics.mean)
    deviation = np.sqrt(2 / (k * n)) / np.log(10) / np.sqrt(7 * np.var(np.log10(VARIANCES)))
    assert (slope.high - slope.low) / 2 == pytest.approx(1.96 * deviation, rel=0.15)
    assert slope.low < 1 < slope.high


def test_an_outlier_moves_the_mean_and_not_the_median() -> None:
    errors = np.ones((11, 1)) * VARIANCES
    errors[0, -1] = 1e3
    assert statistics.fit_slope(VARIANCES, errors, resamples=10).slope == pytest.approx(1)
    assert statistics.fit_slope(VARIANCES, errors, statistics.mean, resamples=10).slope > 1.2


def test_what_has_no_logarithm_is_left_out() -> None:
    variances = np.array([0, 1e-3, 1e-2, 1e-1, 1])
    errors = np.ones((5, 1)) * variances
    errors[:, 3] = np.nan
    errors[:, 4] = 0
    errors[0, 1] = np.nan  # one trial alone: the others speak for this variance
    assert statistics.fit_slope(variances, errors) == pytest.approx((1, 1, 1, 2))


def test_one_trial_has_a_slope_without_an_interval() -> None:
    slope = statistics.fit_slope(VARIANCES, 3 * VARIANCES[None])
    assert slope == pytest.approx((1, np.nan, np.nan, 7), nan_ok=True)


@pytest.mark.parametrize("variances", [[], [0.1], [0, 0.1], [0.1, 0.1]])
def test_fewer_than_two_variances_have_no_slope(variances) -> None:
    assert statistics.fit_slope(np.array(variances), np.ones((3, len(variances)))) is None
    assert statistics.fit_slope(VARIANCES, np.ones((0, 7))) is None


def test_two_directions_leave_what_the_exponential_says() -> None:
    """χ²(2) is below x with probability 1 − e^(−x/2)."""
    assert statistics.expected_residual(0.1, 12, 10) == pytest.approx(0.2 * np.log(1e6))
    assert statistics.expected_residual(0.1, 12, 10, 0.5) == pytest.approx(0.2 * np.log(2))


def test_least_squares_leaves_no_more_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    jacobian, noise = random.normal(size=(30, 10)), random.normal(0, 0.3, (30, 3000))
    residuals = np.linalg.lstsq(jacobian, noise)[1]
    bound = statistics.expected_residual(0.09, 30, 10, 0.9)
    assert np.mean(residuals < bound) == pytest.approx(0.9, abs=0.02)


def test_without_noise_or_pixels_to_spare_nothing_is_left() -> None:
    assert statistics.expected_residual(0.0, 12_288, 100) == 0
    assert statistics.expected_residual(0.1, 100, 100) == 0


def test_the_cramer_rao_line_is_the_trace_of_the_inverse() -> None:
    jacobians = np.random.default_rng(5).normal(size=(3, 40, 6))
    singular_values = np.linalg.svd(jacobians, compute_uv=False)
    traces = [np.trace(np.linalg.inv(j.T @ j)) / 6 for j in jacobians]
    assert statistics.cramer_rao(singular_values) == pytest.approx(traces)
    assert float(statistics.cramer_rao(singular_values[1])) == pytest.approx(traces[1])


def test_least_squares_meets_the_cramer_rao_line() -> None:
    random = np.random.default_rng(6)
    jacobian, noise = random.normal(size=(30, 10)), random.normal(0, 0.3, (30, 3000))
    z_error = np.mean(np.linalg.lstsq(jacobian, noise)[0] ** 2)
    line = 0.09 * statistics.cramer_rao(np.linalg.svd(jacobian, compute_uv=False))
    assert z_error == pytest.approx(line, rel=0.03)


def test_an_unseen_direction_has_no_bound() -> None:
    jacobian = np.random.default_rng(7).normal(size=(40, 6))
    jacobian[:, 5] = jacobian[:, :5].sum(axis=1)
    singular_values = np.linalg.svd(jacobian, compute_uv=False)
    assert singular_values[-1] > 0  # by rounding
    assert statistics.cramer_rao(singular_values) == np.inf
    assert statistics.cramer_rao(np.zeros(3)) == np.inf


def test_rank_and_condition_are_numpys() -> None:
    jacobians = np.random.default_rng(8).normal(size=(3, 40, 6))
    jacobians[1, :, 0] = jacobians[1, :, 1]
    singular_values = np.linalg.svd(jacobians, compute_uv=False)
    assert statistics.rank(singular_values, 40).tolist() == [6, 5, 6]
    assert np.linalg.matrix_rank(jacobians).tolist() == [6, 5, 6]
    conditions = statistics.condition_number(singular_values[[0, 2]])
    assert conditions == pytest.approx(np.linalg.cond(jacobians[[0, 2]]))


def test_the_tolerance_of_rank_grows_with_the_pixels() -> None:
    singular_values = np.array([1.0, 1e-13])
    assert statistics.rank(singular_values, 2) == 2
    assert statistics.rank(singular_values, 12_288) == 1


def test_a_direction_without_effect_makes_the_condition_infinite() -> None:
    assert statistics.condition_number(np.array([3.0, 0.0])) == np.inf
    assert statistics.condition_number(np.array([1.0, 4.0, 2.0])) == 4
