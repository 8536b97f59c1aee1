"""The lock of a results file: one writer at a time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import check_parent_folder, explain_write_errors, follow_link


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[Path]:
    """Hold `.NAME.lock` beside NAME; yield the path to write: NAME, or the file a link leads to.

    The kernel releases the lock however the process ends. It is beside the file because every
    process that writes the file must see it, also on another host of a shared folder. The empty
    file is never removed, because another process may just have opened it. Raises UsageError if
    there is no such folder or it cannot be written, ResultsError if another process holds the lock.
    """
    check_parent_folder(path)
    if path.is_dir():
        raise ResultsError(f"{path} is a folder; name a file")
    with explain_write_errors(path):
        path = follow_link(path)
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
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
        lock.release()
