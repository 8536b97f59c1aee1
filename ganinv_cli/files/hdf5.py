"""Open HDF5 files so that nothing else is opened, and nothing is read that they cannot hold.

Everything in an open file is a group or an array of its own: links to other places, values in
other files, and filters that would load a plugin are refused when it is opened.

HDF5 calls no Python code, neither to read a file nor to list it: a signal would interrupt that
code, and h5py would raise SystemError.
"""

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o

from ganinv_cli.files.regular_file import open_regular_file

MAX_TEXT = 1 << 22  # bytes of an attribute; a config has some kilobytes
MAX_NAMES = 10_000  # texts in an attribute
MAX_COMPRESSION = 1032  # bytes that deflate can make of one
FLETCHER32 = 3
ALLOWED_FILTERS = {1, 2, FLETCHER32, 32000}  # deflate, shuffle, LZF: others would load a plugin
_COMPRESSING_FILTERS = {1, 32000}
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COLLECTION = b"GCOL\x01"  # a global heap begins so
_HEADER_BYTES = 16  # bytes of a collection, and of each text in it
_MIN_COLLECTION_BYTES = 4096  # bytes of a collection
_PIECE = 1 << 22  # bytes of a file that are searched for heaps at once


class Hdf5Error(Exception):
    """A file holds something that ganinv does not read; the message is a clause without advice."""


class DamagedHdf5Error(Hdf5Error):
    """A file is damaged or incomplete."""


class NoHdf5Error(DamagedHdf5Error):
    """A file does not begin as HDF5."""


class Array(NamedTuple):
    """An array of an open file, none of whose values was read."""

    dtype: np.dtype
    shape: tuple[int, ...]
    chunk: tuple[int, ...]  # its shape; (): the array is in one piece
    most_bytes: int  # that its values can have, by what is stored; more declared values are fill

    @property
    def row_bytes(self) -> int:
        """Bytes of the values at one place of the first axis."""
        return self.dtype.itemsize * math.prod(self.shape[1:])


Arrays = dict[str, Array | None]  # by path, as in `a/b`; None: a group


@contextmanager
def open_file(file: Path | BinaryIO) -> Iterator[h5py.File]:
    """Open a file for reading and check what it holds. Raises OSError or Hdf5Error."""
    with open_arrays(file) as (root, _):
        yield root


@contextmanager
def open_arrays(file: Path | BinaryIO) -> Iterator[tuple[h5py.File, Arrays]]:
    """Open a file as `open_file` does; yield it and what is in it."""
    if isinstance(file, Path):
        with open_regular_file(file) as opened, open_arrays(opened) as both:
            yield both
        return
    _check_signature(file.fileno())
    _check_heaps(file.fileno())
    with ExitStack() as stack:
        with translate_errors("it cannot be read as HDF5"):
            root = stack.enter_context(h5py.File(file, "r"))
            arrays = _list_arrays(root)
        yield root, arrays


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


def read_attributes(holder: Any) -> dict[str, Any]:
    """Return the attributes of a file, group or array by name."""
    return {name: holder.attrs[name] for name in list_attributes(holder)}


def list_attributes(holder: Any) -> list[str]:
    """Return the names of the attributes of a file, group or array, in no certain order."""
    names: list[bytes] = []
    h5a.iterate(holder.id, names.append)  # `holder.attrs` calls Python code while it iterates
    return [name.decode(errors="surrogateescape") for name in names]


def list_chunks(data: h5d.DatasetID) -> list[h5d.StoreInfo]:
    """Return the place and size of each chunk of an array that was written, in no certain order."""
    if not hasattr(data, "chunk_iter"):  # older HDF5
        return [data.get_chunk_info(number) for number in range(data.get_num_chunks())]
    chunks: list[h5d.StoreInfo] = []
    data.chunk_iter(chunks.append)
    return chunks


