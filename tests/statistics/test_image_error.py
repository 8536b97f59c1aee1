"""The error of a reconstruction, in numbers and words."""

import numpy as np
import pytest

from ganinv_cli import statistics

PIXELS = 64 * 64 * 3


def test_white_for_black_is_off_by_all_grey_levels() -> None:
    loss = 4.0 * PIXELS
    assert statistics.rmse(loss, PIXELS) == pytest.approx(255)
    assert statistics.psnr(loss, PIXELS) == pytest.approx(0)


def test_one_grey_level_is_the_usual_48_decibels() -> None:
    loss = (2 / 255) ** 2 * PIXELS
    assert statistics.rmse(loss, PIXELS) == pytest.approx(1)
    assert statistics.psnr(loss, PIXELS) == pytest.approx(48.1308, abs=1e-4)


def test_the_papers_noise_is_40_grey_levels() -> None:
    assert statistics.rmse(0.1 * PIXELS, PIXELS) == pytest.approx(40.3, abs=0.05)


def test_no_difference_is_infinitely_good() -> None:
    assert statistics.rmse(0.0, PIXELS) == 0
    assert statistics.psnr(0.0, PIXELS) == np.inf
    assert statistics.psnr(np.float32(0), PIXELS) == np.inf


def test_a_loss_below_0_is_no_number_and_no_warning() -> None:
    assert np.isnan(statistics.rmse(np.float64(-1), PIXELS))
    assert np.isnan(statistics.psnr(np.float64(-1), PIXELS))
    assert statistics.psnr(np.float64(np.inf), PIXELS) == -np.inf
