"""The files of a run: their names, and how they are written, replaced, opened and checked.

`NAME.h5` is the finished file; `NAME.h5.parts/` has one file per commit of a run in progress.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import hdf5
from ganinv_cli.files.hdf5 import DamagedHdf5Error, Hdf5Error, NoHdf5Error
from ganinv_cli.files.links import follow_link
from ganinv_cli.files.write import has_content, open_replacement, replace_file, sync_to_disk
from ganinv_cli.store import checksums, contents, schema
from ganinv_cli.store.validation import OpenResults, check_results, read_schema

_READ_ERRORS = (OSError, KeyError, ValueError, RuntimeError)  # of h5py, for damaged files
_PART_PATTERN = "part-*.h5"
_TEMPORARY_SUFFIX = ".tmp"  # a file that is still being written


class SaveError(ResultsError):
    """The results could not be written; what was committed before is safe."""

    exit_code = 1


class DamagedError(ResultsError):
    """A results file is truncated or damaged."""


class ForeignError(ResultsError):
    """A results file holds what ganinv does not write."""


def parts_folder(path: Path) -> Path:
    """Return the folder of the parts of a run in progress, beside what a link leads to."""
    path = follow_link(path)
    return path.with_name(path.name + ".parts")


def list_parts(path: Path) -> list[Path]:
    """Return the committed parts, oldest first."""
    found = parts_folder(path).glob(_PART_PATTERN)
    return sorted((part for part in found if part_number(part) >= 0), key=part_number)


def part_number(part: Path) -> int:
    """Return the number of a part from its name, -1 for another file."""
    digits = part.stem.removeprefix("part-")
    return int(digits) if digits.isdecimal() else -1


def temporary_path(path: Path) -> Path:
    """Return the path at which the finished file is written before it is renamed."""
    return parts_folder(path) / ("whole" + _TEMPORARY_SUFFIX)


def name_temporary(file: Path) -> Path:
    """Return the path at which a file in the folder of the parts is written first."""
    return file.with_name(file.name + _TEMPORARY_SUFFIX)


def make_parts_folder(path: Path) -> None:
    """Create the folder of the parts, so that it survives a power failure."""
    folder = parts_folder(path)
    if not folder.is_dir():
        folder.mkdir()
        sync_to_disk(folder.parent)


def write_part(path: Path, number: int, content: bytes) -> Path:
    """Write a part whole, so that it survives a power failure; return its path. Raises OSError."""
    make_parts_folder(path)
    part = parts_folder(path) / _PART_PATTERN.replace("*", f"{number:08d}")
    replace_file(part, content, temporary=name_temporary(part), durable=True)
    return part


@contextlib.contextmanager
def replace_parts(path: Path, parts: Iterable[Path]) -> Iterator[Path]:
    """Yield a path for writing the finished file, which then replaces `path` and the parts.

    The finished file is on the disk before the parts are removed. If this raises OSError, the parts
    are kept.
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
    """Remove the temporary files of a killed run; the caller holds the lock."""
    for file in parts_folder(path).glob("*" + _TEMPORARY_SUFFIX):
        file.unlink()


def remove_results(path: Path) -> None:
    """Remove a run's results; the caller holds the lock. Raises as `check_replaceable`."""
    check_replaceable(path)
    remove_temporary_files(path)
    path.unlink(missing_ok=True)
    remove_parts(path, list_parts(path))


def check_replaceable(path: Path) -> None:
    """Raise ResultsError if a file is not from ganinv; a damaged or empty file may be replaced."""
    if not has_content(path):
        return
    try:
        with _open_arrays(path) as (file, _):
            _check_origin(path, file)
    except DamagedError:
        return
    except ForeignError as error:
        raise ResultsError(
            f"{path} is not replaced, because ganinv did not write it as it is: {error.__cause__}; "
            "delete it or name another file"
        ) from error


@contextlib.contextmanager
def open_results(path: Path) -> Iterator[OpenResults]:
    """Open a results file or a part for reading, and check what it holds.

    Raises FileNotFoundError if there is none, DamagedError if it is damaged, also while it is read,
    ForeignError if it holds what no results file does, ResultsError if it is not from ganinv or has
    a newer schema.
    """
    with _open_arrays(path) as (file, arrays):
        _check_origin(path, file)
        _check_schema(path, file)
        checksums.check_attributes(file)
        yield check_results(file, arrays)


@contextlib.contextmanager
def _open_arrays(path: Path) -> Iterator[tuple[h5py.File, hdf5.Arrays]]:
    with _translate_open_errors(path), hdf5.open_arrays(path) as both, translate_errors(path):
        yield both


@contextlib.contextmanager
def reopen_results(path: Path) -> Iterator[h5py.File]:
    """Open a file that `open_results` has checked. Raises FileNotFoundError or DamagedError."""
    with reopen_persistent(path) as file, translate_errors(path):
        yield file


def reopen_persistent(path: Path) -> h5py.File:
    """Open a file as `reopen_results` does, but until it is garbage-collected.

    It stays readable if another file replaces it.
    """
    try:
        # A file is never changed after its renaming, so HDF5's own lock is not needed.
        return h5py.File(path, "r", locking=False)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _damaged_error(path, error) from error


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn h5py's errors for damaged files into DamagedError."""
    try:
        yield
    except _READ_ERRORS as error:
        raise _damaged_error(path, error) from error


@contextlib.contextmanager
def _translate_open_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise ResultsError(f"{path} is a folder; name a results file") from error
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be read ({error.strerror or error}); check the path and its permissions"
        ) from error
    except NoHdf5Error as error:
        raise ResultsError(f"{path} is not an HDF5 file; name a results file") from error
    except DamagedHdf5Error as error:
        raise _damaged_error(path, error) from error
    except Hdf5Error as error:
        raise ForeignError(
            f"{path} is not a results file as ganinv writes it: {error}; {_advise(path)}"
        ) from error


def _check_origin(path: Path, file: h5py.File) -> None:
    if not {"schema", "command"} <= file.attrs.keys():
        raise ResultsError(
            f"{path} is an HDF5 file that ganinv did not write; give a results file of ganinv"
        )


def _check_schema(path: Path, file: h5py.File) -> None:
    stored = read_schema(file)
    if stored > schema.SCHEMA_VERSION:
        raise ResultsError(
            f"{path} was written by a newer ganinv (schema {stored}, this one reads "
            f"{schema.SCHEMA_VERSION}); update ganinv, or name another file"
        )


def _damaged_error(path: Path, error: Exception) -> DamagedError:
    lost = _describe_damage(path)
    if path.match(_PART_PATTERN):
        advice = "run the same command again, which runs its trials again"
    elif lost:
        advice = (
            "run the same command again, which makes just these again, or keep the others by "
            f"`ganinv merge --partial OUT.h5 {path}`"
        )
    else:
        advice = _advise(path)
    reason = f"{lost} cannot be read" if lost else str(error).splitlines()[0]
    return DamagedError(f"{path} is damaged ({reason}); {advice}")


def _advise(path: Path) -> str:
    if path.match(_PART_PATTERN):
        return "delete it and run the same command again, which runs its trials again"
    return "restore a copy, or run its command again with --overwrite"


def _describe_damage(path: Path) -> str:
    """Return which rows and figures of a file cannot be read; "" if the file does not open."""
    with (
        contextlib.suppress(*_READ_ERRORS, Hdf5Error),
        hdf5.open_arrays(path) as (file, arrays),
    ):
        return str(contents.read_intact_summary(check_results(file, arrays)).damage)
    return ""
