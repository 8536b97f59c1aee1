"""The image loss of copies of a generator's own pictures."""

from unittest import mock

import builders
import numpy as np
import pytest

from ganinv_cli import statistics
from ganinv_cli.experiments import copies
from ganinv_cli.images.copies import QUALITIES, ROUNDED, make_copy
from ganinv_cli.network.make_generator import make_generator


@pytest.fixture(scope="module", params=[3, 1])
def generator(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return make_generator(builders.make_checkpoint(folder, channels=request.param))


def test_a_copy_has_the_pictures_shape_and_rounding_alone_changes_nothing(generator):
    pixels = np.random.default_rng(0).integers(0, 256, generator.image_shape, np.uint8)
    for quality in QUALITIES:
        copy = make_copy(pixels, quality)
        assert (copy.dtype, copy.shape) == (np.uint8, pixels.shape)
        assert np.array_equal(copy, pixels) == (quality == ROUNDED)


def test_a_worse_copy_loses_no_less_and_rounding_what_is_known_of_it(generator):
    losses = copies.measure_copies(generator)
    assert losses.shape == (len(QUALITIES),)
    assert (np.diff(losses) >= 0).all() and losses[0] < losses[1] < losses[-1]
    pixels = int(np.prod(generator.image_shape))
    assert losses[0] == pytest.approx(statistics.rounding_residual(pixels), rel=0.4)


def test_pixels_that_a_mask_leaves_out_lose_nothing(generator):
    height, width, _ = generator.image_shape
    half = np.zeros((height, width, 1), np.bool_)
    half[: height // 2] = True
    whole, masked, other = (copies.measure_copies(generator, mask) for mask in (None, half, ~half))
    assert (masked < whole).all() and (masked + other >= whole).all()


def test_it_is_measured_once_for_each_generator_and_mask(generator):
    mask = np.ones((*generator.image_shape[:2], 1), np.bool_)
    first = [copies.find_copies(generator, each) for each in (None, mask)]
    with mock.patch.object(copies, "measure_copies", side_effect=AssertionError):
        again = [copies.find_copies(generator, each) for each in (None, mask)]
    assert np.array_equal(first, again)


def test_large_pictures_are_few(generator):
    with (
        mock.patch.object(copies, "MAX_VALUES", 1),
        mock.patch.object(copies, "make_copy", side_effect=make_copy) as made,
    ):
        copies.measure_copies(generator)
    assert made.call_count == copies.MIN_PICTURES * len(QUALITIES)
