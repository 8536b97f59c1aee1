"""Every kind of image file is read as a viewer shows it, with exact pixel values."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from ganinv_cli.errors import ImageError
from ganinv_cli.images import Crop, Picture, load_picture

DEEP = np.array([[0, 255, 256, 386], [32768, 65535, 4095, 1000]], np.uint16)
SCALED = [[0, 1, 1, 2], [128, 255, 16, 4]]  # DEEP / 257, rounded
ON_GREY = ("transparent parts on grey",)
SIXTEEN = ("16 bits per channel reduced to 8",)


def _saved(path: Path, image: Image.Image, kind: str, **options: object) -> Path:
    file = path / f"picture.{kind.lower()}"
    image.save(file, kind, **options)
    return file


def _image(mode: str, *values: object) -> Image.Image:
    """One row of pixels."""
    image = Image.new(mode, (len(values), 1))
    image.putdata(values)
    return image


def _seen(path: Path, channels: int = 3) -> Picture:
    """Load the image for a network of the file's own size, so nothing is resampled."""
    with Image.open(path) as image:
        turned = image.getexif().get(0x112, 1) > 4 and image.format != "TIFF"
        width, height = image.size[::-1] if turned else image.size
    return load_picture(path, (height, width, channels), Crop("none"))


def _levels(picture: Picture) -> list[object]:
    """Its pixels, row by row; a level for grey, a triple for RGB."""
    shape = picture.pixels.shape
    return picture.pixels.reshape(shape[:2] if shape[2] == 1 else shape).tolist()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled_not_clipped(tmp_path, kind):
    seen = _seen(_saved(tmp_path, Image.fromarray(DEEP), kind), 1)
    assert (_levels(seen), seen.notes) == (SCALED, SIXTEEN)


def test_transparent_parts_are_laid_on_grey(tmp_path):
    rgba = _image("RGBA", (255, 0, 0, 0), (255, 0, 0, 128), (255, 0, 0, 255))
    expected = [[[128, 128, 128], [192, 64, 64], [255, 0, 0]]]
    seen = _seen(_saved(tmp_path, rgba, "PNG"))
    assert (_levels(seen), seen.notes) == (expected, ON_GREY)
    seen = _seen(_saved(tmp_path, _image("LA", (255, 0), (9, 255)), "PNG"), 1)
    assert (_levels(seen), seen.notes) == ([[128, 9]], ON_GREY)
    seen = _seen(_saved(tmp_path, _image("RGBA", (255, 0, 0, 255)), "PNG"))
    assert (_levels(seen), seen.notes) == ([[[255, 0, 0]]], ())


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_ink_and_not_light(tmp_path, kind):
    """Pillow writes JPEG files as Adobe does, inverted."""
    options = {"quality": 100} if kind == "JPEG" else {}
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    seen = _seen(_saved(tmp_path, red, kind, **options))
    assert np.unique(seen.pixels.reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]
    assert seen.notes == ("CMYK without a colour profile: colours are approximate",)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [(1, [[1, 2]]), (3, [[2, 1]]), (6, [[1], [2]]), (8, [[2], [1]])],
)
def test_a_picture_stands_as_its_camera_was_held(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x112] = orientation
    seen = _seen(_saved(tmp_path, _image("L", 1, 2), "PNG", exif=exif), 1)
    assert (_levels(seen), seen.notes) == (expected, ())


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_the_first_frame_is_taken_and_said(tmp_path, kind):
    frames = [Image.new("RGB", (2, 2), (level, 0, 0)) for level in (255, 0, 0)]
    frames[1].putpixel((0, 0), (1, 2, 3))
    options = {"lossless": True} if kind == "WEBP" else {}
    file = _saved(tmp_path, frames[0], kind, save_all=True, append_images=frames[1:], **options)
    seen = _seen(file)
    assert _levels(seen) == [[[255, 0, 0]] * 2] * 2
    assert seen.notes == ("the first of several frames",)


def test_grey_suits_a_network_of_colours_and_colours_one_of_grey(tmp_path):
    seen = _seen(_saved(tmp_path, _image("L", 3, 200), "PNG"))
    assert (_levels(seen), seen.notes) == ([[[3] * 3, [200] * 3]], ())
    seen = _seen(_saved(tmp_path, _image("RGB", (255, 0, 0), (9, 9, 9)), "PNG"), 1)
    assert (_levels(seen), seen.notes) == ([[76, 9]], ("made grey",))
    seen = _seen(_saved(tmp_path, _image("RGB", (3, 3, 3), (9, 9, 9)), "PNG"), 1)
    assert (_levels(seen), seen.notes) == ([[3, 9]], ())
    seen = _seen(_saved(tmp_path, _image("1", 0, 1, 0), "TIFF"), 1)
    assert (_levels(seen), seen.notes) == ([[0, 255, 0]], ())


def _swapped() -> bytes:
    """A profile of another space: sRGB with its red and blue exchanged, under another name."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    return data.replace("sRGB".encode("utf-16-be"), "BGR ".encode("utf-16-be"))


def test_a_colour_profile_is_followed(tmp_path):
    seen = _seen(_saved(tmp_path, _image("RGB", (255, 0, 0)), "PNG", icc_profile=_swapped()))
    assert seen.notes == ("colours converted to sRGB by its profile",)
    assert np.abs(seen.pixels.reshape(3).astype(int) - [0, 0, 255]).max() <= 1


def test_srgb_changes_nothing_and_a_damaged_profile_is_passed_over(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    damaged = "its colour profile is damaged and was ignored"
    for profile, said in ((srgb, ()), (b"junk", (damaged,))):
        seen = _seen(_saved(tmp_path, _image("RGB", (200, 100, 50)), "PNG", icc_profile=profile))
        assert (_levels(seen), seen.notes) == ([[[200, 100, 50]]], said)


def test_a_grey_copy_that_kept_a_profile_of_colours_has_no_damaged_profile(tmp_path):
    seen = _seen(_saved(tmp_path, _image("L", 90), "PNG", icc_profile=_swapped()))
    assert seen.notes == ("its colour profile is for RGB and was ignored",)


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_numbers_without_an_agreed_look_are_refused(tmp_path, mode):
    file = _saved(tmp_path, Image.new(mode, (2, 2)), "TIFF")
    with pytest.raises(ImageError, match=rf"tiff has pixels of mode {mode}.*; save it as grey or"):
        _seen(file)
