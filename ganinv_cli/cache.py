"""Measurements that are kept between commands, by a hash of their inputs.

A measurement is a set of arrays, an .npz file of its own in the user's cache folder. It may be lost
at any time: a missing or damaged measurement, or one that another user wrote, is made again, and
one that cannot be written is not kept. It is used only by the same packages on the same kind of
device, so that every bit equals a new one. Some measurements of the generators that ship are
shipped beside them, and used first, wherever they were made.
"""

import hashlib
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL
from platformdirs import user_cache_path

from ganinv_cli.files import ArrayFileError, encode_arrays, read_arrays, replace_file
from ganinv_cli.settings.machine import describe_current_device
from ganinv_cli.settings.shipped import find_folder
from ganinv_cli.tensorflow_start import start_tensorflow

MAX_BYTES = 1 << 30  # of all measurements together; the least recently used are removed
MAX_ENTRY_BYTES = MAX_BYTES // 4  # of one measurement; a larger one is not kept
SHIPPED = "measured"  # folder of measurements in the folder of a generator that ships
Arrays = Mapping[str, np.ndarray]  # by name
SWITCH = "GANINV_NO_CACHE"  # environment variable: if it is not empty, nothing is read or kept


def find_cache_folder() -> Path | None:
    """Return the folder of the measurements, such as ~/.cache/ganinv; it may not exist.

    None if the user has no home, or switched the cache off.
    """
    if os.environ.get(SWITCH):
        return None
    with suppress(RuntimeError):  # no home
        folder = user_cache_path("ganinv", appauthor=False)
        return folder if folder.is_absolute() else None  # older versions return ~/.cache/ganinv
    return None


def describe_environment() -> tuple[str, ...]:
    """Return what a measurement's last bits depend on besides its inputs: packages and device."""
    if "tensorflow" not in sys.modules:  # the first need of it, in a command
        start_tensorflow()
    import tensorflow as tf

    return describe_current_device(), tf.__version__, np.__version__, PIL.__version__


def measure_once(kind: str, measure: Callable[[], Arrays], *inputs: object) -> Arrays:
    """Return the arrays of a measurement by name: kept from an earlier command, or measured now.

    `kind` is the folder of measurements of one kind, such as "preconditioner"; `inputs` are all
    that it depends on.
    """
    arrays = load_arrays(kind, *inputs)
    if arrays is None:
        arrays = measure()
        save_arrays(kind, arrays, *inputs)
    return arrays


def load_arrays(kind: str, *inputs: object) -> Arrays | None:
    """Return the arrays of a measurement by name, or None if they are not kept.

    A damaged file counts as missing, and so does one of another user, who may write any numbers
    into it.
    """
    own, shipped = _find_path(kind, _make_key(*inputs, *describe_environment())), _make_key(*inputs)
    beside = find_folder("checkpoint").glob(f"*/{SHIPPED}/{kind}/{shipped}.npz")
    for path in (*beside, own) if own else ():
        with suppress(OSError, ArrayFileError):
            if path != own or path.stat().st_uid == os.geteuid():
                arrays = read_arrays(path, 2 * MAX_ENTRY_BYTES, path.stem)
                with suppress(OSError):  # the folder may be read-only
                    os.utime(path)
                return arrays
    return None


def save_arrays(kind: str, arrays: Arrays, *inputs: object) -> None:
    """Keep the arrays of a measurement. If they cannot be written, nothing happens.

    The least recently used measurements are removed until all take at most MAX_BYTES.
    """
    path = _find_path(kind, _make_key(*inputs, *describe_environment()))
    if path is None or sum(array.nbytes for array in arrays.values()) > MAX_ENTRY_BYTES:
        return
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Several processes may keep the same measurement at once.
        temporary = path.with_name(f".{uuid.uuid4()}.npz")
        replace_file(path, encode_arrays(arrays, path.stem), temporary=temporary)
        left = MAX_BYTES
        for file, status in sorted(
            _list_files(path.parents[1]), key=lambda each: -each[1].st_mtime
        ):
            left -= status.st_size
            if left < 0:
                file.unlink(missing_ok=True)


def _list_files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files of the kept measurements, and what a killed process has left of one."""
    for path in folder.glob("*/*.npz"):
        with suppress(OSError):  # another process removed it
            yield path, path.stat()


def _make_key(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def _find_path(kind: str, key: str) -> Path | None:
    folder = find_cache_folder()
    return folder and folder / kind / f"{key}.npz"
