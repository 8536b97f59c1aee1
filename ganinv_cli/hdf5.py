"""Open HDF5 files so that nothing else is opened, and nothing is read that they cannot hold.

Everything in an open file is a group or an array of its own: links to other places, values in
other files, and filters that would load a plugin are refused when it is opened.
"""

import math
import mmap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o

from ganinv_cli.regular_file import open_regular_file

MAX_TEXT = 1 << 22  # bytes of an attribute; a config has some kilobytes
MAX_NAMES = 10_000  # texts in an attribute
ALLOWED_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, checksum, LZF: others would load a plugin
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COLLECTION_SIGNATURE = b"GCOL\x01"
_HEADER_BYTES = 16  # bytes of a collection, and of each text in it
_MIN_COLLECTION_BYTES = 4096  # bytes of a collection


class Hdf5Error(Exception):
    """A file holds something that ganinv does not read; the message is a clause without advice."""


class DamagedHdf5Error(Hdf5Error):
    """A file is damaged or incomplete."""


def open_file(file: Path | BinaryIO) -> h5py.File:
    """Open a file for reading and check what it holds. Raises OSError or Hdf5Error."""
    if isinstance(file, Path):
        with open_regular_file(file) as opened:
            _check_heaps(opened)
    else:
        _check_heaps(file)
    with translate_errors("it cannot be read as HDF5"):
        root = h5py.File(file, "r", locking=False)
        try:
            _check_objects(root)
        except BaseException:
            root.close()
            raise
    return root


@contextmanager
def translate_errors(problem: str) -> Iterator[None]:
    """Turn h5py's errors for damaged files into DamagedHdf5Error."""
    try:
        yield
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DamagedHdf5Error(
            f"{problem}, the file is damaged or incomplete ({reason})"
        ) from error


def read_texts(holder: Any, name: str) -> list[str] | None:
    """Return the texts of an attribute of a file, group or array; None if it has none."""
    if name not in holder.attrs:
        return None
    stored = holder.attrs.get_id(name)
    size = math.prod(stored.shape or ())
    if size > MAX_NAMES or size * stored.dtype.itemsize > MAX_TEXT:
        raise Hdf5Error(f"attribute {name} of {holder.name} is too long")
    if not size:
        return []
    if h5py.check_string_dtype(stored.dtype) is None:
        raise Hdf5Error(f"attribute {name} of {holder.name} is not text")
    values = holder.attrs[name]
    listed = values.ravel().tolist() if isinstance(values, np.ndarray) else [values]
    texts = [each.decode() if isinstance(each, bytes) else each for each in listed]
    if sum(map(len, texts)) > MAX_TEXT:
        raise Hdf5Error(f"attribute {name} of {holder.name} is too long")
    return texts


def _check_objects(root: h5py.File) -> None:
    """Raise Hdf5Error if anything in a file leads out of it."""
    links: list[tuple[bytes, int]] = []
    root.id.links.visit(lambda name, link: links.append((name, link.type)), info=True)
    for path, kind in links:
        name = f"/{path.decode(errors='replace')}"
        if kind != h5l.TYPE_HARD:
            raise Hdf5Error(f"{name} is a link that leads elsewhere")
        node = h5o.open(root.id, path)
        if isinstance(node, h5d.DatasetID):
            _check_storage(node, name)
        elif not isinstance(node, h5g.GroupID):
            raise Hdf5Error(f"{name} is neither a group nor an array")


def _check_storage(data: h5d.DatasetID, name: str) -> None:
    plan = data.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5d.VIRTUAL:
        raise Hdf5Error(f"{name} keeps its values in another file")
    filters = {plan.get_filter(number)[0] for number in range(plan.get_nfilters())}
    if not filters <= ALLOWED_FILTERS:
        raise Hdf5Error(f"{name} is compressed in an unknown way")


def _check_heaps(file: BinaryIO) -> None:
    """Raise Hdf5Error if a global heap is damaged, else the library would read forever."""
    try:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise DamagedHdf5Error("it is empty") from None
    with closing(content):
        if not (
            _has_8_byte_offsets(content)
            and all(_is_intact(content, at) for at in _find_collections(content))
        ):
            raise DamagedHdf5Error(
                "it cannot be read as HDF5, the file is damaged or of an unusual kind"
            )


def _has_8_byte_offsets(content: mmap.mmap) -> bool:
    """Return whether offsets have 8 bytes, as in all but tiny old files."""
    first = content[:16]
    place = 13 if first[8:9] < b"\x02" else 9  # by the version
    return first.startswith(SIGNATURE) and first[place : place + 2] == b"\x08\x08"


def _find_collections(content: mmap.mmap) -> Iterator[int]:
    """Yield the offset of each global heap."""
    offset = content.find(_COLLECTION_SIGNATURE)
    while offset >= 0:
        yield offset
        offset = content.find(_COLLECTION_SIGNATURE, offset + 1)


def _is_intact(content: mmap.mmap, start: int) -> bool:
    """Return whether the texts of a heap follow one another to its end."""
    size = int.from_bytes(content[start + 8 : start + _HEADER_BYTES], "little")
    if size < _MIN_COLLECTION_BYTES or start + size > len(content):
        return True  # the library refuses it, if it is a heap at all
    offset, end = start + _HEADER_BYTES, start + size
    while offset + _HEADER_BYTES <= end:
        number = int.from_bytes(content[offset : offset + 2], "little")
        length = int.from_bytes(content[offset + 8 : offset + _HEADER_BYTES], "little")
        offset += (
            _HEADER_BYTES + -(-length // 8) * 8 if number else length
        )  # object 0 is the free space
        if offset > end or (number == 0 and length < _HEADER_BYTES):
            return False
    return True
