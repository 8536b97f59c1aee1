"""Sources of training images: the files below a folder, or the members of a zip archive."""

import contextlib
import lzma
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ganinv_cli.errors import ImageError, to_printable
from ganinv_cli.images import files

# Errors that zipfile raises for damaged archives, besides BadZipFile and OSError.
ARCHIVE_ERRORS = (
    ValueError,
    NotImplementedError,
    EOFError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)


class ImageEntry(NamedTuple):
    """An image that is not read yet."""

    name: str  # for messages
    file_name: str  # without its folder
    read: Callable[[], bytes]  # thread-safe; raises ImageError


@contextlib.contextmanager
def open_source(source: Path, excluded: Collection[str] = ()) -> Iterator[list[ImageEntry]]:
    """Yield the files with an image's suffix, sorted by name, without those that macOS adds.

    Those whose file name, without its folder, is in `excluded` are left out. Raises ImageError if
    `source` is neither a folder nor a zip archive, or cannot be listed, or if it has no file of an
    excluded name.
    """
    with contextlib.ExitStack() as stack:
        entries = _list_entries(source, stack)
        missing = sorted(set(excluded) - {entry.file_name for entry in entries})
        if missing:
            raise ImageError(
                f"{source} has no image {to_printable(missing[0])!r}, which was to be left out; "
                "list file names without folders, one per line"
            )
        yield [entry for entry in entries if entry.file_name not in excluded]


def _list_entries(source: Path, stack: contextlib.ExitStack) -> list[ImageEntry]:
    try:
        if source.is_dir():
            return _list_folder(source)
        file = stack.enter_context(source.open("rb"))
        return _list_archive(source, stack.enter_context(zipfile.ZipFile(file)))
    except FileNotFoundError:
        raise ImageError(f"{source} does not exist; name a folder or a zip archive") from None
    except OSError as error:
        raise files.make_read_error(error.filename or source, error) from error
    except (zipfile.BadZipFile, *ARCHIVE_ERRORS) as error:
        raise ImageError(f"{source} is neither a folder nor a zip archive of images") from error


def _list_folder(folder: Path) -> list[ImageEntry]:
    return [
        ImageEntry(to_printable(path), path.name, partial(files.read_image_file, path))
        for path in files.list_files_below(folder)
    ]


def _list_archive(source: Path, archive: zipfile.ZipFile) -> list[ImageEntry]:
    members = [m for m in archive.infolist() if files.is_image_name(PurePosixPath(m.filename))]
    archive_lock = threading.Lock()  # ZipFile counts its open members without a lock
    return [
        ImageEntry(
            _member_name(source, m),
            PurePosixPath(m.filename).name,
            partial(_read_member, source, archive, m, archive_lock),
        )
        for m in sorted(members, key=lambda m: m.filename)
        if not m.is_dir()
    ]


def _read_member(
    source: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, archive_lock: threading.Lock
) -> bytes:
    name = _member_name(source, member)
    if member.flag_bits & 1:
        raise ImageError(f"{name} is encrypted; unpack the archive and name the folder")
    files.check_size(name, member.file_size)
    try:
        with archive_lock, archive.open(member) as file:
            return file.read(member.file_size)  # never more than the size that was checked
    except (OSError, zipfile.BadZipFile, *ARCHIVE_ERRORS) as error:
        raise ImageError(f"{name} is damaged ({error}); fetch {source} again") from error


def _member_name(source: Path, member: zipfile.ZipInfo) -> str:
    return to_printable(f"{source}:{member.filename}")
