"""Images are square and in order; bad ones are named."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ImageError
from ganinv_cli.images import files
from ganinv_cli.training.square_images import SquareCrop, load_images


def _encoded(value: int = 0, kind: str = "PNG", size: tuple[int, int] = (20, 30)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(data, kind)
    return data.getvalue()


def _folder(path: Path, members: Mapping[str, bytes]) -> Path:
    for name, data in members.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            place.mkdir()
        else:
            place.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "crop", [SquareCrop(), SquareCrop(0.72, (0.5, 0.4)), SquareCrop(0.5, (0, 1))]
)
@pytest.mark.parametrize("size", [(335, 410), (410, 335), (1, 7)])
def test_a_crop_is_a_square_inside_the_picture(crop, size):
    left, top, right, bottom = crop.compute_box(*size)
    assert right - left == pytest.approx(bottom - top) == pytest.approx(crop.side * min(size))
    assert left >= 0 and top >= 0
    assert right <= size[0] + 1e-9 and bottom <= size[1] + 1e-9


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_in_the_order_of_their_names(tmp_path, channels):
    members = {f"{n % 3}/{n}.png": _encoded(n) for n in range(40)}
    found = load_images(_folder(tmp_path / "source", members), 16, channels, SquareCrop())
    assert (found.shape, found.dtype) == ((40, 16, 16, channels), np.uint8)
    expected = [int(Path(name).stem) for name in sorted(members)]
    assert found[:, 3, 5, 0].tolist() == expected


def test_what_is_no_image_is_passed_over(tmp_path):
    members = {
        "a.JPG": _encoded(9, "JPEG"),
        "folder.jpg/": b"",
        "folder.jpg/b.png": _encoded(8),
        "._a.jpg": b"macOS",
        "__MACOSX/c.png": b"macOS",
        "notes.txt": b"text",
    }
    found = load_images(_folder(tmp_path / "source", members), 16, 3, SquareCrop())
    assert found[:, 0, 0, 0].tolist() == [9, 8]


def test_held_out_images_are_left_out_by_their_file_names(tmp_path):
    members = {"a/1.png": _encoded(1), "b/1.png": _encoded(2), "b/3.png": _encoded(3)}
    source = _folder(tmp_path / "source", members)
    found = load_images(source, 16, 3, SquareCrop(), {"1.png"})
    assert found[:, 0, 0, 0].tolist() == [3]
    with pytest.raises(ImageError, match=r"has no image '4\.png', which was to be left out"):
        load_images(source, 16, 3, SquareCrop(), {"1.png", "4.png"})


def test_a_file_too_big_for_an_image_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 2 << 20)
    source = _folder(tmp_path / "source", {"big.png": _encoded() + bytes(3 << 20)})
    with pytest.raises(ImageError, match=r"big\.png has more than the 2 MB of an image"):
        load_images(source, 16, 3, SquareCrop())
