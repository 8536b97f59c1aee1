"""Run a command in a process of its own, which can be killed before any operation on a file.

A fork server imports TensorFlow once, so that a command starts in milliseconds.
"""

import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

CPU_SECONDS = 60  # of a command with its figures
WALL_SECONDS = 300.0  # of a command on a busy machine
MAX_MEGABYTES = 1500.0  # beyond what the process has at first
OPERATIONS = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "fcntl.flock"),
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
ENVIRONMENT = {
    **{"COLUMNS": "100", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_DETERMINISTIC_OPS": "1"},
    **{"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"},
}


@dataclass(frozen=True)
class Kill:
    """When a process is killed: before one of its file operations, or at a time."""

    operation: int = 0  # counted from 1; 0: at a time
    seconds: float = 0.0  # after the start

    def __str__(self) -> str:
        if self.operation:
            return f"kill -9 at operation {self.operation}"
        return f"kill -9 after {self.seconds:.3f} s"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str = ""
    error: str = ""  # what is on stderr
    ended: str = ""  # "hang", "memory" or "crash", if it did not end itself
    seconds: float = 0.0
    operations: int = 0  # on files; 0 if the process was killed


def run_command(arguments: tuple[str, ...], place: Path, kill: Kill | None = None) -> Outcome:
    """Run ganinv in the folder place/work, with the folders tmp and cache beside it."""
    streams = place.with_name(f"{place.name}-streams")
    streams.mkdir(exist_ok=True)
    for name in ("out", "error", "cost"):
        (streams / name).write_bytes(b"")
    os.environ |= ENVIRONMENT
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.torture.preload"])
    process = context.Process(target=_run, args=(arguments, place, streams, kill))
    began, ended = time.monotonic(), ""
    process.start()
    if kill and not kill.operation:
        process.join(kill.seconds)
        process.kill()
    process.join(WALL_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        ended = "hang"
    seconds, status = time.monotonic() - began, process.exitcode or 0
    cost = (streams / "cost").read_text().split()
    if cost and float(cost[1]) > MAX_MEGABYTES:
        ended = "memory"
    elif status < 0 and not ended and not (kill and -status == signal.SIGKILL):
        ended = "hang" if status == -signal.SIGXCPU else "crash"
    out, error = ((streams / name).read_text(errors="replace") for name in ("out", "error"))
    return Outcome(status, out, error, ended, seconds, int(cost[0]) if cost else 0)


def _run(arguments: tuple[str, ...], place: Path, streams: Path, kill: Kill | None) -> None:
    """Run a command as the console script would, in this process."""
    os.chdir(place / "work")
    os.environ |= {"TMPDIR": str(place / "tmp"), "XDG_CACHE_HOME": str(place / "cache")}
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS + int(used), CPU_SECONDS + int(used)))
    resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, 8 << 30))
    for number, name in ((1, "out"), (2, "error")):
        file = os.open(streams / name, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    memory = _read_megabytes()
    counter = _Counter(kill)
    sys.argv = ["ganinv", *arguments]
    from ganinv_cli.cli import main

    sys.addaudithook(counter)
    try:
        main(prog_name="ganinv")
    finally:
        (streams / "cost").write_text(f"{counter.count} {_read_megabytes() - memory}")


class _Counter:
    """Counts the operations that change files, and kills the process before one of them."""

    def __init__(self, kill: Kill | None) -> None:
        self._kill, self.count = kill, 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            name, _, flags = arguments
            if isinstance(name, int) or not isinstance(flags, int) or not flags & WRITES:
                return
        elif event not in OPERATIONS:
            return
        self.count += 1
        if self._kill and self.count == self._kill.operation:
            os.kill(os.getpid(), signal.SIGKILL)


def _read_megabytes() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
