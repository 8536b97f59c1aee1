"""One writer at a time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ganinv_cli.errors import ResultsError


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold `NAME.lock` beside NAME, which the kernel frees however the process ends.

    The empty file stays: removing it could take it from a process that has just opened it. Raises
    ResultsError where another process holds it, or the folder cannot be written.
    """
    if not path.parent.is_dir():
        raise ResultsError(
            f"{path}: there is no folder {path.parent}; create it, or name another file with --out"
        )
    if path.is_dir():
        raise ResultsError(f"{path} is a folder; name a file with --out")
    lock = FileLock(path.with_name(path.name + ".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ResultsError(
            f"{path} is being written by another process; wait for it, or name another --out"
        ) from error
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be written ({error.strerror}); name another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()
