"""How well a reconstruction matches its image, in numbers and words."""

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


@pytest.mark.parametrize(
    ("psnr", "words"),
    [
        (np.inf, "close"),
        (30.0, "close"),
        (29.99, "a likeness"),
        (20.0, "a likeness"),
        (19.99, "a rough likeness"),
        (15.0, "a rough likeness"),
        (14.99, "a poor reconstruction: this generator hardly makes such images"),
        (np.nan, "a poor reconstruction: this generator hardly makes such images"),
    ],
)
def test_the_verdict_goes_by_decibels(psnr, words) -> None:
    assert statistics.describe_match(psnr, loss=1.0, tolerance=1e-6) == words


def test_a_loss_below_the_tolerance_is_exact() -> None:
    assert statistics.describe_match(99.0, 9e-7, 1e-6) == "exact: the generator makes this image"
    assert statistics.describe_match(99.0, 1e-6, 1e-6) == "close"
    assert (
        statistics.describe_match(99.0, 0.0, 1e-6, "these pixels")
        == "exact: the generator makes these pixels"
    )
    assert statistics.describe_match(np.nan, np.nan, 1e-6).startswith("a poor reconstruction")
