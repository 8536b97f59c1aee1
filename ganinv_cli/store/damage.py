"""Damaged files: found when they are opened, and explained."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from ganinv_cli.errors import ConfigError, ResultsError, shorten_error

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01"  # a heap of texts begins so
HEAP_HEADER = 16  # bytes, of a heap and of each text
_DAMAGE = (OSError, LookupError, ValueError, TypeError, RuntimeError, ArithmeticError, ConfigError)
PIECE_BYTES = 1 << 22  # of a file that are searched for heaps at once


class DamagedError(ResultsError):
    """A results file is damaged, or of a newer ganinv."""


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Turn the errors of a file that cannot be read, or is not as it should be.

    Raises ResultsError for the former, DamagedError for the latter.
    """
    try:
        yield
    except (PermissionError, IsADirectoryError) as error:
        raise ResultsError(
            f"{path} cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    except _DAMAGE as error:
        reason = shorten_error(error, 200)
        raise DamagedError(
            f"{path} is no ganinv results file, or is damaged ({reason}); restore a copy, or run "
            "its command again with --overwrite"
        ) from error


def open_hdf5(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises ResultsError if it is not HDF5, ValueError if a heap of its texts is damaged: HDF5 would
    read it for ever.
    """
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        if file.read(len(SIGNATURE)) != SIGNATURE:
            raise ResultsError(f"{path} is not an HDF5 file; name a results file")
        check_heaps(file)
        stack.pop_all()
    return file


def check_heaps(file: BinaryIO) -> None:
    """Raise ValueError if a heap of texts in an HDF5 file is damaged: HDF5 may read it for ever."""
    length = file.seek(0, os.SEEK_END)
    for start in range(0, length, PIECE_BYTES):
        content = _read_at(file, start, PIECE_BYTES + HEAP_HEADER)
        at = content.find(HEAP, 0, PIECE_BYTES + len(HEAP) - 1)
        while at >= 0:
            size = int.from_bytes(content[at + 8 : at + HEAP_HEADER], "little")
            whole = size <= length - start - at  # otherwise it is no heap, or HDF5 refuses it
            if whole and not _is_heap(_read_at(file, start + at, size)):
                raise ValueError("a heap of its texts is damaged")
            at = content.find(HEAP, at + 1, PIECE_BYTES + len(HEAP) - 1)


def _read_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _is_heap(content: bytes) -> bool:
    """Return whether the texts of a heap follow one another to its end."""
    start = HEAP_HEADER
    while start + HEAP_HEADER <= len(content):
        is_text = content[start : start + 2] != b"\0\0"  # the free space has number 0
        size = int.from_bytes(content[start + 8 : start + 16], "little")
        if not is_text and size < HEAP_HEADER:
            return False
        start += HEAP_HEADER + -(-size // 8) * 8 if is_text else size
    return start <= len(content)
