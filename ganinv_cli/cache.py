"""Measurements that are kept between commands, by a hash of their inputs.

A measurement is a set of arrays, an .npz file of its own in the user's cache folder. It may be lost
at any time: a missing or damaged measurement, or one that another user wrote, is made again, and
one that cannot be written is not kept.
"""

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from platformdirs import user_cache_path

from ganinv_cli.files.array_file import ArrayFileError, encode_arrays, read_arrays
from ganinv_cli.files.write import replace_file

MAX_BYTES = 1 << 30  # of all measurements together; the least recently used are removed
MAX_ENTRY_BYTES = MAX_BYTES // 4  # of one measurement; a larger one is not kept
SWITCH = "GANINV_NO_CACHE"  # environment variable: if it is not empty, nothing is read or kept
ABANDONED_SECONDS = 86400.0  # age at which a temporary file must be left from a killed process
_SUFFIX = ".npz"


class Entry(NamedTuple):
    """A kept measurement, or the temporary file of one."""

    path: Path
    kind: str
    bytes: int
    last_used: float  # seconds since 1970
    temporary: bool


def find_cache_folder() -> Path | None:
    """Return the folder of the measurements, such as ~/.cache/ganinv; it may not exist.

    None if the user has no home, or switched the cache off.
    """
    if os.environ.get(SWITCH):
        return None
    try:
        folder = user_cache_path("ganinv", appauthor=False)
    except RuntimeError:  # no home
        return None
    return folder if folder.is_absolute() else None  # older versions return ~/.cache/ganinv


def make_key(*parts: object) -> str:
    """Return the key of a measurement, a hash of all its inputs."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def load(kind: str, key: str) -> dict[str, np.ndarray] | None:
    """Return the arrays of a measurement by name, or None if they are not kept.

    `kind` is the folder of measurements of one kind, such as "preconditioner". A damaged file is
    removed, and so is one that was kept under another key. A file of another user, who may write
    any numbers into it, counts as missing.
    """
    path = _find_path(kind, key)
    if path is None:
        return None
    with suppress(OSError):
        try:
            status = path.lstat()
            if status.st_uid != os.geteuid():
                return None
            if not stat.S_ISREG(status.st_mode):  # a link may lead anywhere
                raise ArrayFileError("it is no regular file")
            arrays = read_arrays(path, 2 * MAX_ENTRY_BYTES, key)
        except ArrayFileError:
            path.unlink()
            return None
        with suppress(OSError):  # the folder may be read-only
            os.utime(path)
        return arrays
    return None


def save(kind: str, key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep the arrays of a measurement. If they cannot be written, nothing happens.

    The least recently used measurements are removed until all take at most MAX_BYTES.
    """
    path = _find_path(kind, key)
    if path is None or sum(array.nbytes for array in arrays.values()) > MAX_ENTRY_BYTES:
        return
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, encode_arrays(arrays, key))
        _remove_least_recently_used()


def list_entries() -> list[Entry]:
    """Return the kept measurements, the most recently used first, without other files."""
    return sorted(_find_entries(), key=lambda entry: -entry.last_used)


def clear() -> list[Entry]:
    """Remove all measurements and return them. Raises OSError if a file cannot be removed."""
    entries = list_entries()
    for entry in entries:
        entry.path.unlink(missing_ok=True)
    for folder in {entry.path.parent for entry in entries}:
        with suppress(OSError):  # it has other files
            folder.rmdir()
    return entries


def _find_path(kind: str, key: str) -> Path | None:
    folder = find_cache_folder()
    return folder and folder / kind / f"{key}{_SUFFIX}"


def _find_entries() -> Iterator[Entry]:
    """Yield the cache's own files, including temporary ones."""
    folder = find_cache_folder()
    for path in folder.glob(f"*/*{_SUFFIX}*") if folder else ():
        with suppress(OSError):  # another process removed it
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                temporary = path.suffix != _SUFFIX
                yield Entry(path, path.parent.name, status.st_size, status.st_mtime, temporary)


def _remove_least_recently_used() -> None:
    """Remove files beyond MAX_BYTES, and files left by killed processes. Raises OSError."""
    left, oldest = MAX_BYTES, time.time() - ABANDONED_SECONDS
    for entry in list_entries():
        left -= entry.bytes
        if left < 0 or (entry.temporary and entry.last_used < oldest):
            entry.path.unlink(missing_ok=True)
            left += entry.bytes
