"""Arrays in .npy and .npz files, read only if their sizes agree with their headers.

Nothing is ever unpickled, and no memory is allocated before the size has been checked.
"""

import contextlib
import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ganinv_cli.files.regular_file import open_regular_file
from ganinv_cli.files.zip_archive import SIGNATURES, open_archive

NPY_SUFFIX = ".npy"  # of a file of one array, and of each member of an archive
_DTYPE_KINDS = "biufcSU"  # numbers and text
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # as NumPy writes
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_DAMAGED_ERRORS = (  # of NumPy, zipfile and Python's parser; RuntimeError includes RecursionError
    *(ValueError, TypeError, LookupError, EOFError, RuntimeError, OverflowError),
    *(SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


class ArrayFileError(Exception):
    """A file is damaged, too large, or holds no plain arrays; the message is a clause."""


class StoredArray(NamedTuple):
    """An array in an open file, not read yet."""

    name: str  # in an archive; empty in .npy
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], np.ndarray]  # raises OSError or ArrayFileError


@contextlib.contextmanager
def open_arrays(path: Path, max_bytes: int, key: str = "") -> Iterator[list[StoredArray]]:
    """Open an .npy or .npz file with arrays of at most `max_bytes`, headers included, unpacked.

    With a key, it must be an archive that `encode_arrays` made with that key. Raises OSError or
    ArrayFileError.
    """
    with open_regular_file(path) as file, contextlib.ExitStack() as stack:
        with _explain_damage():
            if file.read(4) in SIGNATURES:
                archive = stack.enter_context(open_archive(file))
                if key and archive.comment != key.encode():
                    raise ArrayFileError("it has another key")
                arrays = _list_members(archive, max_bytes)
            else:
                size = file.seek(0, io.SEEK_END)
                _check_total(size, max_bytes)
                if key:
                    raise ArrayFileError("it is no archive")
                arrays = [_describe_array("", size, lambda: _rewind(file))]
        yield arrays


def read_arrays(path: Path, max_bytes: int, key: str = "") -> dict[str, np.ndarray]:
    """Return the arrays of a file by name; arguments and errors as in `open_arrays`."""
    with open_arrays(path, max_bytes, key) as arrays:
        return {array.name: array.read() for array in arrays}


def encode_arrays(arrays: Mapping[str, np.ndarray], key: str) -> bytes:
    """Return an .npz file, uncompressed, whose comment is its key."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = key.encode()
        for name, array in arrays.items():
            with archive.open(f"{name}{NPY_SUFFIX}", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), (1, 0), False)
    return file.getvalue()


def _list_members(archive: zipfile.ZipFile, max_bytes: int) -> list[StoredArray]:
    members = [each for each in archive.infolist() if each.filename.endswith(NPY_SUFFIX)]
    _check_total(sum(member.file_size for member in members), max_bytes)
    return [_describe_member(archive, member) for member in members]


def _describe_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> StoredArray:
    if member.compress_type not in _COMPRESSIONS:
        raise ArrayFileError("it is compressed in a way that NumPy does not use")
    name = member.filename.removesuffix(NPY_SUFFIX)
    return _describe_array(name, member.file_size, lambda: archive.open(member))


def _describe_array(name: str, size: int, open_stream: Callable[[], Any]) -> StoredArray:
    """Return an array of `size` bytes, header included."""

    def read() -> np.ndarray:
        with _explain_damage(), open_stream() as stream:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))

    with open_stream() as stream:
        return StoredArray(name, *_read_header(stream, size), read)


def _rewind(file: IO[bytes]) -> contextlib.AbstractContextManager[IO[bytes]]:
    file.seek(0)
    return contextlib.nullcontext(file)


def _read_header(stream: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADER_READERS:
        raise ArrayFileError(f"it has version {version} of the format")
    try:
        shape, _, dtype = _HEADER_READERS[version](stream)
    except MemoryError:  # of Python's parser, not of the memory: a header is short
        raise ArrayFileError("its header is nested too deeply") from None
    if dtype.hasobject:
        raise ArrayFileError("it holds Python objects")
    if dtype.kind not in _DTYPE_KINDS or not dtype.itemsize:
        raise ArrayFileError(f"it holds {str(dtype)[:80]}, not numbers or text")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise ArrayFileError("its header and its size disagree")
    return shape, dtype


def _check_total(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ArrayFileError(f"it has {size >> 20:,} MB of arrays, more than {max_bytes >> 20:,}")


@contextlib.contextmanager
def _explain_damage() -> Iterator[None]:
    try:
        yield
    except _DAMAGED_ERRORS as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise ArrayFileError(f"it is damaged or no file of NumPy: {reason}") from error
