"""The image loss of copies of a generator's own pictures."""

from unittest import mock

import numpy as np
import pytest

from ganinv_cli import statistics
from ganinv_cli.experiments import copies
from ganinv_cli.images.copies import QUALITIES, make_copy


def test_a_worse_copy_loses_no_less_and_rounding_what_is_known_of_it(easy):
    losses = copies.measure_copy_losses(easy.generator)
    assert losses.shape == (len(QUALITIES),)
    assert (np.diff(losses) >= 0).all() and losses[0] < losses[1] < losses[-1]
    pixels = int(np.prod(easy.generator.image_shape))
    assert losses[0] == pytest.approx(statistics.rounding_residual(pixels), rel=0.4)


def test_pixels_that_a_mask_leaves_out_lose_nothing_and_each_mask_is_measured_once(easy):
    height, width, _ = easy.generator.image_shape
    half = np.zeros((height, width, 1), np.bool_)
    half[: height // 2] = True
    masks = (None, half, ~half)
    whole, one, other = (copies.find_copy_losses(easy.generator, mask) for mask in masks)
    assert (one < whole).all() and (one + other >= whole).all()
    with mock.patch.object(copies, "measure_copy_losses", side_effect=AssertionError):
        again = [copies.find_copy_losses(easy.generator, mask) for mask in masks]
    assert np.array_equal(again, [whole, one, other])


def test_large_pictures_are_few(easy):
    with (
        mock.patch.object(copies, "MAX_VALUES", 1),
        mock.patch.object(copies, "make_copy", side_effect=make_copy) as made,
    ):
        copies.measure_copy_losses(easy.generator)
    assert made.call_count == copies.MIN_PICTURES * len(QUALITIES)
