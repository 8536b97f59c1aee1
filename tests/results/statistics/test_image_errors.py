"""Errors of images, what noise and rounding leave of them, and what J says of the error of z."""

import numpy as np
import pytest

from ganinv_cli.results import statistics

VARIANCES = np.array([1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1, 1])
PIXELS = 64 * 64 * 3


@pytest.mark.parametrize(
    ("loss", "grey_levels", "decibels"),
    [
        (4.0 * PIXELS, 255, 0),  # white for black
        ((2 / 255) ** 2 * PIXELS, 1, 48.1308),
        (0.1 * PIXELS, 40.3, 16.02),  # the paper's noise
        (np.float32(0), 0, np.inf),
        (np.float64(np.inf), np.inf, -np.inf),
    ],
)
def test_a_loss_is_said_in_grey_levels_and_decibels(loss, grey_levels, decibels):
    found = (statistics.rmse(loss, PIXELS), statistics.psnr(loss, PIXELS))
    assert found == pytest.approx((grey_levels, decibels), rel=1e-3, abs=1e-6, nan_ok=True)


def test_the_interval_of_a_slope_is_as_wide_as_the_noise_makes_it():
    """The log₁₀ of a mean of n times χ²(k) / k varies by √(2 / kn) / ln 10."""
    n, k = 400, 50
    errors = VARIANCES * np.random.default_rng(3).chisquare(k, (n, 7)) / k
    slope = statistics.fit_slope(VARIANCES, errors, statistics.mean, resamples=1000)
    deviation = np.sqrt(2 / (k * n)) / np.log(10) / np.sqrt(7 * np.var(np.log10(VARIANCES)))
    assert (slope.high - slope.low) / 2 == pytest.approx(1.96 * deviation, rel=0.15)
    assert slope.low < 1 < slope.high


def test_what_has_no_logarithm_is_left_out_of_a_slope():
    variances = np.array([0, 1e-3, 1e-2, 1e-1, 1])
    errors = np.ones((5, 1)) * variances
    errors[:, 3], errors[:, 4] = np.nan, 0
    errors[0, 1] = np.nan  # one trial alone: the others speak for this variance
    assert statistics.fit_slope(variances, errors, resamples=50) == pytest.approx((1, 1, 1, 2))


def test_one_trial_has_no_interval_and_one_variance_no_slope():
    slope = statistics.fit_slope(VARIANCES, 3 * VARIANCES[None])
    assert slope == pytest.approx((1, np.nan, np.nan, 7), nan_ok=True)
    for variances in ([0.1], [0, 0.1], [0.1, 0.1]):
        assert statistics.fit_slope(np.array(variances), np.ones((3, len(variances)))) is None
    assert statistics.fit_slope(VARIANCES, np.ones((0, 7))) is None


def test_rounding_to_8_bits_leaves_less_than_its_residual_and_hardly_less():
    images = np.random.default_rng(5).uniform(-1, 1, (400, PIXELS // 64))
    rounded = np.round((images + 1) * 127.5) / 127.5 - 1
    losses = np.sum((rounded - images) ** 2, axis=1)
    limit = statistics.rounding_residual(PIXELS // 64)
    assert losses.max() < limit == pytest.approx(losses.mean() + 5 * losses.std(), rel=0.05)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_float_type_leaves_less_than_its_residual_and_hardly_less(dtype):
    images = np.random.default_rng(5).uniform(-1, 1, (400, PIXELS // 64))
    losses = np.sum((images.astype(dtype) - images) ** 2, axis=1)
    limits = [
        statistics.storage_residual(np.spacing(np.abs(image.astype(dtype)))) for image in images
    ]
    assert (losses < limits).all()
    assert np.mean(limits) == pytest.approx(losses.mean() + 5 * losses.std(), rel=0.1)
    step = statistics.storage_residual(np.full(PIXELS, 2 / 255))
    assert step == pytest.approx(statistics.rounding_residual(PIXELS))


def test_a_direction_that_changes_no_image_has_no_bound_no_rank_and_no_condition():
    jacobians = np.random.default_rng(8).normal(size=(2, 40, 6))
    jacobians[1, :, 0] = jacobians[1, :, 1:].sum(axis=1)
    singular_values = np.linalg.svd(jacobians, compute_uv=False)
    assert singular_values[1, -1] > 0  # by rounding
    assert statistics.rank(singular_values, 40).tolist() == [6, 5]
    assert [statistics.rank(np.array([1, 1e-13]), pixels) for pixels in (2, 12_288)] == [2, 1]
    assert np.linalg.matrix_rank(jacobians).tolist() == [6, 5]
    assert np.isinf(statistics.cramer_rao(singular_values)).tolist() == [False, True]
    assert np.isinf(statistics.cramer_rao(np.zeros(3)))
