"""The log of a run that goes on: one block per commit, appended and flushed to the disk.

A block is MARK, the length of its payload (uint64), the CRC-32 of the payload (uint32), and the
payload: the length of a header (uint32), the header (JSON), and the columns of its rows, one after
another, in little-endian C order, each at a multiple of 8 bytes. The header has the attributes and
constants of the run at the time, so that a block can be read without the others.
"""

import contextlib
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

from ganinv_cli.files.links import follow_link
from ganinv_cli.files.write import replace_file
from ganinv_cli.store.provenance import check_names, check_schema, decode_attributes
from ganinv_cli.store.rows import TRIAL, Kind, Layout, join_layouts

MARK = bytes.fromhex("d5a3c1874e0b92f66c18e7b03d5f2a99")  # random: begins each block
_FRAME = struct.Struct("<16sQI")  # mark, bytes of the payload, their CRC-32
_LENGTH = struct.Struct("<I")  # bytes of the header
_ALIGNMENT = 8  # bytes, of headers' ends and of columns

_Columns = tuple[tuple[str, Kind], ...]  # in the order of the payload


class _Piece(NamedTuple):
    """The rows of a group in one block."""

    first: int  # number of the first row in the group
    rows: int
    start: int  # of the first column, in bytes from the beginning of the file
    columns: _Columns


def name_log(path: Path) -> Path:
    """Return the path of the log of a results file, beside what a link leads to."""
    path = follow_link(path)
    return path.with_name(path.name + ".log")


class Log:
    """The whole blocks of a log, as a source of rows; it stays readable if the file is removed.

    Bytes between whole blocks, and after the last one, do not count.
    """

    def __init__(self, path: Path) -> None:
        """Read the index of a log; if there is none, it has no rows.

        Raises OSError, or as the checks of a damaged results file do.
        """
        self.path = path
        self.attributes: dict[str, Any] = {}  # of the newest block when it was opened, decoded
        self.constants: dict[str, np.ndarray] = {}
        self.layout: Layout = {}
        self.damaged_blocks = 0  # stretches of bytes between whole blocks
        self.has_content = False
        self._end = 0  # of the last whole block
        self._pieces: dict[str, list[_Piece]] = {}
        self._known_columns: dict[tuple[str, _Columns], _Columns] = {}
        self._map: mmap.mmap | bytes = b""
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            self.has_content = os.fstat(file.fileno()).st_size > 0
            if self.has_content:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        stored = self._index_blocks()
        if stored:
            check_names("groups", self.groups)
            self.attributes = decode_attributes(stored)

    @property
    def groups(self) -> list[str]:
        return list(self._pieces)

    def list_trials(self, group: str) -> np.ndarray:
        """Return the number of each row's trial, in the order of the commits."""
        pieces = self._pieces[group]
        return np.concatenate([self._view_columns(piece)[TRIAL] for piece in pieces])

    def read_rows(
        self, group: str, names: Sequence[str], rows: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return columns at these rows, (n,) int, in any order."""
        values = {name: self.layout[group, name].empty(len(rows)) for name in names}
        pieces = self._pieces[group]
        numbers = np.searchsorted([piece.first for piece in pieces], rows, "right") - 1
        order = np.argsort(numbers, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
            if len(places):
                piece = pieces[numbers[places[0]]]
                columns = self._view_columns(piece)
                for name in values.keys() & columns.keys():
                    values[name][places] = columns[name][rows[places] - piece.first]
        return values

    def drop_groups(self, names: Iterable[str]) -> None:
        """Leave these groups out."""
        for name in list(names):
            del self._pieces[name]

    def append(
        self,
        attributes: Mapping[str, int | str],
        constants: Mapping[str, np.ndarray],
        rows: Mapping[str, Mapping[str, np.ndarray]],
    ) -> None:
        """Append a block of rows; when this returns it is on the disk.

        Raises OSError; then the log is as it was before.
        """
        header = {
            "attributes": dict(attributes),
            "constants": {n: [str(v.dtype), v.tolist()] for n, v in constants.items()},
            "rows": {group: _describe_columns(columns) for group, columns in rows.items()},
        }
        block = _encode_block(header, [v for columns in rows.values() for v in columns.values()])
        if self._end:
            self._write(block)
        else:  # whole or not at all, so that a file of this name is a log, or not ganinv's
            replace_file(self.path, block, durable=True)
        self._index_block(header, self._end + len(block) - _count_bytes(rows))
        self._end += len(block)

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

    def _index_blocks(self) -> dict[str, Any]:
        """Index all blocks and return the attributes of the last one."""
        header: dict[str, Any] = {"attributes": {}}
        start = self._map.find(MARK)
        while start >= 0:
            payload = _find_payload(self._map, start)
            if payload is None:
                start = self._map.find(MARK, start + 1)
                continue
            self.damaged_blocks += start > self._end
            low, self._end = payload
            after = low + _LENGTH.size
            high = after + _LENGTH.unpack_from(self._map, low)[0]
            header = json.loads(self._map[after:high])
            check_schema(self.path, header["attributes"]["schema"])
            self._index_block(header, high)
            start = self._map.find(MARK, self._end)
        return dict(header["attributes"])

    def _index_block(self, header: Mapping[str, Any], start: int) -> None:
        for name, (dtype, values) in header["constants"].items():
            self.constants.setdefault(name, np.array(values, dtype))
        for group, (rows, listed) in header["rows"].items():
            columns = tuple((name, Kind(dtype, tuple(shape))) for name, dtype, shape in listed)
            if (group, columns) not in self._known_columns:
                layout = {(group, name): kind for name, kind in columns if name != TRIAL}
                self.layout = join_layouts(self.layout, layout)
                self._known_columns[group, columns] = columns
            columns = self._known_columns[group, columns]  # once in memory, not once per block
            pieces = self._pieces.setdefault(group, [])
            first = pieces[-1].first + pieces[-1].rows if pieces else 0
            pieces.append(_Piece(first, rows, start, columns))
            start += sum(_pad(rows * kind.row_bytes) for _, kind in columns)

    def _view_columns(self, piece: _Piece) -> dict[str, np.ndarray]:
        if len(self._map) < self._end:  # blocks were appended
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), self._end, access=mmap.ACCESS_READ)
        columns, start = {}, piece.start
        for name, kind in piece.columns:
            values = np.frombuffer(self._map, kind.dtype, piece.rows * math.prod(kind.shape), start)
            columns[name] = values.reshape(piece.rows, *kind.shape)
            start += _pad(values.nbytes)
        return columns


def _encode_block(header: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> bytes:
    text = json.dumps(header).encode()
    text = text.ljust(_pad(_FRAME.size + _LENGTH.size + len(text)) - _FRAME.size - _LENGTH.size)
    columns = (array.tobytes().ljust(_pad(array.nbytes), b"\0") for array in arrays)
    payload = b"".join([_LENGTH.pack(len(text)), text, *columns])
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


def _describe_columns(columns: Mapping[str, np.ndarray]) -> list[Any]:
    return [
        len(columns[TRIAL]),
        [[name, str(values.dtype), values.shape[1:]] for name, values in columns.items()],
    ]


def _count_bytes(rows: Mapping[str, Mapping[str, np.ndarray]]) -> int:
    return sum(_pad(values.nbytes) for columns in rows.values() for values in columns.values())


def _pad(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
