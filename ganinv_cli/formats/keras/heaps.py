"""A look at the texts in an HDF5 file before the HDF5 library opens it.

The library reads on without an end in a collection of texts (a global heap) whose sizes are wrong.
Here such a file is refused first. All else that can be wrong is left to the library.
"""

import mmap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from ganinv_cli.formats.reading import UnreadableError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
COLLECTION = b"GCOL\x01"
HEADER = 16  # bytes of a collection, and of each text in it
LEAST = 4096  # bytes of a collection


def check(file: Path | IO[bytes]) -> None:
    """Raises UnreadableError where a collection is not as HDF5 writes it."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            check(opened)
        return
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise UnreadableError("is empty where HDF5 was expected") from None
    with closing(mapped):
        if not (_of_eight(mapped) and all(_whole(mapped, at) for at in _collections(mapped))):
            raise UnreadableError(
                "it cannot be read as HDF5, it is damaged or not what Keras wrote; copy it again "
                "from its source"
            )


def _of_eight(content: mmap.mmap) -> bool:
    """Whether it counts in 8 bytes, as all but tiny files of old do."""
    first = content[:16]
    place = 13 if first[8:9] < b"\x02" else 9  # by the version
    return first.startswith(SIGNATURE) and first[place : place + 2] == b"\x08\x08"


def _collections(content: mmap.mmap) -> Iterator[int]:
    """Where they begin."""
    at = content.find(COLLECTION)
    while at >= 0:
        yield at
        at = content.find(COLLECTION, at + 1)


def _whole(content: mmap.mmap, start: int) -> bool:
    """Whether its texts lie in it one behind the other, to the end."""
    size = int.from_bytes(content[start + 8 : start + HEADER], "little")
    if size < LEAST or start + size > len(content):
        return True  # which the library refuses, if it is one at all
    at, end = start + HEADER, start + size
    while at + HEADER <= end:
        number = int.from_bytes(content[at : at + 2], "little")
        length = int.from_bytes(content[at + 8 : at + HEADER], "little")
        at += HEADER + -(-length // 8) * 8 if number else length  # 0 is what is free
        if at > end or (number == 0 and length < HEADER):
            return False
    return True
