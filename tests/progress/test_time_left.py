"""The time left is known late, does not jump, and is rounded more coarsely if it is long."""

import math

import numpy as np
import pytest

from ganinv_cli.progress.time_left import TimeLeft, format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "10 s"),
        (34.0, "30 s"),
        (54.0, "50 s"),
        (58.0, "1 min"),
        (95.0, "2 min"),
        (14.4 * 60, "14 min"),
        (17 * 60, "15 min"),
        (62 * 60, "1 h"),
        (84 * 60, "1 h 25 min"),
        (5.4 * 3600, "5 h"),
        (49 * 3600, "2 days"),
        (1e6, "12 days"),
    ],
)
def test_a_duration_is_rounded_coarsely(seconds, text):
    assert format_duration(seconds) == text


def test_there_is_no_text_before_there_is_an_estimate():
    assert TimeLeft(lambda: 0.0).describe(math.nan) == ""


def test_the_text_does_not_jump_though_estimates_do():
    """Estimates of a run of ten minutes that are wrong by up to 40 %, four a second."""
    noise = np.random.default_rng(0).uniform(0.6, 1.4, 2400)
    now = 0.0
    time_left = TimeLeft(lambda: now)
    texts = []
    for now, factor in zip(np.arange(0.0, 600.0, 0.25).tolist(), noise.tolist(), strict=True):
        texts.append(time_left.describe((600 - now) * factor))
    changes = [text for text, before in zip(texts[1:], texts, strict=False) if text != before]
    assert len(changes) <= 25  # 9 min … 1 min, then by 10 s; few go back
    assert changes[-1] == "10 s left"


def test_it_counts_down_while_there_is_no_new_estimate():
    now = 0.0
    time_left = TimeLeft(lambda: now)
    assert time_left.describe(50.0) == "50 s left"
    now = 11.0
    assert time_left.describe(math.nan) == "40 s left"
    now = 200.0
    assert time_left.describe(math.nan) == ""  # it was wrong
    assert time_left.describe(30.0) == "30 s left"
