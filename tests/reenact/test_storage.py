"""JPEG's cells, its quantisation grid, and white noise."""

import io

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.images.decode import read_tables
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.reenact.stages.jpeg import Jpeg, find_jpeg, make_standard_tables
from ganinv_cli.reenact.stages.white_noise import find_noise

SIDE = 32
WHOLE = np.ones((SIDE, SIDE), np.bool_)
NEEDED = 50  # coefficients


def _make_picture(seed=0):
    """A picture of some detail without black and white, in grey levels."""
    coarse = np.random.default_rng(seed).integers(40, 215, (10, 10, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _compress(pixels, quality):
    """The pixels of a JPEG file, and its tables."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    image = Image.open(file)
    return np.asarray(image), read_tables(image)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_a_picture_is_in_the_cells_of_its_jpeg_and_no_other_is(quality):
    pixels, tables = _compress(_make_picture(), quality)
    jpeg = Jpeg(pixels, tables)
    assert jpeg.describe() == f"saved as JPEG {quality}"
    assert jpeg.measure_excess(_make_picture().astype(float), WHOLE) < 0.3
    assert jpeg.measure_excess(_make_picture(1).astype(float), WHOLE) > 5


def test_jpeg_is_found_by_its_grid_in_a_file_of_another_format():
    for quality in (60, 75, 90):
        pixels, tables = _compress(_make_picture(), quality)
        found = find_jpeg(pixels, WHOLE, (), (0, 0), NEEDED)
        assert found is not None and found.tables[0] == tables[0]
    assert find_jpeg(_make_picture(), WHOLE, (), (0, 0), NEEDED) is None


def test_a_jpeg_of_few_coefficients_is_no_evidence():
    flat = np.full((SIDE, SIDE, 3), 128, np.uint8)
    assert find_jpeg(flat, WHOLE, make_standard_tables(75), (0, 0), NEEDED) is None
    pixels, tables = _compress(_make_picture(), 75)
    corner = WHOLE.copy()
    corner[7:] = False  # no whole block is left
    assert find_jpeg(pixels, WHOLE, tables, (0, 0), NEEDED)
    assert not find_jpeg(pixels, corner, tables, (0, 0), 1)


@pytest.mark.parametrize("level", [3, 20])
def test_white_noise_has_a_level_and_what_is_structured_has_none(level):
    random, picture = np.random.default_rng(0), _make_picture().astype(float)
    noisy = np.rint(picture + random.normal(0, level, picture.shape)).clip(0, 255)
    measured = find_noise(noisy.astype(np.uint8), picture, WHOLE)
    assert measured.level == pytest.approx(level, rel=0.1)
    structured = (picture + level * (_make_picture(1) / 127.5 - 1)).clip(0, 255)
    assert find_noise(structured.astype(np.uint8), picture, WHOLE) is None


def test_noise_explains_neither_an_image_of_noise_nor_a_black_one():
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    assert find_noise(noise, np.full(noise.shape, 128.0), WHOLE) is None
    assert find_noise(np.zeros_like(noise), np.full(noise.shape, 5.0), WHOLE) is None


def test_a_saturated_pixel_may_have_been_beyond():
    pixels = EightBits(np.full((1, 2, 1), 255, np.uint8))
    counted = np.ones((1, 2), np.bool_)
    assert pixels.measure_excess(np.full((1, 2, 1), 300.0), counted) == 0
    assert pixels.measure_excess(np.full((1, 2, 1), 250.0), counted) == 5


@pytest.mark.parametrize("storage", [EightBits, lambda pixels: Jpeg(*_compress(pixels, 75))])
def test_the_derivatives_are_those_of_what_is_left_beyond_black_and_white_too(storage):
    random, counted = np.random.default_rng(2), WHOLE.copy()
    counted[:8, :8] = False
    picture, step = random.uniform(-40, 295, (SIDE, SIDE, 3)), 1e-4
    directions = random.normal(size=(4, *picture.shape))
    stored = storage(_make_picture())
    differences = [
        stored.subtract(picture + step * each, counted)
        - stored.subtract(picture - step * each, counted)
        for each in directions
    ]
    derivatives = stored.differentiate(picture, directions, counted)
    np.testing.assert_allclose(derivatives, np.divide(differences, 2 * step), atol=1e-6)
