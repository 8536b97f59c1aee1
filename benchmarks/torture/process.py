"""Run a command in a process of its own, which can be disturbed before any operation on a file.

A fork server imports TensorFlow once, so that a command starts in milliseconds.
"""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

WALL_SECONDS = 300.0  # of a command on a busy machine
OPERATIONS = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "fcntl.flock",
}  # fmt: skip
STREAMS = "out", "error", "operations"
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
ENVIRONMENT = {
    "COLUMNS": "100", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_DETERMINISTIC_OPS": "1",
    "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip


class Outcome(NamedTuple):
    """How a command ended."""

    status: int
    out: str = ""
    error: str = ""  # what is on stderr
    ended: str = ""  # "hang" or "crash", if it did not end itself
    operations: int = 0  # on files; 0 if the process was killed


def kill_process() -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def run_command(
    arguments: tuple[str, ...],
    place: Path,
    disturb_at: int = 0,
    disturb: Callable[[], None] = kill_process,
) -> Outcome:
    """Run ganinv in the folder place/work, with the folders tmp and cache beside it.

    It calls `disturb` before the file operation with the number `disturb_at`, counted from 1.
    """
    streams = place.with_name(f"{place.name}-streams")
    streams.mkdir(exist_ok=True)
    for name in STREAMS:
        (streams / name).write_bytes(b"")
    os.environ |= ENVIRONMENT
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.torture.preload"])
    process = context.Process(target=_run, args=(arguments, place, streams, disturb_at, disturb))
    process.start()
    process.join(WALL_SECONDS)
    ended = "hang" if process.is_alive() else ""
    process.kill()
    process.join()
    status = process.exitcode or 0
    if status < 0 and not ended and not (disturb_at and status == -signal.SIGKILL):
        ended = "crash"
    out, error, count = ((streams / name).read_text("utf-8", "replace") for name in STREAMS)
    return Outcome(status, out, error, ended, int(count or 0))


def _run(
    arguments: tuple[str, ...],
    place: Path,
    streams: Path,
    disturb_at: int,
    disturb: Callable[[], None],
) -> None:
    """Run a command as the console script would, in this process."""
    os.chdir(place / "work")
    os.environ |= {"TMPDIR": str(place / "tmp"), "XDG_CACHE_HOME": str(place / "cache")}
    for number, name in ((1, "out"), (2, "error")):
        file = os.open(streams / name, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    count = 0

    def count_operation(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event in OPERATIONS or (event == "open" and _is_writing(*arguments)):
            count += 1
            if count == disturb_at:
                disturb()

    sys.argv = ["ganinv", *arguments]
    from ganinv_cli.cli import main

    sys.addaudithook(count_operation)
    try:
        main(prog_name="ganinv")
    finally:
        (streams / "operations").write_text(f"{count}", "utf-8")


def _is_writing(name: object, mode: object, flags: object) -> bool:
    """Whether a file is opened by its name to be written."""
    return not isinstance(name, int) and isinstance(flags, int) and bool(flags & WRITES)
