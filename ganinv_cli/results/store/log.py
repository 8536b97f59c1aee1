"""The log of a run that goes on: each commit is a block, appended and flushed to the disk.

A block is MARK, the bytes of its payload (uint64), the CRC-32 of these 24 bytes and of the payload
(uint32 each), and the payload: the length of a header (uint32), the header (JSON), and the rows of
each group as records in little-endian order. The header has the number and the dtypes of the rows,
and the attributes and constants of the run if they are not those of the block before. So a log is
read up to the first block that is damaged, and the next commit removes the rest.
"""

import contextlib
import functools
import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import follow_link, replace_file
from ganinv_cli.results.store.attributes import check_schema
from ganinv_cli.results.store.columns import read_constants
from ganinv_cli.results.store.damage import ChangedError, explain_damaged_results
from ganinv_cli.results.store.rows import Group, make_records, split_records

MARK = bytes.fromhex("b46f1c09e27a4d83915ac8370fe2d61b")  # random: begins each block
_FRAME = struct.Struct("<16sQII")  # mark, bytes of the payload, CRC-32 of both, of the payload
_LENGTH = struct.Struct("<I")  # bytes of the header


def name_log(path: Path) -> Path:
    """Return the path of the log of a results file, beside what a link leads to."""
    return Path(f"{follow_link(path)}.log")


class Log:
    """The log of a results file, of which the blocks before the first damaged one count."""

    def __init__(self, path: Path) -> None:
        """Make the log of the results file `path`, whose first commit replaces what is there."""
        self.path = name_log(path)
        self.blocks = 0
        self.is_damaged = False  # after the whole blocks
        self._run: dict[str, Any] = {"attributes": {}, "constants": {}}  # as JSON
        self._end = 0  # of the last whole block
        self._state = self._get_state()

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the run; none before the first block."""
        return dict(self._run["attributes"])

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """The constants of the run."""
        return read_constants(self._run["constants"])

    @property
    def notes(self) -> list[str]:
        """A sentence if the log is damaged."""
        said = f"{self.path} is damaged; trials that were committed from there on count as missing"
        return [said] if self.is_damaged else []

    def read(self) -> dict[str, list[Group]]:
        """Read the blocks, and return the rows of each group, a piece for each block.

        If there is no file, there are none. Raises ResultsError if it is not from ganinv, of
        another version, or cannot be read.
        """
        with explain_damaged_results(self.path), contextlib.suppress(FileNotFoundError):
            content = self.path.read_bytes()
            self._state = self._get_state()
            return self._read_blocks(content)
        return {}

    def append(
        self,
        attributes: dict[str, Any],
        constants: Mapping[str, np.ndarray],
        rows: Mapping[str, Group],
    ) -> dict[str, Group]:
        """Append a block, and return its rows in the schema's dtypes, when it is on the disk.

        Raises OSError, and then the log is as it was before; ChangedError if another program has
        changed it since the last block.
        """
        values = {name: value.tolist() for name, value in constants.items()}
        run = {"attributes": attributes, "constants": self._run["constants"] | values}
        header: dict[str, Any] = {"run": run} if run != self._run else {}
        records = {group: make_records(group, each) for group, each in rows.items()}
        header["rows"] = {group: [len(v), v.dtype.descr] for group, v in records.items()}
        text = json.dumps(header).encode()
        payload = b"".join(
            [_LENGTH.pack(len(text)), text, *(each.tobytes() for each in records.values())]
        )
        block = _make_frame(len(payload), zlib.crc32(payload)) + payload
        if self._end:
            self._write(block)
        else:  # whole or not at all, so that a file of this name is a log, or not ganinv's
            replace_file(self.path, block, durable=True)
        self._end += len(block)
        self.blocks += 1
        self._run = run
        self._state = self._get_state()
        return {group: split_records(each) for group, each in records.items()}

    def _write(self, block: bytes) -> None:
        if self._get_state() != self._state:
            raise ChangedError(self.path)
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
            self._state = self._get_state()
            raise

    def _get_state(self) -> tuple[int, int] | None:
        """Return what changes if a program writes to the file; None: there is none."""
        with contextlib.suppress(OSError):
            about = self.path.stat()
            return about.st_size, about.st_mtime_ns
        return None

    def _read_blocks(self, content: bytes) -> dict[str, list[Group]]:
        """Return the rows of the blocks before the first damaged one; note if there is damage."""
        if content and MARK not in content:
            raise ResultsError(
                f"{self.path} is the log of an earlier ganinv, or none of ganinv; finish its run "
                "with the version that began it, or move it away"
            )
        pieces: dict[str, list[Group]] = {}
        payload, is_cut_off = _find_payload(content, 0)
        while payload:
            for group, rows in self._read_payload(payload).items():
                pieces.setdefault(group, []).append(rows)
            self._end += _FRAME.size + len(payload)
            payload, is_cut_off = _find_payload(content, self._end)
        is_first = bool(content) and not self.blocks  # it was written whole or not at all
        self.is_damaged = is_first or not is_cut_off
        return pieces

    def _read_payload(self, payload: memoryview) -> dict[str, Group]:
        """Return the rows of each group of a block, and note its attributes if it has them."""
        (length,) = _LENGTH.unpack_from(payload)
        start = _LENGTH.size + length
        header = json.loads(bytes(payload[_LENGTH.size : start]))
        self.blocks += 1
        if "run" in header:
            check_schema(self.path, header["run"]["attributes"])
            self._run = header["run"]
        rows: dict[str, Group] = {}
        for group, (count, fields) in header["rows"].items():
            records = np.frombuffer(payload, _make_dtype(json.dumps(fields)), count, start)
            rows[group] = split_records(records)
            start += records.nbytes
        return rows


def _find_payload(content: bytes, start: int) -> tuple[memoryview, bool]:
    """Return the payload of a block, empty if it is not whole, and whether the file ends in it.

    A kill or a full disk leaves such an end.
    """
    none = memoryview(b"")
    frame = content[start : start + _FRAME.size]
    if len(frame) < _FRAME.size:
        return none, frame[: len(MARK)] == MARK[: len(frame)]
    _, size, _, checksum = _FRAME.unpack(frame)
    if frame != _make_frame(size, checksum):
        return none, False
    payload = memoryview(content)[start + _FRAME.size :][:size]
    is_whole = len(payload) == size and zlib.crc32(payload) == checksum
    return payload if is_whole else none, len(payload) < size


def _make_frame(size: int, checksum: int) -> bytes:
    begin = MARK + size.to_bytes(8, "little")
    return _FRAME.pack(MARK, size, zlib.crc32(begin), checksum)


@functools.lru_cache(maxsize=256)
def _make_dtype(fields: str) -> np.dtype:
    """Return the dtype of a record, once in memory for all blocks."""
    return np.dtype([(name, of, *map(tuple, shape)) for name, of, *shape in json.loads(fields)])
