"""The part of an image that is used, the mask over it, and the numbers for its pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ConfigError, ImageError
from ganinv_cli.images import Crop, load_image, load_mask, to_floats, to_pixels

SHAPE = (8, 8, 3)


def _noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def _write(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


@pytest.mark.parametrize(
    ("text", "box"),
    [("center", (4, 0, 12, 8)), ("none", (0, 0, 17, 8)), ("9,0,8", (9, 0, 17, 8))],
)
def test_a_crop_is_taken_before_resizing(tmp_path, text, box):
    image = _noise(17, 8)
    seen = load_image(_write(tmp_path / "a.png", image), SHAPE, Crop(text)).pixels
    part = image.crop(box)
    assert np.array_equal(seen, part.resize((8, 8), Image.Resampling.LANCZOS, reducing_gap=3))


def test_a_crop_outside_the_image_says_its_size(tmp_path):
    file = _write(tmp_path / "a.png", _noise(20, 10))
    for text in ("13,0,8", "0,3,8", "0,0,11"):
        with pytest.raises(ImageError, match=rf"a\.png has 20 x 10 pixels, and .* {text} reaches"):
            load_image(file, SHAPE, Crop(text))


@pytest.mark.parametrize("text", ["", "1,2", "0,0,0", "1,\n2,3"])
def test_another_crop_is_refused_with_the_three_forms(text):
    with pytest.raises(ConfigError, match="center, none or X,Y,SIZE") as caught:
        Crop(text)
    assert str(caught.value).isprintable()


def _mask(path: Path, levels: np.ndarray) -> Path:
    return _write(path, Image.fromarray(levels.astype(np.uint8)))


def test_white_counts_and_black_does_not(tmp_path):
    levels = np.zeros((8, 8))
    levels[0, :4] = 127, 128, 255, 1
    found = load_mask(_mask(tmp_path / "m.png", levels), SHAPE, Crop())
    assert (found.shape, found.dtype) == ((8, 8, 1), bool)
    assert np.argwhere(found[..., 0]).tolist() == [[0, 1], [0, 2]]


def test_a_mask_is_cropped_as_its_image_is_unless_it_fits(tmp_path):
    large = np.zeros((16, 32))
    large[:, 16:] = 255
    right = load_mask(_mask(tmp_path / "m.png", large), SHAPE, Crop("16,0,16"))
    assert right.all()
    halves = load_mask(tmp_path / "m.png", SHAPE, Crop())
    assert halves[..., 0].tolist() == [[False] * 4 + [True] * 4] * 8
    small = load_mask(_mask(tmp_path / "s.png", large[:8, 12:20]), SHAPE, Crop("16,0,16"))
    assert np.array_equal(small, halves)


def test_pixels_survive_the_way_to_floats_and_back():
    pixels = np.arange(256, dtype=np.uint8)
    floats = to_floats(pixels)
    assert (floats.dtype, floats[0], floats[-1]) == (np.float32, -1, 1)
    assert np.array_equal(to_pixels(floats), pixels)
    strays = np.array([np.nan, np.inf, -np.inf, 1.5, -1.5, 0])
    assert to_pixels(strays).tolist() == [0, 255, 0, 255, 0, 128]
