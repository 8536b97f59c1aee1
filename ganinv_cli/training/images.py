"""Images for training: found in a folder or a zip archive, cropped to a square and resized."""

import threading
import zipfile
import zlib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import ConfigError, ImageError, to_printable
from ganinv_cli.images import files, suppress_pillow_warnings
from ganinv_cli.images.decode import decode_image, to_display_colours
from ganinv_cli.images.load import resize_image

# what zipfile raises for archives that are damaged, encrypted or compressed otherwise
ARCHIVE_ERRORS = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class SquareCrop:
    """A square: side as a share of the image's shorter side, centre as shares of its sides."""

    side: float = 1.0  # above 0, up to 1
    center: tuple[float, float] = (0.5, 0.5)  # each 0 to 1

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise ConfigError(f"a crop's side is a share above 0 and up to 1, not {self.side}")
        if not all(0 <= share <= 1 for share in self.center):
            x, y = self.center
            raise ConfigError(f"a crop's centre is two shares between 0 and 1, not {x},{y}")

    def compute_box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom in pixels, moved to lie inside the image."""
        side = self.side * min(width, height)
        left = min(max(self.center[0] * width - side / 2, 0), width - side)
        top = min(max(self.center[1] * height - side / 2, 0), height - side)
        return left, top, left + side, top + side


class _Entry(NamedTuple):
    """An image that is not read yet."""

    name: str  # for messages
    file_name: str  # without its folder
    read: Callable[[], bytes]  # thread-safe; raises ImageError


def load_images(
    source: Path, size: int, channels: int, crop: SquareCrop, excluded: Collection[str] = ()
) -> np.ndarray:
    """Read all images below a folder or in a zip archive, in the order of their names.

    Returns uint8 (images, size, size, channels), 12 kB of memory per image at 64 pixels; without
    files whose names, without folders, are in `excluded`. Raises ImageError if there is no image,
    one cannot be read, or an excluded one does not exist.
    """
    with ExitStack() as stack:
        entries = _list_entries(source, stack)
        missing = sorted(set(excluded) - {entry.file_name for entry in entries})
        if missing:
            raise ImageError(
                f"{source} has no image {to_printable(missing[0])!r}, which was to be left out; "
                "list file names without folders, one per line"
            )
        kept = [entry for entry in entries if entry.file_name not in excluded]
        if not kept:
            raise ImageError(
                f"{source} holds no image; ganinv reads {', '.join(files.SUFFIXES)} "
                "in a folder, its subfolders or a zip archive"
            )
        pictures = np.empty((len(kept), size, size, channels), np.uint8)

        def prepare(number: int) -> None:
            entry = kept[number]
            decoded = decode_image(entry.name, entry.read())
            picture, _ = to_display_colours(entry.name, decoded, channels)
            box = crop.compute_box(*picture.size)
            pictures[number] = resize_image(picture, (size, size, channels), box)

        with suppress_pillow_warnings(), ThreadPoolExecutor() as pool:
            for _ in pool.map(prepare, range(len(kept))):
                pass
    return pictures


def _list_entries(source: Path, stack: ExitStack) -> list[_Entry]:
    """Return the files with an image's suffix, sorted by name, without those that macOS adds."""
    try:
        if source.is_dir():
            return [
                _Entry(to_printable(path), path.name, partial(files.read_image_file, path))
                for path in files.list_files_below(source)
            ]
        file = stack.enter_context(source.open("rb"))
    except FileNotFoundError:
        raise ImageError(f"{source} does not exist; name a folder or a zip archive") from None
    except OSError as error:
        raise files.make_read_error(error.filename or source, error) from error
    try:
        return _list_archive(source, stack.enter_context(zipfile.ZipFile(file)))
    except ARCHIVE_ERRORS as error:
        raise ImageError(f"{source} is neither a folder nor a zip archive of images") from error


def _list_archive(source: Path, archive: zipfile.ZipFile) -> list[_Entry]:
    lock = threading.Lock()  # ZipFile counts its open members without a lock

    def read(name: str, member: zipfile.ZipInfo) -> bytes:
        files.check_size(name, member.file_size)
        try:
            with lock, archive.open(member) as file:
                return file.read(member.file_size)  # never more than the size that was checked
        except ARCHIVE_ERRORS as error:
            raise ImageError(
                f"{name} cannot be read ({error}); unpack the archive and name the folder"
            ) from error

    entries = []
    for member in sorted(archive.infolist(), key=lambda member: member.filename):
        path = PurePosixPath(member.filename)
        if files.is_image_name(path) and not member.is_dir():
            name = to_printable(f"{source}:{path}")
            entries.append(_Entry(name, path.name, partial(read, name, member)))
    return entries
