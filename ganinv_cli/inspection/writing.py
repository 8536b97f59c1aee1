"""Files that are there whole or not at all, and places that may be written to."""

import io
import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from ganinv_cli.errors import GaninvError, UsageError


def check(path: Path, endings: tuple[str, ...], overwrite: bool, option: str) -> None:
    """Better known before the work than after it. Raises UsageError."""
    if path.suffix.lower() not in endings:
        raise UsageError(f"{option} {path}: the name must end in {' or '.join(endings)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path} lies in a folder that does not exist; make it, or name another")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; name another file, or give --overwrite")


def put(path: Path, content: bytes) -> None:
    """Raises GaninvError where the disk refuses."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            aside.write_bytes(content)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise GaninvError(
            f"{path} cannot be written ({error.strerror}); make room or name another place"
        ) from error


def png(image: Image.Image) -> bytes:
    """The content of its file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def folder(out: str) -> bool:
    """Whether a name is meant for a folder: it ends in /, is one, or has no ending."""
    path = Path(out)
    return out.endswith(os.sep) or path.is_dir() or not path.suffix


def check_folder(path: Path, overwrite: bool) -> None:
    """That it may be filled. Raises UsageError."""
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path} lies in a folder that does not exist; make it, or name another")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; name a folder, or a file that ends in .png")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise UsageError(f"{path} is not empty; name another folder, or give --overwrite")


def fill(path: Path, contents: Iterable[bytes]) -> None:
    """Number them, as 000000.png; pictures of the same kind of name from before go.

    Raises GaninvError where the disk refuses.
    """
    count = 0
    try:
        path.mkdir(exist_ok=True)
        for count, content in enumerate(contents, 1):
            put(path / f"{count - 1:06d}.png", content)
        for old in path.glob("*.png"):
            if len(old.stem) >= 6 and old.stem.isdecimal() and int(old.stem) >= count:
                old.unlink()
    except OSError as error:
        raise GaninvError(
            f"{path} cannot be filled ({error.strerror}); make room or name another folder"
        ) from error
