"""Image files that are accepted, and the sentence for each one that is refused."""

import contextlib
import hashlib
import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ImageError, to_printable
from ganinv_cli.images import Crop, files, list_images, load_image, suppress_pillow_warnings

SHAPE = (8, 8, 3)


def _noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def _encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def _written(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_encoded(_noise(8, 8)) if data is None else data)
    return path


def _claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims another size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = _encoded(_noise(8, 8))
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def test_files_come_as_named_and_folders_by_name(tmp_path: Path) -> None:
    named = _written(tmp_path / "named.data")
    for name in ("b.png", "a/c.JPG", "a/notes.txt", "._b.png", "__MACOSX/d.png"):
        _written(tmp_path / "folder" / name)
    found = list_images([named, tmp_path / "folder"])
    assert found == [named, tmp_path / "folder/a/c.JPG", tmp_path / "folder/b.png"]


def test_a_file_is_taken_once_however_often_it_is_named(tmp_path: Path) -> None:
    file = _written(tmp_path / "folder" / "a.png")
    (tmp_path / "folder" / "b.png").symlink_to("a.png")
    assert list_images([file, tmp_path / "folder", file]) == [file]


def test_links_are_followed_and_end(tmp_path: Path) -> None:
    _written(tmp_path / "elsewhere" / "a.png")
    folder = tmp_path / "folder"
    _written(folder / "b.png")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    assert list_images([folder]) == [folder / "b.png", folder / "link" / "a.png"]


def test_what_does_not_exist_or_holds_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere")
    for name in ("none.png", "gone.png"):
        with pytest.raises(ImageError, match=rf"{name} does not exist; name an image or a folder"):
            list_images([tmp_path / name])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=r"empty holds no image; ganinv reads \.bmp, .*\.webp"):
        list_images([tmp_path / "empty"])
    with pytest.raises(ImageError, match="cannot be read"):
        list_images([Path("n" * 5000)])


def test_a_picture_says_what_it_is(tmp_path: Path) -> None:
    image = _noise(8, 8)
    file = _written(tmp_path / "a\nb.png", _encoded(image))
    picture = load_image(file, SHAPE, Crop())
    assert (picture.name, picture.notes, picture.error) == (r"a\nb.png", (), "")
    assert picture.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert picture.pixels.dtype == np.uint8
    assert np.array_equal(picture.pixels, np.asarray(image))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty, so no image of a known format"),
        (b"not a picture", "is no image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no image of a known format"),
        (_encoded(_noise(64, 64), "JPEG")[:-2000], "cannot be read as an image"),
        (_claiming(30_000, 30_000), "pixels by its header, more than 89 million"),
        (_claiming(9_500, 9_500), "pixels by its header, more than 89 million"),
    ],
    ids=["empty", "text", "PostScript", "truncated", "bomb", "small bomb"],
)
def test_a_bad_image_is_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    file = _written(tmp_path / "a\nb\x1b.png", data)
    with pytest.raises(ImageError, match=words) as caught:
        load_image(file, SHAPE, Crop())
    assert caught.value.exit_code == 2
    assert r"a\nb\x1b.png" in str(caught.value)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith("leave it out")


def test_too_many_pixels_are_refused_undecoded_whether_or_not_pillow_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoding(*_: object) -> None:
        raise AssertionError("the image was decoded")

    file = _written(tmp_path / "wide.png", _claiming(10_000, 9_000))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoding)
    with (
        suppress_pillow_warnings(),
        pytest.raises(ImageError, match=r"wide\.png has 90,000,000 pixels"),
    ):
        load_image(file, SHAPE, Crop())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ImageError, match=r"wide\.png has 10,000 x 9,000 pixels"):
            load_image(file, SHAPE, Crop())


@pytest.mark.parametrize("kind", ["JPEG", "progressive", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_truncated_image_is_whole_or_refused(tmp_path: Path, kind: str) -> None:
    options = {"progressive": True} if kind == "progressive" else {}
    data = _encoded(_noise(16, 16), "JPEG" if options else kind, **options)
    shape = (16, 16, 3)
    whole = load_image(_written(tmp_path / "whole", data), shape, Crop()).pixels
    refused = 0
    for end in range(0, len(data), 7):
        file = _written(tmp_path / "part", data[:end])
        try:
            assert np.array_equal(load_image(file, shape, Crop()).pixels, whole), end
        except ImageError:
            refused += 1
    assert refused > len(data) // 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_any_damage_is_survived_or_explained(tmp_path: Path, kind: str) -> None:
    data = _encoded(_noise(8, 8), kind)
    with suppress_pillow_warnings():
        for place in range(0, len(data), 3):
            damaged = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
            file = _written(tmp_path / "damaged", damaged)
            with contextlib.suppress(ImageError):
                assert load_image(file, SHAPE, Crop("none")).pixels.shape == SHAPE


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "pipe.png", tmp_path / "folder.png", Path("/dev/zero")):
        with pytest.raises(ImageError, match=rf"{path.name} cannot be read \(.*leave it out"):
            load_image(path, SHAPE, Crop())


def test_what_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = _written(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"b\.png does not exist"):
        load_image(tmp_path / "b.png", SHAPE, Crop())
    monkeypatch.setattr("ganinv_cli.images.files.open_regular_file", denied)
    with pytest.raises(ImageError, match=r"a\.png cannot be read \(Permission denied\); allow it"):
        load_image(file, SHAPE, Crop())


def test_a_file_too_big_for_an_image_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "big.png"
    file.touch()
    os.truncate(file, files.MAX_BYTES + (1 << 20))  # a hole, no bytes on the disk
    with pytest.raises(ImageError, match=r"big\.png has 257 MB, more than the 256 of an image"):
        load_image(file, SHAPE, Crop())


def test_a_name_is_one_line_on_any_terminal() -> None:
    assert to_printable("a\nb\r\x1b[1m\udcff") == r"a\nb\r\x1b[1m\udcff"
    assert to_printable("Zoë 像.png") == "Zoë 像.png"
