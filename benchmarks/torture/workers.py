"""A process that runs commands one after another, under a limit of time and memory.

It keeps TensorFlow loaded, so that a case takes hundredths of a second. If a command makes it end,
or has to be stopped, another process takes its place.
"""

import contextlib
import os
import resource
import signal
import time
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .execute import Outcome, run_command
from .faults import MAX_MEGABYTES
from .subject import Command

CPU_SECONDS = 10.0  # of a command; processor time, so that a busy machine changes nothing
WALL_SECONDS = 60.0  # of a command that waits
FIGURES_FACTOR = 3  # a command that also draws figures may take longer
MAX_CASES = 250  # of one process: TensorFlow's graphs stay in its memory
_MORE_ADDRESSES = 4 << 30  # bytes that a command may reserve beyond what the process has
_TICK = os.sysconf("SC_CLK_TCK")


class Worker:
    """Runs commands in a process of its own, and measures them from here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: Any = None
        self._pipe: Any = None
        self._cases = 0

    def run(self, command: Command, folder: Path) -> Outcome:
        """Run a command in a folder."""
        if self._process is None or self._cases >= MAX_CASES:
            self._start()
        self._cases += 1
        pid = self._process.pid
        before = read_memory(pid, reset=True)
        self._pipe.send((command, folder))
        outcome = self._wait(command, before)
        if outcome.ended:
            self.close()
        return outcome

    def _wait(self, command: Command, before: float) -> Outcome:
        pid, began = self._process.pid, time.monotonic()
        factor = FIGURES_FACTOR if command.published else 1
        start = read_cpu_seconds(pid)
        while True:
            try:
                if self._pipe.poll(0.05):
                    outcome: Outcome = self._pipe.recv()
                    return replace(outcome, megabytes=read_memory(pid) - before)
            except (EOFError, ConnectionResetError):
                self._process.join(10)
                status = self._process.exitcode
                return Outcome(status, "", self._read_error(), ended="crash")
            seconds = time.monotonic() - began
            used = read_memory(pid) - before
            if used > 2 * MAX_MEGABYTES:
                return Outcome(None, "", self._read_error(), "", seconds, "memory", used)
            spent = read_cpu_seconds(pid) - start
            if spent > factor * CPU_SECONDS or seconds > factor * WALL_SECONDS:
                return Outcome(None, "", self._read_error(), "", seconds, "hang", used)

    def _read_error(self) -> str:
        error = self.folder / "streams" / "error"
        return error.read_text(errors="replace")[-2000:] if error.exists() else ""

    def _start(self) -> None:
        self.close()
        context = get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self.folder), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()  # it is ready
        self._cases = 0

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = None


def _serve(pipe: Connection, folder: Path) -> None:
    """Run the commands that come through a pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops this process
    prepare_process(folder)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _MORE_ADDRESSES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send("ready")
    with contextlib.suppress(EOFError):
        while True:
            command, place = pipe.recv()
            pipe.send(run_command(command, place))


def prepare_process(folder: Path) -> None:
    """Load TensorFlow with one thread, and keep temporary files and the cache in `folder`."""
    prepare_environment(folder)
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # graphs of many generators in one process are our doing
    tf.matmul(tf.ones((2, 2)), tf.ones((2, 2)))
    from ganinv_cli.api import session  # noqa: F401
    from ganinv_cli.report import summarize  # noqa: F401


def prepare_environment(folder: Path) -> None:
    """Keep temporary files and the cache in `folder`; let TensorFlow use one thread, without log.

    To be called before TensorFlow is imported.
    """
    import tempfile

    for name in ("tmp", "cache", "home"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HOME": str(folder / "home"),
        "COLUMNS": "100",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_DETERMINISTIC_OPS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    tempfile.tempdir = None


def read_cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used; 0 if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def read_memory(pid: int, reset: bool = False) -> float:
    """Return the peak of a process's memory in MB; with `reset`, that of now, from now on."""
    try:
        if reset:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((each for each in text.splitlines() if each.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) / 1024
