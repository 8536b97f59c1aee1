"""Write a file whole or not at all."""

import contextlib
import errno
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.files.links import follow_link
from ganinv_cli.files.regular_file import check_regular_file
from ganinv_cli.files.temporary import claim_file

if TYPE_CHECKING:
    from PIL import Image

_DISK_FULL_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PERMISSION_CODES = (errno.EACCES, errno.EPERM, errno.EROFS)


def replace_file(
    path: Path, content: bytes, *, temporary: Path | None = None, durable: bool = False
) -> None:
    """Write a file whole or not at all; options as in `open_replacement`.

    Raises OSError.
    """
    with open_replacement(path, temporary, durable) as written:
        written.write_bytes(content)


@contextlib.contextmanager
def open_replacement(
    path: Path, temporary: Path | None = None, durable: bool = False
) -> Iterator[Path]:
    """Yield the path of a temporary file to write, which replaces `path` at the end.

    If `path` is a link, the file that it leads to is replaced. If the block or the replacement
    fails, the temporary file is removed and `path` is as before. By default the temporary file is
    `.NAME.tmp` beside `path`. Its name is fixed, so that the next call uses the one that a killed
    process has left. With `durable` the content, and then the name, reach the disk before this
    returns. Raises OSError.
    """
    path = follow_link(path)
    if path.exists():
        check_regular_file(path)
    temporary = temporary or name_temporary(path)
    with claim_file(temporary):
        try:
            yield temporary
            if durable:
                sync_to_disk(temporary)
            temporary.replace(path)  # last: a process killed before this leaves the old file
            if durable:
                sync_to_disk(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)  # a full disk needs the space
            raise


def name_temporary(path: Path) -> Path:
    """Return the path at which a file is written before it is renamed."""
    return path.with_name(f".{path.name}.tmp")


def make_folder(path: Path) -> Path:
    """Make a folder and those that it is in, unless it exists; return `path`. Raises OSError.

    If `path` is a link, the folder that it leads to is made.
    """
    follow_link(path).mkdir(parents=True, exist_ok=True)
    return path


def sync_to_disk(path: Path) -> None:
    """Flush a file's content, or a folder's list of names, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_output_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; errors as in `explain_write_errors`."""
    with explain_write_errors(path):
        replace_file(path, content)


def write_numbered_pngs(folder: Path, contents: Iterable[bytes]) -> None:
    """Write 000000.png, 000001.png, ... and remove files of higher numbers from an earlier call.

    Errors as in `explain_write_errors`.
    """
    count = 0
    with explain_write_errors(folder):
        make_folder(folder)
        for count, content in enumerate(contents, 1):
            write_output_file(folder / f"{count - 1:06d}.png", content)
        for old in folder.glob("*.png"):
            if len(old.stem) >= 6 and old.stem.isdecimal() and int(old.stem) >= count:
                old.unlink()


def encode_png(image: "Image.Image") -> bytes:
    """Return the content of a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into an error that says what to do about `path`.

    Raises GaninvError if the disk is full or fails, UsageError if the path cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> GaninvError:
    """Return the error that explains why `path` cannot be written; see `explain_write_errors`."""
    message = f"{path} cannot be written ({error.strerror or error})"
    if error.errno in _DISK_FULL_CODES:
        return GaninvError(f"{message}; free some space, or choose another place")
    if error.errno in _PERMISSION_CODES:
        return UsageError(f"{message}; choose another place, or allow writing there")
    failed = error.errno in (None, errno.EIO)
    return (GaninvError if failed else UsageError)(f"{message}; choose another place")


def has_content(path: Path) -> bool:
    """Return whether there is anything to lose at `path`; an empty file counts as none."""
    return path.exists() and (path.stat().st_size > 0 or not path.is_file())


def is_folder_name(out: str) -> bool:
    """Return whether a path means a folder: it ends in /, is a folder, or has no suffix."""
    path = Path(out)
    return out.endswith(os.sep) or path.is_dir() or not path.suffix


def check_output_file(path: Path, endings: tuple[str, ...], overwrite: bool, option: str) -> None:
    """Check, before any work, that a file may be written. Raises UsageError."""
    if path.suffix.lower() not in endings:
        raise UsageError(f"{option} {path}: the name must end in {' or '.join(endings)}")
    check_parent_folder(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    with explain_write_errors(path):
        if path.exists():
            check_regular_file(path)
    if has_content(path) and not overwrite:
        raise UsageError(f"{path} exists; name another file, or give --overwrite")
    check_writable(path)


def check_output_folder(path: Path, overwrite: bool) -> None:
    """Check, before any work, that a folder may be filled. Raises UsageError."""
    check_parent_folder(path)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; name a folder, or a file that ends in .png")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise UsageError(f"{path} is not empty; name another folder, or give --overwrite")
    check_writable(path, path if path.is_dir() else None)


def check_parent_folder(path: Path) -> None:
    """Check that the folder of a file, or of a new folder, exists. Raises UsageError.

    If `path` is a link, that is the folder of what it leads to.
    """
    with explain_write_errors(path):
        target = follow_link(path)
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{path} is in a folder that does not exist; create it, or name another")


def check_writable(path: Path, folder: Path | None = None) -> None:
    """Check that a folder, by default that of `path`, may be written. Raises UsageError."""
    folder = folder or follow_link(path).absolute().parent
    by_effective_user = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=by_effective_user):
        raise write_error(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
