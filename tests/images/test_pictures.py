"""Image files that are accepted, and the sentence for each one that is refused."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ImageError
from ganinv_cli.images import Crop, load_image, suppress_pillow_warnings
from ganinv_cli.images.files import list_named_images

SHAPE = (8, 8, 3)


def draw(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def encode(image: Image.Image, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


def write(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(draw(8, 8)) if data is None else data)
    return path


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


def test_what_does_not_exist_or_holds_nothing_is_named(tmp_path):
    (tmp_path / "gone.png").symlink_to("nowhere")
    for name in ("none.png", "gone.png"):
        with pytest.raises(ImageError, match=rf"{name} does not exist; name an image or a folder"):
            list_named_images([tmp_path / name])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=r"empty holds no image; ganinv reads \.bmp, .*\.webp"):
        list_named_images([tmp_path / "empty"])
    with pytest.raises(ImageError, match=r"empty cannot be read \(Is a directory\)"):
        load_image(tmp_path / "empty", SHAPE, Crop())


def test_a_picture_says_what_it_is(tmp_path):
    image = draw(8, 8)
    file = write(tmp_path / "a\nb.png", encode(image))
    picture = load_image(file, SHAPE, Crop())
    assert (picture.name, picture.notes, picture.error) == (r"a\nb.png", (), "")
    assert picture.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, np.asarray(image))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not a picture", "is no image of a known format"),
        (encode(draw(64, 64), "JPEG")[:-2000], "cannot be read as an image"),
        (claim(30_000, 30_000), "cannot be read as an image .*pixels"),
        (claim(10_000, 9_000), "cannot be read as an image .*pixels"),
    ],
    ids=["text", "truncated", "bomb", "small bomb"],
)
def test_a_bad_image_is_one_sentence(tmp_path, data, words):
    file = write(tmp_path / "a\nb\x1b.png", data)
    with suppress_pillow_warnings(), pytest.raises(ImageError, match=words) as caught:
        load_image(file, SHAPE, Crop())
    assert caught.value.exit_code == 2
    assert r"a\nb\x1b.png" in str(caught.value)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith("leave it out")
