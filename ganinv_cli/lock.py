"""The lock of a results file: one writer at a time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ganinv_cli.errors import ResultsError, refuse_folder
from ganinv_cli.files import explain_write_errors, follow_link, make_folder


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[Path]:
    """Hold `.NAME.lock` beside NAME; yield the path to write: NAME, or the file a link leads to.

    The kernel releases the lock however the process ends. It is beside the file because every
    process that writes the file must see it, also on another host of a shared folder. The file is
    removed while the lock is held; who has just opened it finds out, and opens another. A new
    folder is made. Raises UsageError if it cannot be written or has no locks, ResultsError if
    another process holds the lock.
    """
    refuse_folder(path)
    with explain_write_errors(path):
        path = follow_link(path)
        make_folder(path.parent)
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0, preserve_lock_file=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise ResultsError(
                f"{path} is being written by another process; wait until it has ended, or name "
                "another file with --out"
            ) from error
    try:
        yield path
    finally:
        try:
            Path(lock.lock_file).unlink(missing_ok=True)
        finally:
            lock.release()