def _list_arrays(root: h5py.File) -> Arrays:
    """Return what is in a file. Raises Hdf5Error if anything leads out of it."""
    arrays: Arrays = {}
    paths: list[bytes] = []
    # In any other order, HDF5 lists a damaged group in memory that it then frees wrongly.
    root.id.links.visit(paths.append, order=h5py.h5.ITER_NATIVE)
    for path in sorted(paths):
        place = path.decode(errors="replace")
        name = f"/{place}"
        if root.id.links.get_info(path).type != h5l.TYPE_HARD:
            raise Hdf5Error(f"{name} is a link that leads elsewhere")
        node = h5o.open(root.id, path)
        if isinstance(node, h5d.DatasetID):
            arrays[place] = _read_array(node, name)
        elif isinstance(node, h5g.GroupID):
            arrays[place] = None
        else:
            raise Hdf5Error(f"{name} is neither a group nor an array")
    return arrays


def _read_array(data: h5d.DatasetID, name: str) -> Array:
    stored = data.get_storage_size()
    if data.get_offset() is not None:  # in one piece in this file, and without filters
        return Array(data.dtype, data.shape or (), (), stored)
    plan = data.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5d.VIRTUAL:
        raise Hdf5Error(f"{name} keeps its values in another file")
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    if not ALLOWED_FILTERS.issuperset(filters):
        raise Hdf5Error(f"{name} is compressed in an unknown way")
    # The library's Fletcher-32 filter crashes if it gets less than a checksum.
    if FLETCHER32 in filters[:-1]:
        raise Hdf5Error(f"{name} is compressed after its checksum")
    if FLETCHER32 in filters and any(0 < chunk.size < 4 for chunk in list_chunks(data)):
        raise DamagedHdf5Error(f"{name} has a chunk without its checksum, the file is damaged")
    chunk = plan.get_chunk() if plan.get_layout() == h5d.CHUNKED else ()
    factor = 1 if _COMPRESSING_FILTERS.isdisjoint(filters) else MAX_COMPRESSION
    return Array(data.dtype, data.shape or (), chunk, stored * factor)


def _check_signature(descriptor: int) -> None:
    first = os.pread(descriptor, 16, 0)
    place = 13 if first[8:9] < b"\x02" else 9  # by the version
    if not first.startswith(SIGNATURE):
        raise NoHdf5Error("it cannot be read as HDF5, the file is damaged or of another kind")
    if first[place : place + 2] != b"\x08\x08":  # bytes of offsets, as in all but tiny old files
        raise DamagedHdf5Error("it cannot be read as HDF5, the file is damaged or of a rare kind")


def _check_heaps(descriptor: int) -> None:
    """Raise DamagedHdf5Error if a global heap of a file is damaged, or if heaps overlap.

    The library reads texts from these heaps, and would read a damaged one forever.
    """
    unchecked = file_size = os.fstat(descriptor).st_size
    last = _PIECE + len(_COLLECTION) - 1  # where the name of a heap that begins in a piece may end
    for start in range(0, file_size, _PIECE):
        content = os.pread(descriptor, _PIECE + _HEADER_BYTES - 1, start)
        at = content.find(_COLLECTION, 0, last)
        while at >= 0:
            size = _decode_number(content[at + 8 : at + _HEADER_BYTES])
            # Of another size, the library refuses it, if it is a heap at all.
            if _MIN_COLLECTION_BYTES <= size <= file_size - start - at:
                unchecked -= size
                if unchecked < 0 or not _is_intact(os.pread(descriptor, size, start + at)):
                    raise DamagedHdf5Error(
                        "it cannot be read as HDF5, the file is damaged (a heap of its texts)"
                    )
            at = content.find(_COLLECTION, at + 1, last)


def _is_intact(heap: bytes) -> bool:
    """Return whether the texts of a heap follow one another to its end."""
    offset = _HEADER_BYTES
    while offset + _HEADER_BYTES <= len(heap):
        number = _decode_number(heap[offset : offset + 2])
        length = _decode_number(heap[offset + 8 : offset + _HEADER_BYTES])
        if number == 0:  # the free space
            offset += length
        else:
            offset += _HEADER_BYTES + -(-length // 8) * 8
        if offset > len(heap) or (number == 0 and length < _HEADER_BYTES):
            return False
    return True


def _decode_number(content: bytes) -> int:
    return int.from_bytes(content, "little")
