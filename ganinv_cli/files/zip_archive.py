"""Open zip archives whose list of members fits into the memory."""

import io
import zipfile
from typing import BinaryIO

MAX_MEMBER_LIST = 1 << 24  # bytes of an archive's list of members, some 60 each
SIGNATURES = (b"PK\3\4", b"PK\5\6")  # first bytes of an archive, and of one without members


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Return an archive for reading; the caller closes it and the file.

    The stated size of its list of members is checked before zipfile reads the list. Raises OSError,
    zipfile.BadZipFile, or as zipfile does NotImplementedError or ValueError for a damaged list.
    """
    _check_member_list(file)
    return zipfile.ZipFile(file)


def _check_member_list(file: BinaryIO) -> None:
    end = file.seek(0, io.SEEK_END)
    start = max(0, end - (1 << 16) - 128)
    file.seek(start)
    tail = file.read()
    last = tail[-22:]  # as zipfile: the record of the list without a comment, or else the last one
    bare = last[:4] == b"PK\5\6" and last[-2:] == b"\0\0"
    place = len(tail) - len(last) if bare else tail.rfind(b"PK\5\6")
    if place < 0:
        raise zipfile.BadZipFile("its list of members is missing")
    long = place - 20 - 56  # offset of the 64-bit record of it, which its locator follows
    located = long >= 0 and tail[place - 20 : place - 16] == b"PK\6\7"
    if located and tail[long : long + 4] != b"PK\6\6":
        raise zipfile.BadZipFile("its list of members is misplaced")
    if located:
        size = int.from_bytes(tail[long + 40 : long + 48], "little")
    else:
        size = int.from_bytes(tail[place + 12 : place + 16], "little")
    if size > MAX_MEMBER_LIST:
        raise zipfile.BadZipFile(
            f"its list of members has {size:,} bytes, but at most {MAX_MEMBER_LIST:,} were expected"
        )
