"""Write files whole or not at all, and keep arrays in files without pickles."""

import contextlib
import io
import os
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.errors import DAMAGE_ERRORS, UsageError, explain_failures, shorten_error

if TYPE_CHECKING:
    from PIL import Image

MAX_ARRAY_BYTES = 2**30  # of all arrays in a file of images or latent vectors, unpacked
MAX_RATIO = 100  # unpacked size / stored size of weights, which hardly compress
MAX_UNPACKED = 2**20  # bytes up to which that ratio is not checked
WRITE_ADVICE = "free some space or allow writing there, or choose another place"
PAGE, PAGE_MARK = "report.html", b"<title>ganinv"  # in the folder of a report; begins its page
TRAINING = "training.json"  # in that of a training: what was trained on which images
NPY_SUFFIX = ".npy"  # of each member of an .npz file


class ArrayFileError(Exception):
    """A file is damaged, too large, or holds no plain arrays; the message is a clause."""


def read_arrays(
    path: Path, max_bytes: int = MAX_ARRAY_BYTES, key: str = ""
) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name, or that of an .npy file under the name "".

    Nothing is unpickled. With a key, it must be a file of `encode_arrays` with that key. Raises
    OSError; ArrayFileError also if the arrays have more than `max_bytes` unpacked.
    """
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy and Python's parser, on an odd header
        try:
            _check_total(path.stat().st_size, max_bytes)
            loaded = np.load(file, allow_pickle=False)
            is_single = isinstance(loaded, np.ndarray)
            if key and (is_single or loaded.zip.comment != key.encode()):
                raise ArrayFileError("it has another key")
            if is_single:
                return {"": loaded}
            _check_total(sum(each.file_size for each in loaded.zip.infolist()), max_bytes)
            return {name: np.asarray(loaded[name]) for name in loaded}
        except (*DAMAGE_ERRORS, MemoryError) as error:
            reason = shorten_error(error, 100)
            if "pickle" in reason:  # NumPy's advice is to load it unsafely
                reason = "it has another beginning, or Python objects; save numbers with numpy.save"
            raise ArrayFileError(f"it is damaged or no file of NumPy: {reason}") from error


def _check_total(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ArrayFileError(f"it has {size >> 20:,} MB of arrays, more than {max_bytes >> 20:,}")


def encode_arrays(arrays: Mapping[str, np.ndarray], key: str) -> bytes:
    """Return an .npz file, uncompressed, whose comment is its key."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = key.encode()
        for name, array in arrays.items():
            with archive.open(f"{name}{NPY_SUFFIX}", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
    return file.getvalue()


def encode_png(image: "Image.Image") -> bytes:
    """Return the content of a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def is_own_folder(folder: Path) -> bool:
    """Return whether ganinv has written a folder: the report of a run, or a training."""
    is_training = _has_mark(folder / TRAINING, b'"images_sha256"')
    return is_training or _has_mark(folder / PAGE, PAGE_MARK)


def check_page(folder: Path) -> None:
    """Raise UsageError if the page of a folder is not one that ganinv has written."""
    page = folder / PAGE
    if page.is_file() and not _has_mark(page, PAGE_MARK):
        raise UsageError(f"{page} exists, and ganinv did not write it; move it, or name another")


def _has_mark(path: Path, mark: bytes) -> bool:
    """Return whether a mark stands in the first bytes of a file, if it is one."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return mark in file.read(4096)
    return False


def is_bomb(unpacked: int, stored: int) -> bool:
    """Return whether so many stored bytes that unpack to so many hold no weights."""
    return unpacked > max(MAX_UNPACKED, MAX_RATIO * stored)


def follow_link(path: Path) -> Path:
    """Return the path that a link leads to, where nothing may be; other paths as they are."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def make_folder(path: Path) -> Path:
    """Make the folder that a path or a link names, unless it exists; return `path`."""
    follow_link(path).mkdir(parents=True, exist_ok=True)
    return path


def sync_to_disk(path: Path) -> None:
    """Flush a file's content, or a folder's list of names, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(
    path: Path, content: bytes, *, temporary: Path | None = None, durable: bool = False
) -> None:
    """Write a file whole or not at all; options as in `open_replacement`. Raises OSError."""
    with open_replacement(path, temporary, durable) as written:
        written.write_bytes(content)


@contextlib.contextmanager
def open_replacement(
    path: Path, temporary: Path | None = None, durable: bool = False
) -> Iterator[Path]:
    """Yield the path of a temporary file to write, which replaces `path` at the end.

    Its folder is made unless it exists. If `path` is a link, the file that it leads to is replaced.
    If the block or the replacement fails, the temporary file is removed and `path` is as before. By
    default the temporary file is `.NAME.tmp`: the next call replaces the one that a killed process
    has left. With `durable` the content, and then the name, reach the disk before this returns.
    Raises OSError.
    """
    path = follow_link(path)
    temporary = temporary or path.with_name(f".{path.name}.tmp")
    try:
        make_folder(path.parent)
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL, 0o666))  # a link would lead elsewhere
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


def write_output_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; errors as in `explain_write_errors`."""
    with explain_write_errors(path):
        replace_file(path, content)


def explain_write_errors(path: Path) -> contextlib.AbstractContextManager[None]:
    """Turn an error of writing into a sentence, also TensorFlow's."""
    tensorflow = sys.modules.get("tensorflow")
    caught = (OSError, tensorflow.errors.OpError) if tensorflow else (OSError,)
    return explain_failures(f"{path} cannot be written", WRITE_ADVICE, caught=caught)


@contextlib.contextmanager
def hide_output(descriptor: int = 2) -> Iterator[None]:
    """Redirect a descriptor to a file that is removed: stderr, or stdout, of C and C++ code."""
    if stream := {1: sys.stdout, 2: sys.stderr}[descriptor]:
        stream.flush()
    output = os.dup(descriptor)
    with tempfile.TemporaryFile() as log_file:
        os.dup2(log_file.fileno(), descriptor)
        try:
            yield
        finally:
            os.dup2(output, descriptor)
            os.close(output)


def has_content(path: Path) -> bool:
    """Return whether there is anything to lose at `path`; an empty file counts as none."""
    return path.exists() and (path.stat().st_size > 0 or not path.is_file())


def check_output_file(path: Path, endings: tuple[str, ...], overwrite: bool, option: str) -> None:
    """Check, before any work, that a file may be written. Raises UsageError."""
    if path.suffix.lower() not in endings:
        raise UsageError(f"{option} {path}: the name must end in {' or '.join(endings)}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    if has_content(path) and not overwrite:
        raise UsageError(f"{path} exists; name another file, or give --overwrite")
    check_writable(path)


def check_output_folder(path: Path, overwrite: bool) -> None:
    """Check, before any work, that a folder may be filled. Raises UsageError."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; name a folder with --out")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise UsageError(f"{path} is not empty; name another folder, or give --overwrite")
    check_writable(path)


def check_writable(path: Path) -> None:
    """Check that a folder, or a file in a folder that may be new, can be written.

    Raises UsageError.
    """
    parents = follow_link(path).absolute().parents
    folder = path if path.is_dir() else next(each for each in parents if each.exists())
    with explain_write_errors(path), tempfile.TemporaryFile(dir=folder):
        pass  # it is removed
