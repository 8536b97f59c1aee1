"""Temporary files and folders; what a killed process has left does not stay.

A process locks each of its own, and the kernel ends the lock however the process ends. Unlike the
number of a process, a lock means the same in a container and on another host of a shared folder.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WAIT_SECONDS = 30.0  # for another process that writes the same file, which takes less than a second
PREFIX = ".ganinv-tmp-"  # of folders
LOCK_NAME = "lock"  # in each folder
_UNSUPPORTED_CODES = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # by some network file systems
_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@contextlib.contextmanager
def claim_file(path: Path) -> Iterator[None]:
    """Make an empty file that no other process of ganinv writes until exit.

    A file that a killed process has left is emptied and used. Raises OSError.
    """
    descriptor = _open_claimed(path)
    try:
        os.ftruncate(descriptor, 0)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def make_temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that no other user can enter, and remove it on exit.

    Folders that killed processes of this user have left in `parent` are removed. Raises OSError.
    """
    for old in parent.glob(f"{PREFIX}*"):
        _remove_abandoned_folder(old)
    folder, descriptor = _make_claimed_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _open_claimed(path: Path) -> int:
    end = time.monotonic() + WAIT_SECONDS
    while True:
        descriptor = _open_or_replace(path)
        if _claim(descriptor, path, or_unsupported=True):
            return descriptor
        os.close(descriptor)
        if time.monotonic() > end:
            raise OSError(errno.EBUSY, "another process is writing it", str(path))
        time.sleep(0.01)


def _open_or_replace(path: Path) -> int:
    """Open a file; one that another user has left in a shared folder is replaced."""
    try:
        return os.open(path, _OPEN_FLAGS, 0o666)
    except PermissionError:
        if not path.exists():
            raise
        path.unlink()
        return os.open(path, _OPEN_FLAGS, 0o666)


def _make_claimed_folder(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        # Until it is locked, another process may remove the folder.
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder / LOCK_NAME, _OPEN_FLAGS, 0o600)
            if _claim(descriptor, folder / LOCK_NAME, or_unsupported=True):
                return folder, descriptor
            os.close(descriptor)


def _remove_abandoned_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is of another user, or was removed
        descriptor = os.open(folder / LOCK_NAME, _OPEN_FLAGS, 0o600)
        try:
            if _claim(descriptor, folder / LOCK_NAME, or_unsupported=False):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _claim(descriptor: int, path: Path, or_unsupported: bool) -> bool:
    """Lock an open file without waiting; return whether it is locked and still has its name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED_CODES:
            raise
        return or_unsupported
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False
