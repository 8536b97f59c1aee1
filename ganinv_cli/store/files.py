"""The files of a run, and how one is written so that it is there whole or not at all.

`NAME.h5` is the finished file, `NAME.h5.parts/` holds one file a commit while the run goes on.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import open_replacement, replace_file, sync_to_disk
from ganinv_cli.store import schema

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PART_PATTERN = "part-*.h5"
_TEMPORARY_SUFFIX = ".tmp"  # a file that is still being written


class SaveError(ResultsError):
    """The results could not be written; what was committed before is safe."""

    exit_code = 1


class DamagedError(ResultsError):
    """A results file that is cut short or broken."""


def parts_folder(path: Path) -> Path:
    """Where the commits of a run that goes on are."""
    return path.with_name(path.name + ".parts")


def list_parts(path: Path) -> list[Path]:
    """The committed parts, oldest first."""
    found = parts_folder(path).glob(_PART_PATTERN)
    return sorted((part for part in found if part_number(part) >= 0), key=part_number)


def part_path(path: Path, number: int) -> Path:
    """The name of the part with this number."""
    return parts_folder(path) / _PART_PATTERN.replace("*", f"{number:08d}")


def part_number(part: Path) -> int:
    """The count in a part's name; -1 for a file that is not ours."""
    digits = part.stem.removeprefix("part-")
    return int(digits) if digits.isdecimal() else -1


def temporary_path(path: Path) -> Path:
    """Where the finished file is written before it gets its name."""
    return parts_folder(path) / ("whole" + _TEMPORARY_SUFFIX)


def make_parts_folder(path: Path) -> None:
    """Make it, so that it is still there after a power cut."""
    folder = parts_folder(path)
    if not folder.is_dir():
        folder.mkdir()
        sync_to_disk(folder.parent)


def write_part(part: Path, content: bytes) -> None:
    """Write a part whole, so that it is still there after a power cut. Raises OSError."""
    temporary = part.with_name(part.name + _TEMPORARY_SUFFIX)
    replace_file(part, content, temporary=temporary, durable=True)


@contextlib.contextmanager
def replace_parts(path: Path, parts: Iterable[Path]) -> Iterator[Path]:
    """Yield the path where to write the finished file, which then replaces `path` and the parts.

    The finished file is on the disk before the parts are removed. Raises OSError; then the parts
    are still there.
    """
    try:
        make_parts_folder(path)
        with open_replacement(path, temporary_path(path), durable=True) as temporary:
            yield temporary
    finally:
        with contextlib.suppress(OSError):
            parts_folder(path).rmdir()  # if nothing else is in it
    remove_parts(path, parts)


def remove_parts(path: Path, files: Iterable[Path]) -> None:
    """Remove parts whose rows are in the finished file."""
    sync_to_disk(path.parent)  # the finished file's name first
    for file in files:
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        parts_folder(path).rmdir()


def remove_temporary_files(path: Path) -> None:
    """Remove what a killed run was still writing; the caller holds the lock."""
    for file in parts_folder(path).glob("*" + _TEMPORARY_SUFFIX):
        file.unlink()


def remove_results(path: Path) -> None:
    """Remove a run's results; the caller holds the lock. ResultsError where a file is not ours."""
    check_replaceable(path)
    remove_temporary_files(path)
    path.unlink(missing_ok=True)
    remove_parts(path, list_parts(path))


def check_replaceable(path: Path) -> None:
    """ResultsError where a file is not ours to replace; one that is damaged or empty is."""
    if path.exists() and path.stat().st_size:
        with contextlib.suppress(DamagedError), open_results(path, any_schema=True):
            pass


@contextlib.contextmanager
def open_results(path: Path, any_schema: bool = False) -> Iterator[h5py.File]:
    """A results file or a part, for reading; its damage becomes a sentence.

    Raises FileNotFoundError where there is none, ResultsError where it is not ours to read.
    """
    with _open_hdf5(path) as file, translate_errors(path):
        _check_schema(path, file.attrs, any_schema)
        yield file


def open_persistent(path: Path) -> h5py.File:
    """The same, open as long as it is referred to: readable when its name is another file's."""
    file = _open_hdf5(path)
    with translate_errors(path):
        _check_schema(path, file.attrs, any_schema=False)
    return file


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Around what reads an open file: its damage becomes a sentence."""
    try:
        yield
    except (OSError, KeyError, ValueError, RuntimeError) as error:  # h5py's, on broken content
        raise _damaged_error(path, error) from error


def _open_hdf5(path: Path) -> h5py.File:
    try:
        # Nothing under a final name is ever written again, so HDF5's own lock has no use.
        return h5py.File(path, "r", locking=False)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_dir():
            raise ResultsError(f"{path} is a folder; name a results file") from error
        if isinstance(error, PermissionError):
            raise ResultsError(f"{path} cannot be read: permission denied") from error
        with path.open("rb") as file:
            ours = file.read(len(_SIGNATURE)) == _SIGNATURE
        if ours:
            raise _damaged_error(path, error) from error
        raise ResultsError(f"{path} is not an HDF5 file; name a results file") from error


def _check_schema(path: Path, attributes: h5py.AttributeManager, any_schema: bool) -> None:
    if not {"schema", "command"} <= attributes.keys():
        raise ResultsError(f"{path} is an HDF5 file, but not of ganinv; name another file")
    if not any_schema and attributes["schema"] > schema.SCHEMA_VERSION:
        raise ResultsError(
            f"{path} was written by a newer ganinv (schema {attributes['schema']}, this one reads "
            f"{schema.SCHEMA_VERSION}); update ganinv, or name another file"
        )


def _damaged_error(path: Path, error: Exception) -> DamagedError:
    if path.match(_PART_PATTERN):
        advice = "delete it and run the same command again, which runs its trials anew"
    else:
        advice = "restore a copy, or run its command again with --overwrite"
    return DamagedError(f"{path} is damaged ({str(error).splitlines()[0]}); {advice}")
