"""The running trials of a run: a file for each worker, beside the parts, until it is finished."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganinv_cli.files.array_file import ArrayFileError, encode_arrays, open_arrays, read_arrays
from ganinv_cli.files.write import replace_file
from ganinv_cli.store import files

MAX_BYTES = 1 << 29  # of one file; larger ones are neither written nor read
_PATTERN = "running-*.npz"


def list_running_files(path: Path) -> list[Path]:
    """Return the files of a run's running trials, those written last first."""
    found = files.parts_folder(path).glob(_PATTERN)
    return sorted(found, key=lambda file: (-file.stat().st_mtime_ns, file.name))


def read_running_file(file: Path, key: str) -> dict[str, np.ndarray] | None:
    """Return the arrays that a run saved with this key; None if they are damaged or of another."""
    with contextlib.suppress(OSError, ArrayFileError):
        return read_arrays(file, MAX_BYTES, key)
    return None


def count_running_trials(path: Path) -> int:
    """Return how many running trials are saved; those of damaged files do not count."""
    jobs: set[tuple[object, ...]] = set()  # the files of two devices may have the same trial
    for file in list_running_files(path):
        with (
            contextlib.suppress(OSError, ArrayFileError, ValueError),  # the last for their lengths
            open_arrays(file, MAX_BYTES) as arrays,
        ):
            named = [each for each in arrays if each.name.startswith("jobs.")]
            lists = [each.read().tolist() for each in named if len(each.shape) == 1]
            jobs.update(zip(*lists, strict=True))
    return len(jobs)


def write_running_file(path: Path, number: int, arrays: Mapping[str, np.ndarray], key: str) -> None:
    """Save a worker's running trials whole, in place of what it saved before. Raises OSError."""
    content = encode_arrays(arrays, key)
    if len(content) > MAX_BYTES:
        return
    files.make_parts_folder(path)
    file = files.parts_folder(path) / _PATTERN.replace("*", str(number))
    replace_file(file, content, temporary=files.name_temporary(file), durable=True)


def remove_running_files(path: Path) -> None:
    """Remove the running trials, and the folder of the parts if nothing else is in it."""
    for file in files.parts_folder(path).glob(_PATTERN):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        files.parts_folder(path).rmdir()
