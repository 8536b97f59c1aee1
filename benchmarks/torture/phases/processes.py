"""Run commands as processes of their own, which can be killed, starved and cut off.

A server process imports TensorFlow once and forks a child for each command, so that a command
starts in milliseconds. The server runs nothing of TensorFlow itself, and has one thread.
"""

import math
import os
import resource
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from ..execute import Outcome
from ..faults import MAX_MEGABYTES
from ..workers import prepare_environment, read_cpu_seconds, read_memory
from .rights import drop_rights

CPU_SECONDS = 60.0  # of a command, with its figures
WALL_SECONDS = 300.0  # of a command that waits, on a busy machine
ANSWER_SECONDS = 30.0  # from a signal to the end of the process
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_OPERATIONS = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.utime"),
    *("fcntl.flock", "shutil.rmtree"),
}


@dataclass(frozen=True)
class Disturbance:
    """What happens to a process while it runs a command."""

    signal: int = 0
    operation: int = 0  # the signal comes before this file operation, counted from 1
    seconds: float = math.inf  # or so long after the start, or after that operation if not inf
    file_bytes: int = 0  # largest file that may be written; 0: any
    streams: tuple[str, str, str] = ("null", "file", "file")  # of _open_stream
    without_rights: bool = False


@dataclass(frozen=True)
class Launch:
    """A command, where it runs, and what disturbs it."""

    arguments: tuple[str, ...]
    place: Path  # has the folders work (current), tmp and cache
    streams: Path  # folder for what is printed
    disturbance: Disturbance = Disturbance()


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    outcome: Outcome
    operations: int  # file operations; 0 if the process was killed
    was_struck: bool  # whether the signal was sent before the end


class Server:
    """A process that forks a child for each command, and measures it."""

    def __init__(self, folder: Path) -> None:
        context = get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, folder), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()  # it is ready

    def run(self, launch: Launch) -> Ended:
        """Run a command until it ends."""
        self._pipe.send(launch)
        ended: Ended = self._pipe.recv()
        return ended

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops this process
    prepare_environment(folder)
    _import_all()
    pipe.send("ready")
    with suppress(EOFError):
        while True:
            pipe.send(_fork_and_watch(pipe.recv()))


def _import_all() -> None:
    """Import what commands import, and set what would take minutes to moments."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf
    import matplotlib.backends.backend_svg
    import matplotlib.figure
    import tensorflow

    from ganinv_cli.api import session
    from ganinv_cli.encoder import fit
    from ganinv_cli.experiments import run, running_trials
    from ganinv_cli.loop import increments
    from ganinv_cli.report import summarize
    from ganinv_cli.training import train

    used = (matplotlib, tensorflow, session, summarize)
    assert all(used)
    run.COMMIT_SECONDS = running_trials.SAVE_SECONDS = increments.INCREMENT_SECONDS = 0.0
    for function in (fit.fit_encoder, train.train):
        defaults = function.__defaults__ or ()
        function.__defaults__ = tuple(0.0 if isinstance(one, float) else one for one in defaults)


def _fork_and_watch(launch: Launch) -> Ended:
    launch.streams.mkdir(exist_ok=True)
    for old in launch.streams.iterdir():
        old.unlink()
    receiver, sender = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(receiver)
        _run_child(launch, sender)
    os.close(sender)
    try:
        return _watch(launch, pid, receiver)
    finally:
        os.close(receiver)


def _watch(launch: Launch, pid: int, receiver: int) -> Ended:
    """Wait for the end of a child; send its signal when that is due."""
    disturbance, began = launch.disturbance, time.monotonic()
    due = math.inf if disturbance.operation else began + disturbance.seconds
    deadline, ended, struck, megabytes = began + WALL_SECONDS, "", False, 0.0
    before = read_memory(pid)
    while not (waited := os.waitpid(pid, os.WNOHANG))[0]:
        now = time.monotonic()
        if select.select([receiver], [], [], 0.003)[0]:
            if not os.read(receiver, 1):  # the child has ended
                time.sleep(0.003)
            elif math.isinf(disturbance.seconds):  # it sends the signal itself
                struck, deadline = True, min(deadline, now + ANSWER_SECONDS)
            else:
                due = now + disturbance.seconds
        megabytes = max(megabytes, read_memory(pid) - before)
        if now > due:
            os.kill(pid, disturbance.signal)
            struck, due, deadline = True, math.inf, min(deadline, now + ANSWER_SECONDS)
        if megabytes > 2 * MAX_MEGABYTES:
            ended = "memory"
        elif now > deadline or read_cpu_seconds(pid) > CPU_SECONDS:
            ended = "hang"
        if ended:
            os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(waited[1])
    texts = {
        name: path.read_text(errors="replace") if path.exists() else ""
        for name in ("out", "error", "traceback", "operations")
        for path in [launch.streams / name]
    }
    seconds = time.monotonic() - began
    outcome = Outcome(
        *(status, texts["out"], texts["error"], texts["traceback"], seconds, ended, megabytes)
    )
    return Ended(outcome, int(texts["operations"] or 0), struck)


def _run_child(launch: Launch, sender: int) -> NoReturn:
    """Run a command as the console script would, in a child of the server, and end it."""
    disturbance, status = launch.disturbance, 1
    trace = os.open(launch.streams / "traceback", os.O_WRONLY | os.O_CREAT)
    operations = os.open(launch.streams / "operations", os.O_WRONLY | os.O_CREAT)
    os.chdir(launch.place / "work")
    os.environ["TMPDIR"] = str(launch.place / "tmp")
    os.environ["XDG_CACHE_HOME"] = str(launch.place / "cache")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if disturbance.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (disturbance.file_bytes,) * 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it
    for number, kind in enumerate(disturbance.streams):
        _open_stream(number, kind, launch.streams)
    if disturbance.without_rights:
        drop_rights()
    counter = _Counter(disturbance, sender)
    sys.argv = ["ganinv", *launch.arguments]
    try:
        from ganinv_cli.cli import main

        sys.addaudithook(counter)
        main(prog_name="ganinv")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # a fault, whatever it is
        os.write(trace, traceback.format_exc().encode())
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except OSError:
            status = 120  # as of Python
    os.write(operations, str(counter.count).encode())
    os._exit(status)


class _Counter:
    """Counts the operations that change files, and sends a signal before one of them."""

    def __init__(self, disturbance: Disturbance, sender: int) -> None:
        self._disturbance, self._sender = disturbance, sender
        self.count = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            name, _, flags = arguments
            if isinstance(name, int) or not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event not in _OPERATIONS:
            return
        self.count += 1
        if self.count == self._disturbance.operation:
            os.write(self._sender, b".")
            if math.isinf(self._disturbance.seconds):
                os.kill(os.getpid(), self._disturbance.signal)


def _open_stream(number: int, kind: str, folder: Path) -> None:
    """Make a standard stream what its kind says."""
    name = ("stdin", "stdout", "stderr")[number]
    stream = None
    if kind == "closed":
        os.close(number)
    else:
        if kind == "broken":  # a pipe without a reader
            reader, file = os.pipe()
            os.close(reader)
        else:
            paths = {"null": "/dev/null", "full": "/dev/full"}
            path = paths.get(kind) or folder / ("", "out", "error")[number]
            file = os.open(path, os.O_RDWR if not number else os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
        stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)
