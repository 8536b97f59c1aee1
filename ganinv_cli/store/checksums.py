"""Checksums of results files: a value is read as it was written, or not at all.

Rows are in chunks with a Fletcher-32 sum; what is beside the rows has one SHA-256. HDF5 itself has
sums of the rest, except the places of chunks in a finished file, which have a CRC-32. Files of
earlier versions have no sums, and are read unchecked.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from ganinv_cli.files.hdf5 import list_chunks, translate_errors
from ganinv_cli.store.columns import CONSTANTS

ATTRIBUTE = "attributes_sha256"  # of "/"
INDEX_ATTRIBUTE = "chunks_crc32"  # of a dataset
# Versions of HDF5's format. Both have sums of the names and shapes; the dense one of indices, too,
# and its index has a place for each chunk, also for those that are not written.
DENSE, SPARSE = ("v110", "v110"), ("v108", "v108")
# gzip with level 0 does not compress; its frame is not all zeros, as a lost block and its sum are.
STORAGE: Mapping[str, Any] = {"fletcher32": True, "compression": "gzip", "compression_opts": 0}
STORAGE_BYTES = 64  # per chunk, at most
CHUNK_ROWS = 1024  # at most: so many rows are lost if a byte changes
CHUNK_BYTES = 1 << 18
BLOCK_BYTES = 1 << 22  # of a dataset, read at once
MAX_CONSTANT = 1 << 20  # bytes of a dataset beside the rows


def write_rows(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Write a new dataset in chunks with checksums; `values` has rows."""
    row_bytes = values.itemsize * math.prod(values.shape[1:])
    rows = min(max(1, len(values)), CHUNK_ROWS, max(1, CHUNK_BYTES // max(1, row_bytes)))
    chunks = (rows, *(max(1, size) for size in values.shape[1:]))
    group.create_dataset(name, data=values, chunks=chunks, track_times=False, **STORAGE)


def write_index_sum(data: h5py.Dataset) -> None:
    """Set INDEX_ATTRIBUTE to the CRC-32 of the places and sizes of the chunks."""
    data.attrs.modify(INDEX_ATTRIBUTE, _sum_index(list_chunks(data.id)))


def check_index(data: h5py.Dataset) -> None:
    """Raise OSError if a dataset has the sum that `write_index_sum` wrote, and it is wrong."""
    if INDEX_ATTRIBUTE in data.attrs:
        _list_chunk_rows(data)


def find_damaged_rows(data: h5py.Dataset) -> np.ndarray:
    """Return which rows cannot be read: bool (rows,)."""
    damaged = np.zeros(len(data), bool)
    if not data.fletcher32:
        return damaged
    try:
        written = _list_chunk_rows(data)
    except (OSError, RuntimeError):
        return ~damaged
    rows = data.chunks[0]
    row_bytes = data.dtype.itemsize * math.prod(data.shape[1:])
    length = max(1, BLOCK_BYTES // max(1, rows * row_bytes))  # chunks
    for at in range(0, len(written), length):
        _mark_damaged(data, written[at : at + length], damaged)
    return damaged


def read_intact_rows(data: h5py.Dataset, damaged: np.ndarray, fill: int) -> np.ndarray:
    """Return data[:], with `fill` in rows that are damaged, bool (rows,)."""
    if not damaged.any():
        return np.asarray(data[:])
    values = np.full(data.shape, fill, data.dtype)
    for low in range(0, len(data), data.chunks[0]):
        rows = slice(low, low + data.chunks[0])
        if not damaged[rows].any():
            values[rows] = data[rows]
    return values


def write_attributes_sum(file: h5py.File) -> None:
    """Add the SHA-256 over the attributes of "/" and of figures, and over the constants."""
    file.attrs[ATTRIBUTE] = _sum_attributes(file)


def check_attributes(file: h5py.File) -> None:
    """Raise DamagedHdf5Error if a file has an SHA-256 that does not match its attributes."""
    with translate_errors("its attributes do not match their checksum"):
        if ATTRIBUTE in file.attrs and file.attrs[ATTRIBUTE] != _sum_attributes(file):
            raise OSError(ATTRIBUTE)


def _list_chunk_rows(data: h5py.Dataset) -> list[int]:
    """Return the first row of each chunk that was written, sorted. Raises as `check_index`."""
    chunks = list_chunks(data.id)
    # As text, because NumPy refuses to compare some types.
    if INDEX_ATTRIBUTE in data.attrs and str(data.attrs[INDEX_ATTRIBUTE]) != str(
        _sum_index(chunks)
    ):
        raise OSError(f"the chunks of {data.name} do not match {INDEX_ATTRIBUTE}")
    return sorted(chunk.chunk_offset[0] for chunk in chunks)


def _sum_index(chunks: list[h5py.h5d.StoreInfo]) -> np.uint32:
    """Return the CRC-32 of first row, place, size and filter mask of each chunk, as int64."""
    places = [(c.chunk_offset[0], c.byte_offset, c.size, c.filter_mask) for c in chunks]
    return np.uint32(zlib.crc32(np.array(sorted(places), "<i8").tobytes()))


def _mark_damaged(data: h5py.Dataset, written: list[int], damaged: np.ndarray) -> None:
    """Mark the rows of the chunks that cannot be read, of those that begin at `written`, sorted."""
    rows = slice(written[0], written[-1] + data.chunks[0])
    try:
        data[rows]
    except OSError:
        if len(written) == 1:
            damaged[rows] = True
            return
        middle = len(written) // 2
        _mark_damaged(data, written[:middle], damaged)
        _mark_damaged(data, written[middle:], damaged)


def _sum_attributes(file: h5py.File) -> str:
    said: dict[str, Any] = {"/": dict(_list_attributes(file))}
    for name in json.loads(file.attrs["figures"]):
        said[name] = dict(_list_attributes(file[name]))
    for name in (column.name for column in CONSTANTS if column.name in file):
        if not isinstance(file[name], h5py.Dataset) or file[name].nbytes > MAX_CONSTANT:
            raise OSError(f"{name} is too large, or no array")
        said[name] = [str(file[name].dtype), file[name][()].tolist()]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _list_attributes(holder: h5py.Group) -> Iterator[tuple[str, Any]]:
    for name, value in holder.attrs.items():
        if name != ATTRIBUTE:
            plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
            yield name, plain
