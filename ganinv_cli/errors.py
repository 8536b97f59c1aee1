"""Errors that a user can correct, each with its exit status; and others turned into these."""

import errno
import pickle
import re
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# of the system, if the disk is full or broken; others are of a name or of permissions
FAILURE_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, None)
DAMAGE_ERRORS = (  # of readers and parsers, for a damaged file
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,  # of h5py and zipfile; it includes RecursionError
    SyntaxError,  # of Python's parser, which NumPy and Pillow use
    tokenize.TokenError,
    pickle.PickleError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


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

    def __init__(
        self,
        sentence: str = "the memory ran out; free some, give a smaller --batch-size or fewer "
        "things at once, or use another --device",
    ) -> None:
        super().__init__(sentence)  # an argument, so that it can be pickled


class CheckpointError(UsageError):
    """A checkpoint is missing, damaged, or not a generator that can be read."""


class ImageError(UsageError):
    """An image, or a folder or archive of them, is missing or cannot be read."""


class ResultsError(UsageError):
    """A results file is missing, damaged, busy, or belongs to another run."""


def refuse_folder(path: Path) -> None:
    """Raise ResultsError if a folder stands in the place of a results file."""
    if path.is_dir():
        beside = Path(f"{path}.h5")
        example = beside if beside.exists() else "recover.h5"
        raise ResultsError(f"{path} is a folder; name a results file, e.g. {example}")


def refuse_address(name: str) -> None:
    """Raise UsageError if the name of a file is an address on the web."""
    if re.match(r"https?://", name):
        raise UsageError(
            f"{to_printable(name)} is an address; download the file, and name the copy"
        )


@contextmanager
def explain_failures(
    what: str,
    advice: str,
    kind: type[GaninvError] | None = None,
    caught: tuple[type[Exception], ...] = (OSError,),
) -> Iterator[None]:
    """Turn errors of the system or of a library into a sentence; see `make_error`."""
    try:
        yield
    except caught as error:
        raise make_error(error, what, advice, kind) from error


def make_error(
    error: Exception, what: str, advice: str, kind: type[GaninvError] | None = None
) -> GaninvError:
    """Return the error that says what happened, the reason in brackets, and what to do.

    Without a `kind` it is a UsageError if another name or permission helps, else a GaninvError.
    """
    is_failure = getattr(error, "errno", None) in FAILURE_CODES
    kind = kind or (GaninvError if is_failure else UsageError)
    return kind(f"{what} ({shorten_error(error)}); {advice}")


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


def shorten_error(error: Exception, most: int = 200) -> str:
    """Return the reason of an error in one printable line of at most `most` characters."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join(text.split())
    if not text or isinstance(error, LookupError):  # whose text is the key alone
        text = repr(error)
    return to_printable(text)[:most]


def to_printable(text: object) -> str:
    """Return text with line breaks, control characters and invalid Unicode escaped.

    Characters that reverse the direction of text are control characters too.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
