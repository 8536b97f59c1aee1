"""A check of the index of a V2 checkpoint before TensorFlow opens it.

TensorFlow aborts the process if an index has valid checksums and invalid entries, so such a file is
refused here. TensorFlow checks checksums and values.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.reading import open_file

MAX_BYTES = 1 << 26  # about 60 bytes per tensor
MAX_AXES = 32
MAX_NUMBER = 1 << 62  # of values in a tensor
FOOTER = 48  # bytes: two handles, padding and the magic number of a table
TRAILER = 5  # bytes after each block: compression and checksum


def check_index(path: Path) -> None:
    """Raise UnreadableError if an entry is not a valid description of a tensor."""
    with open_file(path) as file:
        table = file.read(MAX_BYTES + 1)
    if len(table) > MAX_BYTES:
        raise UnreadableError(f"the index has more than {MAX_BYTES:,} bytes; is it a DCGAN's?")
    try:
        for key, value in _read_entries(table):
            if key:  # the entry without a name is the header
                _check_sizes(BundleEntryProto.FromString(value))
    except (DecodeError, ValueError, IndexError):
        raise UnreadableError(
            "it cannot be opened, the index is damaged or not one that TensorFlow wrote; "
            "copy it again from its source"
        ) from None


def _check_sizes(entry: BundleEntryProto) -> None:
    shape = [axis.size for axis in entry.shape.dim]
    parts = [list(part.extent) for part in entry.slices]  # a tensor may be saved in several
    numbers = [*shape, *(n for part in parts for axis in part for n in (axis.start, axis.length))]
    if max(len(shape), *map(len, parts), 0) > MAX_AXES or min(numbers, default=0) < 0:
        raise ValueError("a shape with too many axes or a negative one")
    if math.prod(shape) > MAX_NUMBER or max(numbers, default=0) > MAX_NUMBER:
        raise ValueError("a shape beyond what 64 bits can count")


def _read_entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and values of a LevelDB table; an index block lists the data blocks."""
    if len(table) < FOOTER:
        raise ValueError("too short for a table")
    _, offset = _read_handle(table, len(table) - FOOTER)
    index, _ = _read_handle(table, offset)
    for _, value in _read_block(table, *index):
        handle, _ = _read_handle(value, 0)
        yield from _read_block(table, *handle)


def _read_block(table: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of a block; each key shares a given number of bytes with the last."""
    if start + size + TRAILER > len(table) or table[start + size]:
        raise ValueError("a block that is cut off or compressed")
    block = table[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    end, offset, key = size - 4 * (restarts + 1), 0, b""
    while offset < end:
        shared, offset = _read_varint(block, offset)
        unshared, offset = _read_varint(block, offset)
        length, offset = _read_varint(block, offset)
        if shared > len(key) or offset + unshared + length > end:
            raise ValueError("an entry beyond its block")
        key = key[:shared] + block[offset : offset + unshared]
        yield key, block[offset + unshared : offset + unshared + length]
        offset += unshared + length


def _read_handle(data: bytes, offset: int) -> tuple[tuple[int, int], int]:
    """Return start and size of a block, and the next offset."""
    start, offset = _read_varint(data, offset)
    size, offset = _read_varint(data, offset)
    return (start, size), offset


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return a number stored in groups of seven bits, lowest first, and the next offset."""
    number = 0
    for shift in range(0, 64, 7):
        number |= (data[offset] & 127) << shift
        offset += 1
        if data[offset - 1] < 128:
            return number, offset
    raise ValueError("a number of more than 64 bits")
