"""Run one command in this process, with its streams in files, as the console would."""

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from .subject import Command


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int | None  # None: it did not end itself
    out: str
    error: str  # what is on stderr
    traceback: str = ""
    seconds: float = 0.0
    ended: str = ""  # "hang", "crash" or "memory", if it did not end itself
    megabytes: float = 0.0  # peak above the memory before it


def run_command(command: Command, folder: Path) -> Outcome:
    """Run a command in a folder; what it prints is kept, C++ included."""
    from ganinv_cli.cli import main

    begun, status, trace = time.monotonic(), 0, ""
    streams = folder.with_name("streams")
    streams.mkdir(exist_ok=True)
    with _capture(streams), contextlib.chdir(folder), _without_publishing(command):
        try:
            main(list(command.arguments), prog_name="ganinv")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1 if end.code else 0
        except BaseException:  # a fault, whatever it is
            trace, status = traceback.format_exc(), 1
    out, error = ((streams / name).read_text(errors="replace") for name in ("out", "error"))
    return Outcome(status, out, error, trace, time.monotonic() - begun)


@contextlib.contextmanager
def _without_publishing(command: Command) -> Iterator[None]:
    """Leave out the folder of tables and figures, which takes seconds."""
    place = "ganinv_cli.report.output.folder"
    with contextlib.ExitStack() as stack:
        if not command.published:
            stack.enter_context(mock.patch(f"{place}.write_report", return_value=""))
        yield


@contextlib.contextmanager
def _capture(folder: Path) -> Iterator[None]:
    """Send file descriptors 1 and 2, and Python's streams, to files."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept, streams = (os.dup(1), os.dup(2)), (sys.stdout, sys.stderr)
    try:
        for number, name in ((1, "out"), (2, "error")):
            with (folder / name).open("wb") as file:
                os.dup2(file.fileno(), number)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = streams
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
