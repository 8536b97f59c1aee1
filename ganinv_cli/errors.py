"""Errors that a user can correct, each with its exit status."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_MISUSE_CODES = (errno.EACCES, errno.EISDIR, errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EROFS)


class GaninvError(Exception):
    """A failure explained in a sentence: what happened, where, and what to do."""

    exit_code = 1


class NothingToDoError(GaninvError):
    """The command has nothing to do, which is not a failure."""

    exit_code = 0


class UsageError(GaninvError):
    """The command was misused: a wrong option, config, file or combination of them."""

    exit_code = 2


class ConfigError(UsageError):
    """A config file or an option has an invalid value."""


class OutOfMemoryError(GaninvError):
    """The memory of the device or of the process is too small."""

    def __init__(self) -> None:
        super().__init__(
            "the memory ran out; free some, give a smaller --batch-size or fewer things at once, "
            "or use another --device"
        )


class CheckpointError(UsageError):
    """A checkpoint is missing, damaged, or not a generator that can be read."""


class ImageError(UsageError):
    """An image, or a folder or archive of them, is missing or cannot be read."""


class ResultsError(UsageError):
    """A results file is missing, damaged, busy, or belongs to another run."""


def refuse_address(name: str) -> None:
    """Raise UsageError if the name of a file is an address on the web."""
    if re.match(r"https?://", name):
        raise UsageError(
            f"{to_printable(name)} is an address; download the file, and name the copy"
        )


def explain_os_error(error: OSError) -> GaninvError:
    """Return the error that says which file or stream the system refused, and why."""
    place = "a file or stream" if error.filename is None else os.fsdecode(error.filename)
    kind = UsageError if error.errno in _MISUSE_CODES else GaninvError
    reason = error.strerror or error
    return kind(f"{place} cannot be used ({reason}); check its name, permissions and the disk")


@contextmanager
def explain_memory_errors() -> Iterator[None]:
    """Turn Python's and TensorFlow's errors of too little memory into an OutOfMemoryError."""
    try:
        yield
    except Exception as error:
        tensorflow = sys.modules.get("tensorflow")
        exhausted = tensorflow.errors.ResourceExhaustedError if tensorflow else MemoryError
        if isinstance(error, MemoryError | exhausted):
            raise OutOfMemoryError from error
        raise


def shorten_error(error: Exception, most: int) -> str:
    """Return the text of an error in one line of at most `most` characters, or its type's name."""
    return " ".join(str(error).split())[:most] or type(error).__name__


def to_printable(text: object) -> str:
    """Return text with line breaks, control characters and invalid Unicode escaped.

    Characters that reverse the direction of text are control characters too.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
