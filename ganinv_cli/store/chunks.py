"""Reading some rows of a dataset, most of whose chunks may never have been written."""

from collections.abc import Iterator

import h5py
import numpy as np

from ganinv_cli.store.schema import Kind

CHUNKED_GAP = 16  # rows that are sooner read along than passed over, or as many as a chunk has
CONTIGUOUS_GAP = 1024  # the same where there are no chunks
BLOCK_BYTES = 1 << 24  # of a dataset, read at once


def read_rows(data: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """data[at], of sorted rows, of which there are some; what is not near them is not read.

    A row may be asked for twice.
    """
    kind = Kind(str(data.dtype), data.shape[1:])
    gap = max(CHUNKED_GAP, data.chunks[0]) if data.chunks else CONTIGUOUS_GAP
    length = max(1, BLOCK_BYTES // max(1, kind.row_bytes))
    values = np.empty((len(rows), *kind.shape), kind.dtype)
    for low, high in iterate_pieces((np.diff(rows) > gap) | (np.diff(rows // length) > 0)):
        first, end = int(rows[low]), int(rows[high - 1]) + 1
        stretch = data[first:end]
        together = (np.diff(rows[low:high]) == 1).all()
        values[low:high] = stretch if together else stretch[rows[low:high] - first]
    return values


def read_all(data: h5py.Dataset) -> np.ndarray:
    """data[:] of numbers, without a look at every chunk that was never written."""
    if not data.chunks or not hasattr(data.id, "chunk_iter"):  # of an older HDF5
        return np.asarray(data[:])
    length, written = data.chunks[0], list[int]()
    data.id.chunk_iter(lambda chunk: written.append(chunk.chunk_offset[0]))
    if 2 * len(written) * length > len(data):
        return np.asarray(data[:])
    values = np.full(data.shape, data.fillvalue, data.dtype)
    for first in written:
        values[first : first + length] = data[first : first + length]
    return values


def iterate_pieces(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the first place and the end of each piece of a sequence that is not empty.

    `ends`, (len - 1,) bool, says after which places a piece ends.
    """
    low = 0
    for high in [*(np.flatnonzero(ends) + 1).tolist(), len(ends) + 1]:
        yield low, high
        low = high
