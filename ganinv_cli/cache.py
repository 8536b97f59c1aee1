"""Measurements that are kept between commands, by the hash of what was measured.

A measurement is a set of arrays. It lies in the user's cache folder, and may be lost at any time:
what is missing or damaged is measured again.
"""

import hashlib
import io
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from platformdirs import user_cache_path

from ganinv_cli.files import replace_file

MAX_BYTES = 1 << 30  # of all measurements together; the least recently used are removed


def find_cache_folder() -> Path:
    """Return the folder of the measurements, such as ~/.cache/ganinv; it may not exist."""
    return user_cache_path("ganinv", appauthor=False)


def make_key(*parts: object) -> str:
    """Return a key for a measurement, from all that decides it."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def load(kind: str, key: str) -> dict[str, np.ndarray] | None:
    """Return the arrays of a measurement by name, or None if they are not kept.

    `kind` is the folder of measurements of one kind, such as "preconditioner".
    """
    path = _find_path(kind, key)
    with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile):
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        os.utime(path)
        return found
    return None


def save(kind: str, key: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep the arrays of a measurement. If they cannot be written, nothing happens."""
    data = io.BytesIO()
    np.savez(data, **arrays)  # type: ignore[arg-type]
    path = _find_path(kind, key)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data.getvalue())


def _find_path(kind: str, key: str) -> Path:
    return find_cache_folder() / kind / f"{key}.npz"
