"""The image loss of copies of a generator's own pictures."""

from unittest import mock

import numpy as np
import pytest

from ganinv_cli import statistics
from ganinv_cli.experiments import copies
from ganinv_cli.images.copies import QUALITIES


def test_a_worse_copy_loses_no_less_and_pixels_that_a_mask_leaves_out_nothing(easy):
    height, width, _ = easy.generator.image_shape
    half = np.zeros((height, width, 1), np.bool_)
    half[: height // 2] = True
    masks = (None, half, ~half)
    whole, one, other = (copies.find_copy_losses(easy.generator, mask) for mask in masks)
    assert whole.shape == (len(QUALITIES),)
    assert (np.diff(whole) >= 0).all() and whole[0] < whole[1] < whole[-1]
    pixels = int(np.prod(easy.generator.image_shape))
    assert whole[0] == pytest.approx(statistics.rounding_residual(pixels), rel=0.4)
    assert (one < whole).all() and (one + other >= whole).all()
    with mock.patch.object(copies, "measure_copy_losses", side_effect=AssertionError):
        again = [copies.find_copy_losses(easy.generator, mask) for mask in masks]
    assert np.array_equal(again, [whole, one, other])  # measured once for each mask
