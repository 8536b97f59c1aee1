"""The one place that turns errors of reading a generator into sentences."""

import pickle
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganinv_cli.errors import CheckpointError, explain_memory_errors, to_printable
from ganinv_cli.formats.interface import UnreadableError

MAX_SENTENCE, MAX_REASON = 1000, 200  # characters
_ERRORS: tuple[type[Exception], ...] = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    RuntimeError,  # of h5py and zipfile; it includes RecursionError
    *(pickle.PickleError, zipfile.BadZipFile, zlib.error, struct.error),
)


def list_reading_errors() -> tuple[type[Exception], ...]:
    """Return the errors that reading a damaged file raises, with those of loaded libraries.

    Tests replace this function by one without errors, so that a bug keeps its traceback.
    """
    errors = list(_ERRORS)
    if tensorflow := sys.modules.get("tensorflow"):
        errors.append(tensorflow.errors.OpError)
    if protobuf := sys.modules.get("google.protobuf.message"):
        errors.append(protobuf.Error)
    return tuple(errors)


@contextmanager
def explain_reading_errors(source: Path | str, title: str) -> Iterator[None]:
    """Turn an UnreadableError, or an error of reading, into a CheckpointError of one sentence.

    `source` is the file and `title` the kind of thing that it was read as. The error of reading is
    the cause of the new one.
    """
    try:
        with explain_memory_errors():
            yield
    except UnreadableError as error:
        sentence = to_printable(f"{source}: {error}")[:MAX_SENTENCE]
        raise CheckpointError(sentence) from error.__cause__
    except list_reading_errors() as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        text = repr(error) if isinstance(error, LookupError) or not text.strip() else text
        reason = to_printable(" ".join(text.split()))[:MAX_REASON]
        is_forbidden = isinstance(error, PermissionError)
        advice = "check its permissions" if is_forbidden else "copy it again from its source"
        raise CheckpointError(f"{source} cannot be read as {title} ({reason}); {advice}") from error
