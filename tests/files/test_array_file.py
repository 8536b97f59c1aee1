"""Arrays are read from files of NumPy only if their sizes are what their headers say."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ganinv_cli.files.array_file import ArrayFileError, encode_arrays, open_arrays, read_arrays

LIMIT = 1 << 26  # bytes of a file's arrays
ALLOWED = 1 << 23  # bytes that refusing a file may take


def _encode_header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _zip(content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("z.npy", content)
    return file.getvalue()


HOSTILE = {
    "terabytes": (_encode_header(f"({1 << 40},)"), "disagree"),
    "more than 64 bits": (_encode_header(f"({1 << 70}, 0)") + b"x", "disagree"),
    "negative sizes": (_encode_header("(-2, -2)") + bytes(16), "disagree"),
    "too short": (_encode_header("(4,)") + bytes(15), "disagree"),
    "objects": (_encode_header("(1,)", "'|O'") + bytes(8), "holds Python objects"),
    "objects in a record": (_encode_header("(1,)", "[('a', '|O')]") + bytes(8), "Python objects"),
    "records": (_encode_header("(1,)", "[('a', '<f4')]") + bytes(4), "not numbers or text"),
    "texts of no characters": (_encode_header(f"({1 << 40},)", "'<U0'"), "not numbers or text"),
    "half a type": (_encode_header("(1,)", "('<f4',)") + bytes(4), "no file of NumPy"),
    "a nested header": (_encode_header("(" + "-" * 9000 + "1,)"), "nested too deeply"),
    "a number of 9,000 digits": (_encode_header("(" + "9" * 9000 + ",)"), "no file of NumPy"),
    "another version": (b"\x93NUMPY\x03\x00" + bytes(20), r"version \(3, 0\)"),
    "text": (b"z = 1", "no file of NumPy"),
    "nothing": (b"", "no file of NumPy"),
}


def _refuse(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ArrayFileError, match=words):
            read_arrays(path, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < ALLOWED + len(content)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["z.npy", "z.npz"])
def test_a_header_that_does_not_fit_is_refused_without_memory(
    tmp_path: Path, name: str, kind: str
) -> None:
    content, words = HOSTILE[kind]
    _refuse(tmp_path / name, content if name == "z.npy" else _zip(content), words)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = _zip(_encode_header(f"({1 << 25},)") + bytes(1 << 27))
    assert len(bomb) < 1 << 18
    _refuse(tmp_path / "z.npz", bomb, "it has 128 MB of arrays, more than 64")


def test_an_archive_is_one_that_numpy_writes(tmp_path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.zeros(10))
    _refuse(tmp_path / "z.npz", _zip(array.getvalue(), zipfile.ZIP_LZMA), "does not use")
    content = bytearray(_zip(array.getvalue()))
    content[-10:-6] = struct.pack("<I", 1 << 30)
    _refuse(tmp_path / "z.npz", bytes(content), "list of members has 1,073,741,824 bytes")
    _refuse(tmp_path / "z.npz", bytes(content[:-22]), "list of members is missing")


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "z.npy"
    with path.open("wb") as file:  # without bytes on the disk
        file.write(_encode_header(f"({1 << 40},)"))
        file.truncate(1 << 42)
    with pytest.raises(ArrayFileError, match="it has 4,194,304 MB of arrays, more than 64"):
        read_arrays(path, LIMIT)


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_read_bit_for_bit(tmp_path: Path, compressed: bool) -> None:
    arrays = {
        "z": np.random.default_rng(0).normal(size=(3, 5)),
        "across": np.arange(6, dtype=np.int8).reshape(2, 3).T,
        "names": np.array(["a", "größer"]),
        "one": np.array(1.5),
        "none": np.zeros((0, 4), np.float16),
    }
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with open_arrays(tmp_path / "a.npz", LIMIT) as stored:
        assert [(each.name, each.shape) for each in stored] == [
            (name, array.shape) for name, array in arrays.items()
        ]
        for each in reversed(stored):
            assert each.dtype == arrays[each.name].dtype
            np.testing.assert_array_equal(each.read(), arrays[each.name])
    np.save(tmp_path / "a.npy", arrays["across"])
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npy", LIMIT)[""], arrays["across"])


def test_a_file_with_a_key_is_read_with_that_key_alone(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(encode_arrays({"x": np.arange(3)}, "key"))
    assert read_arrays(tmp_path / "a.npz", LIMIT, "key")["x"].tolist() == [0, 1, 2]
    with pytest.raises(ArrayFileError, match="it has another key"):
        read_arrays(tmp_path / "a.npz", LIMIT, "other")
    np.save(tmp_path / "a.npy", np.arange(3))
    with pytest.raises(ArrayFileError, match="it is no archive"):
        read_arrays(tmp_path / "a.npy", LIMIT, "key")
