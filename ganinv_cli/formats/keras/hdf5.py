"""Refuse HDF5 files that HDF5 would read for ever, or that lead to other files."""

import os
from pathlib import Path
from typing import BinaryIO

import h5py
from h5py import h5d, h5l, h5o

HEAP = b"GCOL\x01"  # a heap of texts begins so
HEAP_HEADER = 16  # bytes, of a heap and of each text
PIECE_BYTES = 1 << 22  # of a file that are searched for heaps at once


def check_heaps(path: Path) -> None:
    """Raise ValueError if a heap of texts is damaged: HDF5 may read it for ever."""
    with path.open("rb") as file:
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


def check_links(root: h5py.File) -> list[str]:
    """Return the paths in a file.

    Raises ValueError if one is a link that leads elsewhere, or an array that has its values in
    another file.
    """
    paths: list[bytes] = []
    root.id.links.visit(paths.append)
    for path in paths:
        name = path.decode()
        if root.id.links.get_info(path).type != h5l.TYPE_HARD:
            raise ValueError(f"/{name} is a link that leads elsewhere")
        node = h5o.open(root.id, path)
        if isinstance(node, h5d.DatasetID):
            plan = node.get_create_plist()
            if plan.get_external_count() or plan.get_layout() == h5d.VIRTUAL:
                raise ValueError(f"/{name} keeps its values in another file")
    return [path.decode() for path in paths]


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
