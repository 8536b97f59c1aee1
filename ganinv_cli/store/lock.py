"""The lock of a results file: one writer at a time."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.links import follow_link
from ganinv_cli.files.regular_file import check_regular_file
from ganinv_cli.files.write import check_parent_folder, explain_write_errors


@dataclass(frozen=True)
class HeldLock:
    """A lock that this process holds."""

    path: Path  # to write: NAME itself, if NAME is a link
    status: os.stat_result  # of the lock's file

    def is_visible(self) -> bool:
        """Return whether the lock's file is still there, so that other processes see the lock."""
        with contextlib.suppress(OSError):
            return os.path.samestat(_lock_path(self.path).stat(), self.status)
        return False


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[HeldLock]:
    """Hold `.NAME.lock` beside NAME, which the kernel releases however the process ends.

    It is beside the file because every process that writes the file must see it, also on another
    host of a shared folder. The empty file is not removed, because another process may just have
    opened it. Raises UsageError if there is no such folder, ResultsError if another process holds
    the lock or the folder cannot be written.
    """
    check_parent_folder(path)
    if path.is_dir():
        raise ResultsError(f"{path} is a folder; name a file")
    with explain_write_errors(path):
        path = follow_link(path)
        if path.exists():
            check_regular_file(path)
    lock = FileLock(_lock_path(path), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ResultsError(
            f"{path} is being written by another process; wait until it has ended, or name another "
            "file with --out"
        ) from error
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be written ({error.strerror}); name another file"
        ) from error
    try:
        yield HeldLock(path, _lock_path(path).stat())
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Return whether another process holds the lock; False if that cannot be determined."""
    name = _lock_path(path)
    if not name.exists():
        return False
    try:
        with FileLock(name, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # the lock cannot be opened by this user
        return False


def _lock_path(path: Path) -> Path:
    path = follow_link(path)
    return path.with_name(f".{path.name}.lock")
