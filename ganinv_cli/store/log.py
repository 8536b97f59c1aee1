"""The log of a run that goes on: one block per commit, appended and flushed to the disk.

A block is MARK, the length of its payload (uint64), the CRC-32 of the payload (uint32), and the
payload: the length of a header (uint32), the header (JSON), and the columns of the rows, one after
another, in little-endian C order. The header has their dtypes and shapes, and the attributes and
constants of the run at the time, so that a block can be read without the others.
"""

import contextlib
import functools
import json
import math
import mmap
import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import follow_link, replace_file
from ganinv_cli.store.columns import TRIAL
from ganinv_cli.store.damage import explain_damage
from ganinv_cli.store.provenance import check_names, decode_attributes, encode_attributes
from ganinv_cli.store.rows import Constants, Group, Kind, Layout, join_constants, join_layouts

MARK = bytes.fromhex("d5a3c1874e0b92f66c18e7b03d5f2a99")  # random: begins each block
_FRAME = struct.Struct("<16sQI")  # mark, bytes of the payload, their CRC-32
_LENGTH = struct.Struct("<I")  # bytes of the header


class _Piece(NamedTuple):
    """The rows of a group in one block."""

    first: int  # number of its first row in the group
    rows: int
    start: int  # in bytes from the beginning of the file
    dtype: np.dtype  # with a field for each column, in their order


def name_log(path: Path) -> Path:
    """Return the path of the log of a results file, beside what a link leads to."""
    path = follow_link(path)
    return path.with_name(path.name + ".log")


