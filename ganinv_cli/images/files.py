"""List image files and read their bytes."""

import hashlib
import os
import stat
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePath

from ganinv_cli.errors import (
    ConfigError,
    ImageError,
    UsageError,
    explain_failures,
    refuse_address,
    to_printable,
)
from ganinv_cli.files import is_own_folder

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
ARRAY_SUFFIXES = (".npy", ".npz")  # of NumPy files
MAX_BYTES = 256 << 20  # bytes of one file


def list_named_images(names: Sequence[str], own_folder: Path | None = None) -> list[Path]:
    """Return the images that files and folders name, each file once, before any is read.

    A named file is taken whatever its suffix. Files reached through links are not listed twice, and
    those in `own_folder`, which gets the figures of the results, not at all. Raises ConfigError if
    a name is empty, ImageError if one does not exist, or a folder has no images,
    UsageError if one is in `own_folder`.
    """
    if not all(names):
        raise ConfigError(
            'the name of an image is empty; is a variable of the shell, as in "$x", set?'
        )
    kept: dict[str, Path] = {}
    for name in names:
        if _is_inside(name, own_folder):
            raise UsageError(
                f"{to_printable(name)} lies in {to_printable(own_folder)}/, the folder for the "
                "figures of the results; choose another --out"
            )
        refuse_address(str(name))
        for path in _list_source(Path(name)):
            if not _is_inside(path, own_folder):
                kept.setdefault(os.path.realpath(path), path)
    return list(kept.values())


def _is_inside(path: Path | str, folder: Path | None) -> bool:
    # `resolve` fails for a link to itself
    return folder is not None and Path(os.path.realpath(path)).is_relative_to(folder.resolve())


def _list_source(source: Path) -> list[Path]:
    name = to_printable(source)
    if not source.exists():
        quoted = ", without quotes around a pattern" if "*" in name else ""
        raise ImageError(f"{name} does not exist; name an image or a folder of images{quoted}")
    if not source.is_dir():
        return [source]
    paths = list_files_below(source, SUFFIXES + ARRAY_SUFFIXES)
    if not paths:
        raise ImageError(
            f"{name} holds no image; ganinv reads {', '.join(SUFFIXES + ARRAY_SUFFIXES)} in a "
            "folder and its subfolders"
        )
    return paths


def list_files_below(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """Return the files in a folder and its subfolders that have one of the suffixes, sorted.

    Links to folders are followed once, and subfolders that ganinv has written are left out. Raises
    ImageError.
    """
    visited: set[str] = set()
    paths: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_refuse_folder, followlinks=True):
        place = os.path.realpath(parent)
        is_left_out = place in visited or Path(parent).name == "__MACOSX"  # of macOS, like ._names
        if is_left_out or (Path(parent) != folder and is_own_folder(Path(parent))):
            folders.clear()
        else:
            paths += (Path(parent, name) for name in names if not name.startswith("._"))
        visited.add(place)
    return sorted(path for path in paths if path.suffix.lower() in suffixes)


def is_image_name(name: str) -> bool:
    """Return whether a name is of a folder, or has an ending of images."""
    path = Path(name)
    return path.is_dir() or path.suffix.lower() in SUFFIXES + ARRAY_SUFFIXES


def is_array_name(path: PurePath) -> bool:
    """Return whether a name is of a NumPy file."""
    return path.suffix.lower() in ARRAY_SUFFIXES


def read_image_file(path: Path) -> bytes:
    """Return the bytes of a file. Raises ImageError if it is too big or cannot be read."""
    with explain_read_errors(path):
        _check_image_file(path)
        return path.read_bytes()


def hash_image_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as text; errors as in `read_image_file`."""
    with explain_read_errors(path):
        _check_image_file(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _check_image_file(path: Path) -> None:
    name, status = to_printable(path), path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{name} is a pipe, a device or a folder; name an image file")
    if not status.st_size:
        raise ImageError(f"{name} is empty; leave it out")
    if status.st_size > MAX_BYTES:
        most = MAX_BYTES >> 20
        raise ImageError(f"{name} has more than the {most} MB of an image; leave it out")


def explain_read_errors(path: Path | str) -> AbstractContextManager[None]:
    """Turn an OSError into an ImageError."""
    advice = "check its name and permissions, or leave it out"
    return explain_failures(f"{to_printable(path)} cannot be read", advice, ImageError)


def _refuse_folder(error: OSError) -> None:
    with explain_read_errors(error.filename):
        raise error
