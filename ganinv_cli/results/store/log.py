"""The log of a run that goes on: one block per commit, appended and flushed to the disk.

A block is MARK, the bytes of its payload (uint64), the CRC-32 of these 24 bytes and of the payload
(uint32 each), and the payload: the length of a header (uint32), the header (JSON), and the rows of
each group as records in little-endian order. The header has their dtypes, and the attributes and
constants of the run at the time, so that a block can be read without the others.
"""

import contextlib
import functools
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import OpenFile, follow_link, replace_file
from ganinv_cli.results.store.attributes import check_schema, read_not_given
from ganinv_cli.results.store.columns import TRIAL, read_constants
from ganinv_cli.results.store.damage import ChangedError, explain_damaged_results
from ganinv_cli.results.store.rows import Group, Part

MARK = bytes.fromhex("8e17c5d02b9f46a37cd16be4093f58b1")  # random: begins each block
_FRAME = struct.Struct("<16sQII")  # mark, bytes of the payload, CRC-32 of both, of the payload
_LENGTH = struct.Struct("<I")  # bytes of the header
PIECE_BYTES = 1 << 22  # in which a mark is searched at once
CACHED_BLOCKS = 4  # of the last ones that were read


def name_log(path: Path) -> Path:
    """Return the path of the log of a results file, beside what a link leads to."""
    return Path(f"{follow_link(path)}.log")


def read_log(path: Path) -> "Log":
    """Return the log of a results file with its blocks; if there is no file, it has none.

    Raises ResultsError if it is not from ganinv, or cannot be read, or of another version.
    """
    log = Log(path)
    with explain_damaged_results(log.path), contextlib.suppress(FileNotFoundError):
        log.index_blocks()
    return log


class Log:
    """The whole blocks of a log; they stay readable if the file is removed.

    Bytes between whole blocks, and after the last one, do not count.
    """

    def __init__(self, path: Path) -> None:
        """Make the log of the results file `path`, whose first commit replaces what is there."""
        self.path = name_log(path)
        self.parts: list[Part] = []
        self.is_damaged = False  # between or after whole blocks
        self._end = 0  # of the last whole block
        self._attributes: dict[str, Any] = {}  # of the last block
        self._read_records_again = functools.lru_cache(CACHED_BLOCKS)(self._read_records)

    @property
    def notes(self) -> list[str]:
        """A sentence if the log is damaged."""
        said = f"{self.path} is damaged; trials that were committed there count as missing"
        return [said] if self.is_damaged else []

    def append(
        self,
        attributes: Mapping[str, Any],
        constants: Mapping[str, np.ndarray],
        rows: Mapping[str, np.ndarray],
    ) -> None:
        """Append a block of records; when this returns it is on the disk.

        Raises OSError; then the log is as it was before.
        """
        header = {
            "attributes": attributes,
            "constants": {name: v.tolist() for name, v in constants.items()},
            "rows": {group: [len(v), v.dtype.descr] for group, v in rows.items()},
        }
        text = json.dumps(header).encode()
        payload = b"".join([_LENGTH.pack(len(text)), text, *(v.tobytes() for v in rows.values())])
        block = _make_frame(len(payload), zlib.crc32(payload)) + payload
        if self._end:
            self._write(block)
        else:  # whole or not at all, so that a file of this name is a log, or not ganinv's
            replace_file(self.path, block, durable=True)
        self._add_block(payload, self._end)

    def _write(self, block: bytes) -> None:
        try:
            with self.path.open("r+b") as file:
                file.truncate(self._end)  # without the end of a commit that was killed
                file.seek(self._end)
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self.path, self._end)  # a full disk needs the space
            raise

    def index_blocks(self) -> None:
        """Read the blocks, and note whether there is damage between or after them."""
        size = os.fstat(self._file.descriptor).st_size
        start: int | None = 0
        while start is not None and start < size:
            payload, is_cut_off = self._read_payload(start)
            if payload or is_cut_off:
                self.is_damaged |= start > self._end
            if is_cut_off:
                break
            if payload:
                self._add_block(payload, start)
            start = self._end if payload else self._find_mark(start + 1)
        self.is_damaged |= start is None
        if size and not self.parts:
            raise ResultsError(
                f"{self.path} is the log of an earlier ganinv, or none of ganinv; finish its run "
                "with the version that began it, or move it away"
            )

    def _read_payload(self, start: int) -> tuple[bytes, bool]:
        """Return the payload of a block, empty if it is not whole, and whether the file ends in it.

        A kill or a full disk leaves such an end.
        """
        frame = self._file.read(_FRAME.size, start)
        if len(frame) < _FRAME.size:
            return b"", frame[: len(MARK)] == MARK[: len(frame)]
        _, size, _, checksum = _FRAME.unpack(frame)
        if frame != _make_frame(size, checksum):
            return b"", False
        payload = self._file.read(size, start + _FRAME.size)
        is_whole = len(payload) == size and zlib.crc32(payload) == checksum
        return payload if is_whole else b"", len(payload) < size

    def _find_mark(self, start: int) -> int | None:
        while piece := self._file.read(PIECE_BYTES, start):
            if (at := piece.find(MARK)) >= 0:
                return start + at
            start += max(len(piece) - len(MARK) + 1, 1)
        return None

    def _add_block(self, payload: bytes, start: int) -> None:
        header, records = _decode_payload(payload)
        check_schema(self.path, header["attributes"])
        attributes = read_not_given(header["attributes"])
        if attributes != self._attributes:  # else all blocks share them
            self._attributes = attributes
        start += _FRAME.size
        self._end = start + len(payload)
        block = start, len(payload), zlib.crc32(payload)

        def read(group: str, names: Sequence[str], at: np.ndarray) -> Group:
            rows = self._read_records_again(*block)[group]
            return {name: rows[name][at] for name in names}

        self.parts.append(
            Part(
                self.path,
                self._attributes,
                read_constants(header["constants"]),
                {group: rows.dtype for group, rows in records.items()},
                {group: rows[TRIAL].copy() for group, rows in records.items()},
                read,
            )
        )

    def _read_records(self, start: int, size: int, checksum: int) -> dict[str, np.ndarray]:
        """Return the rows of each group of a block. Raises ChangedError if it has changed."""
        payload = self._file.read(size, start)
        if zlib.crc32(payload) != checksum:
            raise ChangedError(self.path)
        return _decode_payload(payload)[1]

    @functools.cached_property
    def _file(self) -> OpenFile:
        return OpenFile(self.path)


def _make_frame(size: int, checksum: int) -> bytes:
    begin = MARK + size.to_bytes(8, "little")
    return _FRAME.pack(MARK, size, zlib.crc32(begin), checksum)


def _decode_payload(payload: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header of a block, and the rows (rows,) of each group as records."""
    (length,) = _LENGTH.unpack_from(payload)
    start = _LENGTH.size + length
    header, records = json.loads(payload[_LENGTH.size : start]), {}
    for group, (rows, fields) in header["rows"].items():
        records[group] = np.frombuffer(payload, _make_dtype(json.dumps(fields)), rows, start)
        start += records[group].nbytes
    return header, records


@functools.lru_cache(maxsize=256)
def _make_dtype(fields: str) -> np.dtype:
    """Return the dtype of a record, once in memory for all blocks."""
    return np.dtype([(name, of, *map(tuple, shape)) for name, of, *shape in json.loads(fields)])
