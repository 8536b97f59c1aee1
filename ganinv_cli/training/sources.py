"""Where the images are: the files below a folder, or the members of a zip archive."""

import contextlib
import lzma
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ganinv_cli.errors import ImageError, printable
from ganinv_cli.images import files

# What zipfile raises on damaged archives, besides BadZipFile and OSError.
DAMAGED = (ValueError, NotImplementedError, EOFError, struct.error, zlib.error, lzma.LZMAError)


class File(NamedTuple):
    """One image, not yet read."""

    name: str  # as messages call it
    read: Callable[[], bytes]  # from any thread; raises ImageError


@contextlib.contextmanager
def opened(source: Path) -> Iterator[list[File]]:
    """The files with an image's suffix, by name; what macOS adds to archives is passed over.

    Raises ImageError where `source` is neither a folder nor a zip archive, or cannot be listed.
    """
    with contextlib.ExitStack() as stack:
        yield _listed(source, stack)


def _listed(source: Path, stack: contextlib.ExitStack) -> list[File]:
    try:
        if source.is_dir():
            return _in_folder(source)
        return _in_archive(source, stack.enter_context(zipfile.ZipFile(source)))
    except FileNotFoundError:
        raise ImageError(f"{source} does not exist; name a folder or a zip archive") from None
    except OSError as error:
        raise files.unreadable(error.filename or source, error) from error
    except (zipfile.BadZipFile, *DAMAGED) as error:
        raise ImageError(f"{source} is neither a folder nor a zip archive of images") from error


def _in_folder(folder: Path) -> list[File]:
    return [File(printable(path), partial(files.read, path)) for path in files.below(folder)]


def _in_archive(source: Path, archive: zipfile.ZipFile) -> list[File]:
    members = [m for m in archive.infolist() if files.wanted(PurePosixPath(m.filename))]
    one_at_a_time = threading.Lock()  # ZipFile counts its open members without one
    return [
        File(_name(source, m), partial(_read_member, source, archive, m, one_at_a_time))
        for m in sorted(members, key=lambda m: m.filename)
        if not m.is_dir()
    ]


def _read_member(
    source: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, one_at_a_time: threading.Lock
) -> bytes:
    name = _name(source, member)
    if member.flag_bits & 1:
        raise ImageError(f"{name} is encrypted; unpack the archive and name the folder")
    files.check(name, member.file_size)
    try:
        with one_at_a_time, archive.open(member) as file:
            return file.read(member.file_size)  # no more, whatever the compressed data say
    except (OSError, zipfile.BadZipFile, *DAMAGED) as error:
        raise ImageError(f"{name} is damaged ({error}); fetch {source} again") from error


def _name(source: Path, member: zipfile.ZipInfo) -> str:
    return printable(f"{source}:{member.filename}")
