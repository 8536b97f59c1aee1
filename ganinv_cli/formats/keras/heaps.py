"""A look at the texts in an HDF5 file before the HDF5 library opens it.

The library reads on without an end in a collection of texts (a global heap) whose sizes are wrong.
Here such a file is refused first. All else that can be wrong is left to the library.
"""

import mmap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from ganinv_cli.formats.interface import UnreadableError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
COLLECTION_SIGNATURE = b"GCOL\x01"
HEADER_BYTES = 16  # bytes of a collection, and of each text in it
MIN_COLLECTION_BYTES = 4096  # bytes of a collection


def check_heaps(file: Path | IO[bytes]) -> None:
    """Raises UnreadableError where a collection is not as HDF5 writes it."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            check_heaps(opened)
        return
    try:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise UnreadableError("is empty where HDF5 was expected") from None
    with closing(content):
        if not (
            _has_8_byte_offsets(content)
            and all(_is_intact(content, at) for at in _find_collections(content))
        ):
            raise UnreadableError(
                "it cannot be read as HDF5, it is damaged or not what Keras wrote; copy it again "
                "from its source"
            )


def _has_8_byte_offsets(content: mmap.mmap) -> bool:
    """Whether it counts in 8 bytes, as all but tiny files of old do."""
    first = content[:16]
    place = 13 if first[8:9] < b"\x02" else 9  # by the version
    return first.startswith(SIGNATURE) and first[place : place + 2] == b"\x08\x08"


def _find_collections(content: mmap.mmap) -> Iterator[int]:
    """Where they begin."""
    offset = content.find(COLLECTION_SIGNATURE)
    while offset >= 0:
        yield offset
        offset = content.find(COLLECTION_SIGNATURE, offset + 1)


def _is_intact(content: mmap.mmap, start: int) -> bool:
    """Whether its texts lie in it one behind the other, to the end."""
    size = int.from_bytes(content[start + 8 : start + HEADER_BYTES], "little")
    if size < MIN_COLLECTION_BYTES or start + size > len(content):
        return True  # which the library refuses, if it is one at all
    offset, end = start + HEADER_BYTES, start + size
    while offset + HEADER_BYTES <= end:
        number = int.from_bytes(content[offset : offset + 2], "little")
        length = int.from_bytes(content[offset + 8 : offset + HEADER_BYTES], "little")
        offset += HEADER_BYTES + -(-length // 8) * 8 if number else length  # 0 is what is free
        if offset > end or (number == 0 and length < HEADER_BYTES):
            return False
    return True
