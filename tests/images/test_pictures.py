"""Image files that are accepted, the part of them that is used, and sentences for the others."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ConfigError, ImageError
from ganinv_cli.images import (
    Crop,
    load_mask,
    load_picture,
    suppress_pillow_warnings,
    to_floats,
    to_pixels,
)
from ganinv_cli.images.files import list_named_images

SHAPE = (8, 8, 3)


def draw(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def encode(image: Image.Image, kind: str = "PNG", **options: str) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def write(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(draw(8, 8)) if data is None else data)
    return path


TIFF = encode(draw(64, 64), "TIFF", compression="tiff_deflate")


def claim(width: int, height: int) -> bytes:
    """A small PNG whose header claims another size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = encode(draw(8, 8))
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def test_files_come_as_named_and_folders_by_name_each_file_once(tmp_path):
    named = write(tmp_path / "named.data")
    folder = tmp_path / "folder"
    for name in ("b.png", "a/c.JPG", "a/notes.txt", "._b.png", "__MACOSX/d.png"):
        write(folder / name)
    (folder / "e.png").symlink_to("b.png")
    expected = [named, folder / "a/c.JPG", folder / "b.png"]
    assert list_named_images([named, folder, folder / "b.png"]) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [("report.html", "<title>ganinv invert: x.h5</title>"), ("training.json", '{"images_sha256":')],
)
def test_folders_that_ganinv_has_written_are_left_out_unless_named(tmp_path, name, text):
    own, other = write(tmp_path / "own" / "images" / "a.png"), write(tmp_path / "other" / "b.png")
    (tmp_path / "own" / name).write_text(text, encoding="utf-8")
    (tmp_path / "other" / name).write_text("mine", encoding="utf-8")
    assert list_named_images([tmp_path]) == [other]
    assert list_named_images([tmp_path / "own"]) == [own]


def test_what_does_not_exist_or_holds_nothing_is_named(tmp_path):
    (tmp_path / "gone.png").symlink_to("nowhere")
    for name in ("none.png", "gone.png"):
        with pytest.raises(ImageError, match=rf"{name} does not exist; name an image or a folder"):
            list_named_images([tmp_path / name])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=r"empty holds no image; ganinv reads \.bmp, .*\.webp"):
        list_named_images([tmp_path / "empty"])
    with pytest.raises(ImageError, match="empty is a pipe, a device or a folder"):
        load_picture(tmp_path / "empty", SHAPE, Crop())


def test_a_picture_says_what_it_is(tmp_path):
    image = draw(8, 8)
    file = write(tmp_path / "a\nb.png", encode(image))
    picture = load_picture(file, SHAPE, Crop())
    assert (picture.name, picture.notes) == (r"a\nb.png", ())
    assert picture.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, np.asarray(image))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not a picture", "is not an image of a known format"),
        (encode(draw(64, 64), "JPEG")[:-2000], "cannot be read as an image"),
        (TIFF[:100] + bytes(99) + TIFF[199:], "cannot be read as an image .*-2"),
        (claim(30_000, 30_000), "cannot be read as an image .*pixels"),
        (claim(10_000, 9_000), "cannot be read as an image .*pixels"),
    ],
    ids=["text", "truncated", "damaged", "bomb", "small bomb"],
)
def test_a_bad_image_is_one_sentence(tmp_path, data, words, capfd):
    file = write(tmp_path / "a\nb\x1b.png", data)
    with suppress_pillow_warnings(), pytest.raises(ImageError, match=words) as caught:
        load_picture(file, SHAPE, Crop())
    assert caught.value.exit_code == 2
    assert r"a\nb\x1b.png" in str(caught.value)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith("leave it out")
    assert capfd.readouterr().err == ""  # also of libtiff


@pytest.mark.parametrize(
    ("text", "box"),
    [("center", (4, 0, 12, 8)), ("none", (0, 0, 17, 8)), ("9,0,8", (9, 0, 17, 8))],
)
def test_a_crop_is_taken_before_resizing(tmp_path, text, box):
    image = draw(17, 8)
    seen = load_picture(write(tmp_path / "a.png", encode(image)), SHAPE, Crop(text)).pixels
    part = image.crop(box)
    assert np.array_equal(seen, part.resize((8, 8), Image.Resampling.LANCZOS, reducing_gap=3))


def test_a_crop_outside_the_image_says_its_size(tmp_path):
    file = write(tmp_path / "a.png", encode(draw(20, 10)))
    for text in ("13,0,8", "0,3,8", "0,0,11"):
        with pytest.raises(ImageError, match=rf"a\.png has 20 x 10 pixels, and .* {text} reaches"):
            load_picture(file, SHAPE, Crop(text))


@pytest.mark.parametrize("text", ["", "1,2", "0,0,0", "1,\n2,3"])
def test_another_crop_is_refused_with_the_three_forms(text):
    with pytest.raises(ConfigError, match="center, none or X,Y,SIZE") as caught:
        Crop(text)
    assert str(caught.value).isprintable()


def write_mask(path: Path, levels: np.ndarray) -> Path:
    return write(path, encode(Image.fromarray(levels.astype(np.uint8))))


def test_white_counts_and_black_does_not(tmp_path):
    levels = np.zeros((8, 8))
    levels[0, :4] = 127, 128, 255, 1
    found, _ = load_mask(write_mask(tmp_path / "m.png", levels), SHAPE, Crop())
    assert (found.shape, found.dtype) == ((8, 8, 1), bool)
    assert np.argwhere(found[..., 0]).tolist() == [[0, 1], [0, 2]]


def test_a_mask_is_cropped_as_its_image_is_unless_it_fits(tmp_path):
    large = np.zeros((16, 32))
    large[:, 16:] = 255
    right, _ = load_mask(write_mask(tmp_path / "m.png", large), SHAPE, Crop("16,0,16"))
    assert right.all()
    halves, _ = load_mask(tmp_path / "m.png", SHAPE, Crop())
    assert halves[..., 0].tolist() == [[False] * 4 + [True] * 4] * 8
    small, _ = load_mask(write_mask(tmp_path / "s.png", large[:8, 12:20]), SHAPE, Crop("16,0,16"))
    assert np.array_equal(small, halves)


def test_pixels_survive_the_way_to_floats_and_back():
    pixels = np.arange(256, dtype=np.uint8)
    floats = to_floats(pixels)
    assert (floats.dtype, floats[0], floats[-1]) == (np.float32, -1, 1)
    assert np.array_equal(to_pixels(floats), pixels)
    strays = np.array([np.nan, np.inf, -np.inf, 1.5, -1.5, 0])
    assert to_pixels(strays).tolist() == [0, 255, 0, 255, 0, 128]
