"""The standard streams: always open, without control characters, and free to fail."""

import codecs
import contextlib
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

from ganinv_cli.errors import GaninvError, to_printable_lines

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(GaninvError):
    """Stdout cannot be written."""


def prepare_streams() -> None:
    """Open the standard streams that are closed, and guard the output of this process.

    A failure to write stdout raises OutputError once, or BrokenPipeError if its reader has ended;
    a failure to write stderr is ignored. What is written after a failure is dropped. Characters
    that the encoding lacks are replaced, and those that control a terminal are escaped. For ASCII,
    the encoding without a locale, it is UTF-8.
    """
    open_missing_descriptors()
    stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    stdout, stderr = _guard(sys.stdout, 1), _guard(sys.stderr, 2)
    vars(sys).update(stdin=stdin, stdout=stdout, stderr=stderr)
    vars(sys).update(__stdin__=stdin, __stdout__=stdout, __stderr__=stderr)


def open_missing_descriptors() -> None:
    """Open the null device as descriptor 0, 1 or 2 if it is closed.

    Else the next file that is opened would get its number, and what a library prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number


def open_progress() -> TextIO:
    """Open another file for stderr, for whatever controls the terminal; failures are ignored."""
    encoding = sys.stderr.encoding if sys.stderr else "utf-8"
    file = io.BufferedWriter(_Descriptor(os.dup(2), "w"))
    return io.TextIOWrapper(file, encoding, "backslashreplace", line_buffering=True)


class _Descriptor(io.FileIO):
    """A file whose first failure is raised or ignored, and which drops what follows it."""

    raises = False
    _failed = False

    def write(self, data: "ReadableBuffer", /) -> int:
        size = memoryview(data).nbytes
        if self._failed:
            return size
        try:
            while (count := super().write(data)) is None:  # a full pipe that does not block
                select.select([], [self], [])
            return count
        except OSError as error:
            self._failed = True
            if not self.raises:
                return size
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputError(
                f"stdout cannot be written ({error.strerror}); nothing else failed"
            ) from error


class _Stdout(_Descriptor):
    raises = True


class _PrintableText(io.TextIOWrapper):
    """Text without characters that control a terminal."""

    def write(self, text: str, /) -> int:
        return super().write(to_printable_lines(text))


def _guard(stream: TextIO | None, number: int) -> TextIO:
    encoding = stream.encoding if stream else "utf-8"
    if codecs.lookup(encoding).name == "ascii":  # no locale is set: Click would write UTF-8 too,
        encoding = "utf-8"  # but past what is returned here
    if stream:
        with contextlib.suppress(OSError):
            stream.flush()
    kind, errors = (_Stdout, "replace") if number == 1 else (_Descriptor, "backslashreplace")
    file = io.BufferedWriter(kind(number, "w", closefd=False))
    return _PrintableText(file, encoding, errors, line_buffering=True)
