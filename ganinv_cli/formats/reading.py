"""Functions that the readers of several formats share."""

import io
import re
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ganinv_cli.files.regular_file import open_regular_file
from ganinv_cli.formats.interface import UnreadableError

MAX_MEMBER_LIST = 1 << 24  # bytes of a zip archive's list of members, some 60 each


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading bytes; in the block too, OSError becomes UnreadableError."""
    try:
        with open_regular_file(path) as file:
            yield file
    except OSError as error:
        raise UnreadableError(
            f"it cannot be read ({error.strerror or error}); check it and its permissions"
        ) from None


@contextmanager
def translate_errors(problem: str, *types: type[Exception], length: int = 200) -> Iterator[None]:
    """Raise UnreadableError with the problem and the reason if one of these errors is raised.

    Only for calls of a library that raises these errors for damaged files. At most `length`
    characters of the reason are shown.
    """
    try:
        yield
    except types as error:
        reason = " ".join(str(error).split())[:length]
        raise damaged_error(f"{problem} ({reason})") from None


def damaged_error(problem: str, copied: str = "it") -> UnreadableError:
    """Return the error for a file that was damaged in transfer, with what to do."""
    return UnreadableError(f"{problem}; copy {copied} again from its source")


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers in names by value: main.3 before main.10."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def format_names(names: Collection[str], most: int = 6) -> str:
    """Return the first few names, sorted, and how many more there are."""
    shown = [name[:80] for name in sorted(names)[:most]]
    more = len(names) - len(shown)
    return (", ".join(shown) or "nothing") + (f" and {more} more" if more > 0 else "")


def check_member_list(file: BinaryIO) -> None:
    """Check the stated size of a zip archive's list of members, before zipfile reads it.

    Raises UnreadableError if it is too long, zipfile.BadZipFile if it is missing.
    """
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
        raise UnreadableError(
            f"is an archive whose list of members has {size:,} bytes, but at most "
            f"{MAX_MEMBER_LIST:,} were expected; is it a file that torch.save wrote?"
        )
    file.seek(0)
