"""Images that claim much are refused, or read, within a bounded amount of memory and time."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganinv_cli.errors import ImageError
from ganinv_cli.images import Crop, load_image, make_target_image
from ganinv_cli.images.decode import MAX_PIXELS, MAX_SIDE

_MEASURE = """
import resource, sys
from pathlib import Path
from ganinv_cli.errors import ImageError
from ganinv_cli.images import Crop, load_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print("; ".join(load_image(Path(sys.argv[1]), (8, 8, 3), Crop()).notes))
except ImageError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)  # MB
"""
_TAGS = ((256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 8), (279, 64))
_MANY = 20_000_000


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _encode_png(width: int, height: int, extra: bytes = b"") -> bytes:
    """A black grey PNG with a chunk before its pixels."""
    packer = zlib.compressobj()
    row = bytes(width + 1)
    rows = b"".join(packer.compress(row * 1000) for _ in range(-(-height // 1000)))
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = _chunk(b"IDAT", rows + packer.flush())
    return b"\x89PNG\r\n\x1a\n" + head + extra + data + _chunk(b"IEND", b"")


def _encode_directory(entries: dict[int, tuple[int, int]], order: str, is_big: bool) -> bytes:
    """A directory of TIFF: tag -> how many SHORTs, and the first one or where they are."""
    version, head, start = (43, "HHHHQ", 16) if is_big else (42, "HHI", 8)
    word, count, entry = ("Q", "Q", "HHQQ") if is_big else ("I", "H", "HHII")
    offsets = (8, 0, start) if is_big else (start,)
    mark = int.from_bytes(b"MM" if order == ">" else b"II", "big")
    parts = [struct.pack(order + head, mark, version, *offsets)]
    parts += [struct.pack(order + count, len(entries))]
    for tag, (number, value) in entries.items():
        if number == 1 and order == ">":
            value <<= 48 if is_big else 16  # the first two bytes
        parts.append(struct.pack(order + entry, tag, 3, number, value))
    return b"".join(parts) + struct.pack(order + word, 0)


def _encode_tiff(order: str = "<", is_big: bool = False, strips: int = 1) -> bytes:
    """A TIFF of 8 x 8 whose strips are listed, distinct, after its directory."""
    entries = {tag: (1, value) for tag, value in _TAGS}
    size = len(_encode_directory(entries, order, is_big))
    entries[273] = (1, size) if strips == 1 else (strips, size)
    places = np.arange(strips, dtype=np.uint16) if strips > 1 else np.zeros(32, np.uint16)
    return _encode_directory(entries, order, is_big) + places.tobytes()


def _make_animation(frames: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    head = struct.pack("<HHBBB", 16, 16, 0xF0, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    return b"GIF89a" + head + frame * frames + b";"


def _make_rotated() -> bytes:
    """A PNG that lists 20 million ways in which it is rotated."""
    data = _encode_directory({0x112: (_MANY, 26)}, "<", is_big=False)
    return _encode_png(8, 8, _chunk(b"eXIf", data + bytes(range(250)) * (_MANY // 125)))


BOMB = zlib.compress(bytes(1 << 27), 9)
HOSTILE: dict[str, tuple[Callable[[], bytes], str, int]] = {  # content, words, MB allowed
    "tall": (lambda: _encode_png(1, 80_000_000), "more than 65,536 on a side", 20),
    "wide": (lambda: _encode_png(MAX_SIDE + 1, 1), "more than 65,536 on a side", 20),
    "strips": (lambda: _encode_tiff(strips=_MANY), "tag 273 lists 20,000,000 numbers", 150),
    "strips of a BigTIFF": (
        lambda: _encode_tiff("<", True, _MANY),
        "tag 273 lists 20,000,000 numbers",
        150,
    ),
    "rotated": (_make_rotated, "its EXIF data are damaged", 200),
    "frames": (lambda: _make_animation(3_000_000), "the first of several frames", 150),
    "a text": (
        lambda: _encode_png(8, 8, _chunk(b"zTXt", b"a\0\0" + BOMB)),
        "cannot be read as an image",
        20,
    ),
    "a colour profile": (
        lambda: _encode_png(8, 8, _chunk(b"iCCP", b"a\0\0" + BOMB)),
        "cannot be read as an image",
        20,
    ),
    "texts": (
        lambda: _encode_png(8, 8, _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20))) * 500),
        "cannot be read as an image",
        150,
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HOSTILE)
def test_little_memory_is_used_whatever_an_image_claims(tmp_path: Path, kind: str) -> None:
    make, words, allowed = HOSTILE[kind]
    path = tmp_path / "image"
    path.write_bytes(make())
    command = [sys.executable, "-c", _MEASURE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    said, used = done.stdout.splitlines()
    assert words in said
    assert int(used) < allowed


@pytest.mark.parametrize(("order", "is_big"), [("<", False), (">", False), ("<", True)])
def test_a_small_tiff_of_every_kind_is_read(tmp_path: Path, order: str, is_big: bool) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(_encode_tiff(order, is_big))
    assert load_image(path, (8, 8, 3), Crop()).notes == ()


@pytest.mark.parametrize("is_array", [False, True])
def test_arrays_and_images_of_pillow_have_the_same_limits(is_array: bool) -> None:
    for shape, words in (
        ((1, MAX_SIDE + 1), "more than 65,536 on a side"),
        ((MAX_PIXELS // 10_000 + 1, 10_000), "more than 89 million"),
    ):
        array = np.broadcast_to(np.uint8(0), shape)
        image = array if is_array else Image.new("1", shape[::-1])
        with pytest.raises(ImageError, match=words):
            make_target_image(image, "x", (8, 8, 3), Crop())


def test_an_image_of_the_longest_side_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_encode_png(MAX_SIDE, 1))
    assert load_image(tmp_path / "a.png", (8, 8, 3), Crop("none")).pixels.max() == 0
