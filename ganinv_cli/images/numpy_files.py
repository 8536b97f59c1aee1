"""Images in NumPy files: .npy, and .npz with one array or several.

Nothing is unpickled, and the size is read from the header before memory is allocated.
"""

import contextlib
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ImageError, to_printable
from ganinv_cli.files.array_file import DAMAGED
from ganinv_cli.images.arrays import make_target_image
from ganinv_cli.images.crop import Crop
from ganinv_cli.images.files import NPY_SUFFIX, check_regular_file, make_read_error
from ganinv_cli.images.load import ImageShape, TargetImage, make_unread_image

MAX_BYTES = 1 << 30  # of all arrays in a file, unpacked
MAX_IMAGES = 100_000  # in an array
Z_NAME = "z"  # of the latent vectors that ganinv writes into .npz files

_DAMAGED = (*DAMAGED, zlib.error)
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_Header = tuple[tuple[int, ...], np.dtype[Any]]


class LatentsError(ImageError):
    """A NumPy file holds latent vectors, not images."""


def load_numpy_file(
    path: Path, shape: ImageShape, crop: Crop, latent: int = 0
) -> Iterator[TargetImage]:
    """Yield the images in a NumPy file; an array that is not one yields its error.

    An array (height, width) or (height, width, channels) is one image, (images, height, width,
    channels) several. `latent` is the size of z. Raises LatentsError for a file of latent vectors,
    ImageError if the file cannot be read.
    """
    _check_latents(path, latent)
    label = to_printable(path.name)
    for member, array in _iterate_arrays(path):
        whole = f"{label}[{to_printable(member)}]" if member else label
        try:
            images = _split_array(array, whole)
        except ImageError as error:
            yield make_unread_image(whole, shape, error)
            continue
        for name, image in images:
            try:
                yield make_target_image(image, name, shape, crop)
            except ImageError as error:
                yield make_unread_image(name, shape, error)


def read_single_array(path: Path) -> np.ndarray:
    """Return the only array of a NumPy file. Raises ImageError."""
    arrays = list(_iterate_arrays(path))
    if len(arrays) != 1:
        raise ImageError(f"{to_printable(path)} holds {len(arrays)} arrays; save the one to use")
    return arrays[0][1]


def _split_array(array: np.ndarray, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Return the images of an array with their names."""
    if array.ndim != 4:
        return iter([(name, array)])
    if not 0 < len(array) <= MAX_IMAGES:
        raise ImageError(f"{name} holds {len(array):,} images; give 1 to {MAX_IMAGES:,}")
    return ((f"{name}[{number}]", image) for number, image in enumerate(array))


def _check_latents(path: Path, latent: int) -> None:
    """Raise LatentsError if a file holds latent vectors; only headers are read."""
    for member, (shape, dtype) in _iterate_headers(path):
        vectors = dtype.kind == "f" and len(shape) == 2
        if vectors and (member == Z_NAME or (not member and shape[1] == latent)):
            raise LatentsError(
                f"{to_printable(path)} holds latent vectors of shape {shape}, not images; "
                "ganinv sample GENERATOR --z FILE makes images of them (and save a grey image as "
                "(height, width, 1))"
            )


def _iterate_headers(path: Path) -> Iterator[tuple[str, _Header]]:
    """Yield the name of each array, empty in .npy, and its header."""
    with _explain_damage(path):
        for member in _open_members(path):
            yield member.name, _read_header(member.stream)


def _iterate_arrays(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each array and its name, empty for the only one of a file."""
    with _explain_damage(path):
        for member in _open_members(path):
            yield "" if member.is_only else member.name, _read_array(member)


class _Member(NamedTuple):
    """An array in a file that is open."""

    name: str  # empty in .npy
    is_only: bool  # whether the file has no other
    stream: IO[bytes]
    size: int  # bytes, header included


def _open_members(path: Path) -> Iterator[_Member]:
    size = check_regular_file(path)
    if path.suffix.lower() == NPY_SUFFIX:
        _check_total(path, size)
        with path.open("rb") as file:
            yield _Member("", True, file, size)
        return
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if each.filename.endswith(NPY_SUFFIX)]
        _check_total(path, sum(member.file_size for member in members))
        for member in members:
            name = member.filename.removesuffix(NPY_SUFFIX)
            with archive.open(member) as stream:
                yield _Member(name, len(members) == 1, stream, member.file_size)


def _check_total(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise ImageError(
            f"{to_printable(path)} has {size >> 20:,} MB of arrays, more than "
            f"{MAX_BYTES >> 20:,}; split it"
        )


def _read_array(member: _Member) -> np.ndarray:
    shape, dtype = _read_header(member.stream)
    if math.prod(shape) * dtype.itemsize != member.size - member.stream.tell():
        raise ValueError("its header and its size disagree")
    member.stream.seek(0)
    return np.asarray(np.lib.format.read_array(member.stream, allow_pickle=False))


def _read_header(stream: IO[bytes]) -> _Header:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADER_READERS:
        raise ValueError(f"version {version} of the format")
    shape, _, dtype = _HEADER_READERS[version](stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return shape, dtype


@contextlib.contextmanager
def _explain_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise make_read_error(path, error) from error
    except _DAMAGED as error:
        raise ImageError(
            f"{to_printable(path)} cannot be read as NumPy arrays ({to_printable(error)}); leave "
            "it out"
        ) from error