class Log:
    """The whole blocks of a log, as a source of rows; it stays readable if the file is removed.

    Bytes between whole blocks, and after the last one, do not count.
    """

    def __init__(self, path: Path) -> None:
        """Index the log of the results file `path`; if there is none, it has no rows.

        Raises ResultsError if it is not from ganinv, or cannot be read, or of a newer schema.
        """
        self.path = name_log(path)
        self.attributes: dict[str, Any] = {}  # of the last block, decoded
        self.constants: Constants = {}
        self.layout: Layout = {}
        self.damaged_places = 0  # between whole blocks
        self._end = 0  # of the last whole block
        self._pieces: dict[str, list[_Piece]] = {}
        self._map: mmap.mmap | bytes = b""
        with explain_damage(self.path):
            with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_size:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._index_blocks()

    @property
    def groups(self) -> list[str]:
        return list(self._pieces)

    def list_trials(self, group: str) -> np.ndarray:
        """Return the number of each row's trial, in the order of the commits."""
        trials = []
        for piece in self._pieces[group]:
            trials.append(self._view_column(piece, TRIAL).copy())
            self._release_memory()
        return np.concatenate(trials)

    def read_rows(self, group: str, names: Sequence[str], at: np.ndarray) -> dict[str, np.ndarray]:
        """Return columns at these rows of `list_trials`, (n,) int, in any order."""
        values = {name: self.layout[group, name].empty(len(at)) for name in names}
        pieces = self._pieces[group]
        numbers = np.searchsorted([piece.first for piece in pieces], at, "right") - 1
        order = np.argsort(numbers, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
            if len(places):
                piece = pieces[numbers[places[0]]]
                for name in values.keys() & set(piece.dtype.names or ()):
                    column = self._view_column(piece, name)
                    values[name][places] = column[at[places] - piece.first]
        self._release_memory()
        return values

    def append(
        self,
        attributes: Mapping[str, Any],
        constants: Constants,
        rows: Mapping[str, Group],
    ) -> None:
        """Append a block of rows; when this returns it is on the disk.

        Raises OSError; then the log is as it was before.
        """
        header = {
            "attributes": encode_attributes(attributes),
            "constants": {name: v.tolist() for name, v in constants.items()},
            "rows": {
                group: [
                    len(columns[TRIAL]),
                    [(name, v.dtype.str, v.shape[1:]) for name, v in columns.items()],
                ]
                for group, columns in rows.items()
            },
        }
        block = _encode_block(header, [v for columns in rows.values() for v in columns.values()])
        if self._end:
            self._write(block)
        else:  # whole or not at all, so that a file of this name is a log, or not ganinv's
            replace_file(self.path, block, durable=True)
        self._end += len(block)
        self.attributes = dict(attributes)
        self._index_block(header)

    def _write(self, block: bytes) -> None:
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            os.ftruncate(descriptor, self._end)  # without the end of a commit that was killed
            written = 0
            while written < len(block):
                written += os.pwrite(descriptor, block[written:], self._end + written)
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._end)
            raise
        finally:
            os.close(descriptor)

    def _index_blocks(self) -> None:
        stored: dict[str, Any] = {}
        start = self._map.find(MARK)
        while start >= 0:
            if payload := _find_payload(self._map, start):
                self.damaged_places += start > self._end
                low, self._end = payload
                (length,) = _LENGTH.unpack_from(self._map, low)
                low += _LENGTH.size
                header = json.loads(self._map[low : low + length])
                if header["attributes"] != stored:
                    stored = header["attributes"]
                    self.attributes = decode_attributes(self.path, stored)
                self._index_block(header)
                self._release_memory()
            start = self._map.find(MARK, max(self._end, start + 1))
        check_names(self.groups)
        if self._map and not stored:
            raise ResultsError(f"{self.path} is no log of ganinv, or is damaged; move it away")

    def _index_block(self, header: Mapping[str, Any]) -> None:
        """Add the block that ends at the end of the last whole block."""
        if header["constants"].keys() - self.constants.keys():
            self.constants = join_constants(self.constants, header["constants"])
        pieces = []
        for group, (rows, fields) in header["rows"].items():
            dtype, layout = _read_fields(group, json.dumps(fields))
            pieces.append((group, rows, dtype))
            self.layout = join_layouts(self.layout, layout)
        start = self._end - sum(rows * dtype.itemsize for _, rows, dtype in pieces)
        for group, rows, dtype in pieces:
            known = self._pieces.setdefault(group, [])
            first = known[-1].first + known[-1].rows if known else 0
            known.append(_Piece(first, rows, start, dtype))
            start += rows * dtype.itemsize

    def _view_column(self, piece: _Piece, name: str) -> np.ndarray:
        if len(self._map) < self._end:  # blocks were appended
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), self._end, access=mmap.ACCESS_READ)
        assert piece.dtype.fields is not None
        field, start = piece.dtype.fields[name][:2]
        count = piece.rows * math.prod(field.shape)
        values = np.frombuffer(self._map, field.base, count, piece.start + piece.rows * start)
        return values.reshape(piece.rows, *field.shape)

    def _release_memory(self) -> None:
        if isinstance(self._map, mmap.mmap):
            self._map.madvise(mmap.MADV_DONTNEED)  # or all that was read would stay resident


@functools.lru_cache(maxsize=256)
def _read_fields(group: str, fields: str) -> tuple[np.dtype, Layout]:
    """Return the dtype of the rows of a group, once in memory, and the kinds of its columns."""
    columns = [(name, dtype, tuple(shape)) for name, dtype, shape in json.loads(fields)]
    kinds = {(group, name): Kind(str(np.dtype(of)), shape) for name, of, shape in columns}
    return np.dtype(columns), kinds


def _encode_block(header: Mapping[str, Any], arrays: Iterable[np.ndarray]) -> bytes:
    text = json.dumps(header).encode()
    payload = b"".join([_LENGTH.pack(len(text)), text, *(array.tobytes() for array in arrays)])
    return _FRAME.pack(MARK, len(payload), zlib.crc32(payload)) + payload


def _find_payload(content: mmap.mmap | bytes, start: int) -> tuple[int, int] | None:
    """Return the beginning and end of the payload of a block; None if it is damaged."""
    low = start + _FRAME.size
    if low > len(content):
        return None
    _, size, checksum = _FRAME.unpack_from(content, start)
    if low + size > len(content) or zlib.crc32(memoryview(content)[low : low + size]) != checksum:
        return None
    return low, low + size
