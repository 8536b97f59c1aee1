"""Open regular files alone: a pipe or a device can make a reader wait for ever, or never end."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular_file(path: Path) -> BinaryIO:
    """Open a file for reading bytes, without waiting; links are followed.

    Raises OSError, whose `strerror` names what is there if it is not a regular file.
    """
    check_regular_file(path)  # before it is opened, which a device could notice
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - returned, with an opener
    try:
        _check_mode(path, os.fstat(file.fileno()).st_mode)  # another file may have the name since
    except BaseException:
        file.close()
        raise
    return file


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file. Raises OSError as `open_regular_file`, also if it is longer."""
    with open_regular_file(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it has more than {max_bytes:,} bytes", str(path))
    return content


def check_regular_file(path: Path) -> None:
    """Raise OSError as `open_regular_file` does, without opening the file."""
    _check_mode(path, path.stat().st_mode)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _check_mode(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))
