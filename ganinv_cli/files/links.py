"""Symbolic links: where they lead."""

import errno
import os
from pathlib import Path


def follow_link(path: Path) -> Path:
    """Return the path that a link leads to, where nothing may be; other paths as they are.

    Raises OSError if links lead in a circle.
    """
    if not path.is_symlink():
        return path
    target = resolve_links(path)
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return target


def resolve_links(path: Path) -> Path:
    """Return the absolute path without links; links that lead in a circle stay.

    Unlike `Path.resolve`, it does not raise RuntimeError for these before Python 3.13.
    """
    return Path(os.path.realpath(path))
