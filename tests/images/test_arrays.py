"""Arrays and images of Pillow are treated as image files are."""

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ImageError
from ganinv_cli.images import Crop, TargetImage, load_image, make_target_image

SHAPE = (8, 8, 3)


def _make(image: np.ndarray | Image.Image, shape: tuple[int, int, int] = SHAPE) -> TargetImage:
    return make_target_image(image, "x", shape, Crop())


def _draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("form", ["L", "RGBA"])
@pytest.mark.parametrize(("channels", "side"), [(1, (12, 20)), (3, (5, 4))])
def test_an_array_becomes_what_a_file_of_it_becomes(tmp_path, form, channels, side):
    pixels = _draw(*side, len(form)).squeeze()
    shape = (8, 8, channels)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    file = load_image(tmp_path / "x.png", shape, Crop())
    with Image.open(tmp_path / "x.png") as opened:
        given = [pixels, opened, *([pixels[..., None]] if form == "L" else [])]
        for each in given:
            target = _make(each, shape)
            np.testing.assert_array_equal(target.pixels, file.pixels)
            assert target.notes == file.notes


def test_what_was_done_is_noted(tmp_path):
    def list_notes(*size: int, crop: str = "center", channels: int = 3) -> tuple[str, ...]:
        shape = (64, 64, channels)
        return make_target_image(_draw(*size), "x", shape, Crop(crop)).notes

    assert list_notes(480, 640, 3, channels=1) == (
        "cropped to the middle square (480 of 640×480 pixels)",
        "resized to 64×64",
        "made grey",
    )
    assert list_notes(128, 128, 3) == ("resized from 128×128 to 64×64",)
    assert list_notes(64, 128, crop="none") == ("resized from 128×64 to 64×64, which distorts it",)
    assert list_notes(64, 64, crop="8,0,32") == (
        "cropped to the square 8,0,32 (32 of 64×64 pixels)",
        "resized to 64×64",
    )


def test_the_hash_is_of_the_content():
    pixels = _draw(*SHAPE)
    hashes = [
        _make(each).sha256
        for each in (
            *(pixels, pixels.copy(), np.asfortranarray(pixels), pixels[::-1], pixels[..., 0]),
            *(Image.fromarray(pixels), Image.fromarray(pixels.copy())),
        )
    ]
    assert len({len(each) for each in hashes}) == 1
    assert hashes[0] == hashes[1] == hashes[2]
    assert hashes[5] == hashes[6]
    assert len(set(hashes)) == 4


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8), np.int64), "x holds int64; give uint8 from 0 to 255, or floats from -1"),
        (np.zeros(8, np.uint8), r"x has shape \(8,\); an image has shape \(height, width\)"),
        (np.full((8, 8), 255.0), "x holds floats from 255 to 255; scale them to -1 to 1, or conv"),
        (np.ma.masked_less(np.ones((8, 8)), 0), "x is a masked array; give its data"),
    ],
)
def test_what_is_no_image_is_refused_with_what_to_do(image, words):
    with pytest.raises(ImageError, match=words):
        _make(image)
