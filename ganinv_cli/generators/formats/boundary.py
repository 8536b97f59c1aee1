"""Errors of reading a generator become sentences; memory and `UnreadableError` are particular."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganinv_cli.errors import (
    DAMAGE_ERRORS,
    CheckpointError,
    explain_memory_errors,
    make_error,
    to_printable,
)
from ganinv_cli.generators.formats.interface import UnreadableError

MAX_SENTENCE = 1000  # characters
_VERB = re.compile(  # which continues a sentence that the name of the file begins
    "(changes|computes|describes|does|ends|has|holds|is|keeps|makes|needs|returns|says|takes) "
)


def list_reading_errors() -> tuple[type[Exception], ...]:
    """Return the errors that reading a damaged file raises, with those of loaded libraries.

    Tests replace this function by one without errors, so that a bug keeps its traceback.
    """
    errors = list(DAMAGE_ERRORS)
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
        colon = "" if _VERB.match(str(error)) else ":"
        sentence = to_printable(f"{source}{colon} {error}")[:MAX_SENTENCE]
        raise CheckpointError(sentence) from error.__cause__
    except list_reading_errors() as error:
        is_forbidden = isinstance(error, PermissionError)
        advice = "check its permissions" if is_forbidden else "copy it again from its source"
        what = f"{source} cannot be read as {title}"
        raise make_error(error, what, advice, CheckpointError) from error
