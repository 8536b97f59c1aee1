"""Uniform borders of an image."""

import numpy as np
import pytest

from ganinv_cli.images import Picture, find_inside


def _make_pixels(value=0):
    """A picture of noise with borders: 1 row at the top, 3 columns at the right, 2 at the left."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    pixels[:1], pixels[:, 17:], pixels[:, :2] = value, value, value
    return pixels


@pytest.mark.parametrize("value", [0, 200])
def test_rows_and_columns_of_one_colour_are_borders(value):
    pixels = _make_pixels(value)
    inside = find_inside(pixels, is_jpeg=False)
    assert inside[1:, 2:17].all() and inside.sum() == 19 * 15


def test_borders_of_a_jpeg_are_nearly_of_one_colour():
    pixels = _make_pixels(100)
    pixels[:1, ::2] += 9
    assert find_inside(pixels, is_jpeg=True).sum() == 19 * 15
    assert find_inside(pixels, is_jpeg=False)[0].any()


def test_edges_are_less_than_a_third_of_the_pixels_of_the_mask_or_they_count():
    pixels, mask = _make_pixels(), np.ones((20, 20), np.bool_)
    assert Picture("", "", pixels).counted_pixels.sum() == 19 * 15
    mask[5:] = False  # 5 rows of 20 are left, 1 of them an edge, and 5 columns
    assert Picture("", "", pixels, mask=mask).counted_pixels.sum() == 5 * 20
    pixels[:, 10:] = 0
    assert Picture("", "", pixels).counted_pixels.all()
    assert Picture("", "", np.zeros_like(pixels)).counted_pixels.all()
