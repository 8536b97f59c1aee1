"""Checksums of results files: a value is read as it was written, or not at all.

Rows are in chunks with a Fletcher-32 sum; what is beside the rows has one SHA-256. HDF5 itself has
sums of the rest, except the places of chunks in a finished file, which have a CRC-32. Files of
earlier versions have no sums, and are read unchecked.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import h5py
import numpy as np

from ganinv_cli.files.hdf5 import list_chunks, read_attributes, translate_errors
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
MAX_CONSTANT_BYTES = 1 << 20  # of a dataset beside the rows
NOT_RUN = -1  # in place of the trial's number, also in chunks that were never written
UNREADABLE = np.iinfo(np.int64).min  # in place of the number, if it is damaged


class TrialRows(NamedTuple):
    """Rows of a group, and the numbers of their trials."""

    rows: np.ndarray  # (n,) int64, sorted
    trials: np.ndarray  # (n,) int64


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


def find_damaged_rows(data: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Return which of these rows, (n,) sorted, cannot be read: bool (n,)."""
    damaged = np.zeros(len(rows), bool)
    if not data.fletcher32:
        return damaged
    try:
        chunks = _list_chunk_rows(data)
    except (OSError, RuntimeError):
        return ~damaged
    for block, values in _read_chunks(data, chunks, data.chunks[0]):
        if values is None:
            damaged[slice(*np.searchsorted(rows, [block.start, block.stop]))] = True
    return damaged


def read_trials(data: h5py.Dataset) -> TrialRows:
    """Return the rows of a column of trial numbers that were run; only written chunks are read.

    Raises as `check_index`, ValueError if chunks that were never written would count as run.
    """
    length = data.chunks[0] if data.chunks else BLOCK_BYTES // data.dtype.itemsize
    chunks = _list_chunk_rows(data) if data.chunks else list(range(0, len(data), length))
    if data.fillvalue != NOT_RUN and len(chunks) * length < len(data):
        raise ValueError(f"{data.name} has rows that were never written")
    found = [np.zeros((2, 0), np.int64)]
    for block, values in _read_chunks(data, chunks, length):
        rows = np.arange(block.start, block.stop)
        trials = np.full(len(rows), UNREADABLE) if values is None else values
        found.append(np.stack([rows, trials])[:, trials != NOT_RUN])
    return TrialRows(*np.concatenate(found, axis=1))


def list_written_rows(data: h5py.Dataset) -> np.ndarray:
    """Return the rows of the chunks that were written, (n,) sorted, whatever their checksums."""
    first = np.unique([chunk.chunk_offset[0] for chunk in list_chunks(data.id)]).astype(np.int64)
    rows = (first[:, None] + np.arange(data.chunks[0])).ravel()
    return rows[rows < len(data)]


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
    return sorted({chunk.chunk_offset[0] for chunk in chunks})


def _sum_index(chunks: list[h5py.h5d.StoreInfo]) -> np.uint32:
    """Return the CRC-32 of first row, place, size and filter mask of each chunk, as int64."""
    places = [(c.chunk_offset[0], c.byte_offset, c.size, c.filter_mask) for c in chunks]
    return np.uint32(zlib.crc32(np.array(sorted(places), "<i8").tobytes()))


def _read_chunks(
    data: h5py.Dataset, chunks: Sequence[int], length: int
) -> Iterator[tuple[slice, np.ndarray | None]]:
    """Yield the rows and values of chunks of `length` rows, from their first rows, sorted.

    Consecutive chunks are read together, at most BLOCK_BYTES at a time, or a chunk. The values are
    None if they do not match their checksum. Raises OSError if they have none, and cannot be read.
    """
    row_bytes = data.dtype.itemsize * math.prod(data.shape[1:])
    block_rows = length * max(1, BLOCK_BYTES // max(1, length * row_bytes))
    first = np.array(chunks, np.int64)
    ends = (np.diff(first) != length) | (np.diff(first // block_rows) > 0)
    for block in np.split(first, np.flatnonzero(ends) + 1):
        if len(block):
            yield from _read_block(data, block.tolist(), length)


def _read_block(
    data: h5py.Dataset, chunks: list[int], length: int
) -> Iterator[tuple[slice, np.ndarray | None]]:
    rows = slice(chunks[0], min(chunks[-1] + length, len(data)))
    try:
        values = data[rows]
    except OSError:
        if not data.fletcher32:
            raise
        if len(chunks) > 1:
            middle = len(chunks) // 2
            yield from _read_block(data, chunks[:middle], length)
            yield from _read_block(data, chunks[middle:], length)
            return
        values = None
    yield rows, values


def _sum_attributes(file: h5py.File) -> str:
    said: dict[str, Any] = {"/": dict(_list_attributes(file))}
    for name in json.loads(file.attrs["figures"]):
        said[name] = dict(_list_attributes(file[name]))
    for name in (column.name for column in CONSTANTS if column.name in file):
        if not isinstance(file[name], h5py.Dataset) or file[name].nbytes > MAX_CONSTANT_BYTES:
            raise OSError(f"{name} is too large, or no array")
        said[name] = [str(file[name].dtype), file[name][()].tolist()]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _list_attributes(holder: h5py.Group) -> Iterator[tuple[str, Any]]:
    for name, value in read_attributes(holder).items():
        if name != ATTRIBUTE:
            plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
            yield name, plain
