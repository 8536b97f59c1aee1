"""Files that are there whole or not at all, and places that may be written to."""

import errno
import io
import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from ganinv_cli.errors import GaninvError, UsageError

_DISK_FULL_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PERMISSION_CODES = (errno.EACCES, errno.EPERM, errno.EROFS)


def check_output_file(path: Path, endings: tuple[str, ...], overwrite: bool, option: str) -> None:
    """Better known before the work than after it. Raises UsageError."""
    if path.suffix.lower() not in endings:
        raise UsageError(f"{option} {path}: the name must end in {' or '.join(endings)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path} lies in a folder that does not exist; make it, or name another")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; name another file, or give --overwrite")
    check_writable(path, path.absolute().parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Raises GaninvError where the disk is full, UsageError where the place refuses."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise write_error(path, error) from error


def check_writable(path: Path, folder: Path) -> None:
    """That what belongs to `path` may be made in a folder. Raises UsageError."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise write_error(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def write_error(path: Path, error: OSError) -> GaninvError:
    """The sentence for a place that cannot be written: misuse, or a failure of the disk."""
    message = f"{path} cannot be written ({error.strerror or error})"
    if error.errno in _DISK_FULL_CODES:
        return GaninvError(f"{message}; make room, or choose another place")
    if error.errno in _PERMISSION_CODES:
        return UsageError(f"{message}; choose another place, or allow it")
    failed = error.errno in (None, errno.EIO)
    return (GaninvError if failed else UsageError)(f"{message}; choose another place")


def encode_png(image: Image.Image) -> bytes:
    """The content of its file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def is_folder_name(out: str) -> bool:
    """Whether a name is meant for a folder: it ends in /, is one, or has no ending."""
    path = Path(out)
    return out.endswith(os.sep) or path.is_dir() or not path.suffix


def check_output_folder(path: Path, overwrite: bool) -> None:
    """That it may be filled. Raises UsageError."""
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path} lies in a folder that does not exist; make it, or name another")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; name a folder, or a file that ends in .png")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise UsageError(f"{path} is not empty; name another folder, or give --overwrite")
    check_writable(path, path if path.is_dir() else path.absolute().parent)


def write_numbered_pngs(path: Path, contents: Iterable[bytes]) -> None:
    """Number them, as 000000.png; pictures of the same kind of name from before go.

    Raises GaninvError where the disk is full, UsageError where the place refuses.
    """
    count = 0
    try:
        path.mkdir(exist_ok=True)
        for count, content in enumerate(contents, 1):
            write_atomically(path / f"{count - 1:06d}.png", content)
        for old in path.glob("*.png"):
            if len(old.stem) >= 6 and old.stem.isdecimal() and int(old.stem) >= count:
                old.unlink()
    except OSError as error:
        raise write_error(path, error) from error
