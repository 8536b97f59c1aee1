"""Run commands as processes of their own, which can be killed and cut off from their streams.

A server process imports TensorFlow once and forks a child for each command, so that a command
starts in milliseconds. The server itself runs nothing of TensorFlow and has one thread.
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
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

CPU_SECONDS = 60.0  # of a command with its figures
WALL_SECONDS = 300.0  # of a command on a busy machine
ANSWER_SECONDS = 30.0  # from a signal to the end of the process
MAX_MEGABYTES = 1500.0  # beyond what the server has
_TICK = os.sysconf("SC_CLK_TCK")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_OPERATIONS = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "fcntl.flock"),
}
_INTERVALS = {  # seconds, so that short runs do what long ones do
    ("experiments.run", "COMMIT_SECONDS"): 0.0,
    ("experiments.worker", "RESULT_SECONDS"): 0.0,
    ("loop.sizing", "INCREMENT_SECONDS"): 0.0,
    ("loop.snapshot", "SAVE_SECONDS"): 0.1,
}


@dataclass(frozen=True)
class Disturbance:
    """What happens to a process while it runs a command."""

    signal: int = 0
    operation: int = 0  # the signal comes before this file operation, counted from 1
    seconds: float = math.inf  # of processor time after the start, or after that operation
    closed: tuple[int, ...] = ()  # file descriptors that are closed: 0, 1, 2


@dataclass(frozen=True)
class Launch:
    """A command, where it runs, and what disturbs it."""

    arguments: tuple[str, ...]
    place: Path  # has the folders work (current), tmp and cache
    streams: Path  # folder for what is printed
    disturbance: Disturbance = Disturbance()
    published: bool = True  # whether the folder of tables and figures is written


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    error: str  # what is on stderr
    traceback: str = ""
    seconds: float = 0.0  # processor time
    ended: str = ""  # "hang", "crash" or "memory", if it did not end itself
    operations: int = 0  # file operations; 0 if the process was killed


class Server:
    """A process that forks a child for each command, and measures it."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()  # it is ready

    def run(self, launch: Launch) -> Outcome:
        """Run a command until it ends."""
        self._pipe.send(launch)
        outcome: Outcome = self._pipe.recv()
        return outcome

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops this process
    os.environ |= {
        **{"COLUMNS": "100", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_DETERMINISTIC_OPS": "1"},
        **{"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"},
    }
    _import_all()
    pipe.send("ready")
    with suppress(EOFError):
        while True:
            pipe.send(_fork_and_watch(pipe.recv()))


def _import_all() -> None:
    """Import what commands import, and let them commit and save often."""
    for name in ("agg", "pdf", "svg"):
        import_module(f"matplotlib.backends.backend_{name}")
    import_module("tensorflow")
    for name in ("api", "report", "report.folder"):
        import_module(f"ganinv_cli.{name}")
    for (module, name), seconds in _INTERVALS.items():
        place = import_module(f"ganinv_cli.{module}")
        assert hasattr(place, name), f"{module} has no {name}"
        setattr(place, name, seconds)
    train = import_module("ganinv_cli.training.train").train
    defaults = train.__defaults__
    train.__defaults__ = tuple(0.0 if isinstance(one, float) else one for one in defaults)


def _fork_and_watch(launch: Launch) -> Outcome:
    streams = launch.streams
    streams.mkdir(exist_ok=True)
    for name in ("out", "error", "traceback", "operations"):
        (streams / name).write_bytes(b"")
    receiver, sender = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(receiver)
        _run_child(launch, sender)
    os.close(sender)
    try:
        status, ended, seconds = _watch(launch.disturbance, pid, receiver)
    finally:
        os.close(receiver)
    texts = {path.name: path.read_text(errors="replace") for path in streams.iterdir()}
    if status < 0 and -status != launch.disturbance.signal:
        ended = ended or "crash"
    count = int(texts["operations"] or 0)
    return Outcome(status, texts["out"], texts["error"], texts["traceback"], seconds, ended, count)


def _watch(disturbance: Disturbance, pid: int, receiver: int) -> tuple[int, str, float]:
    """Wait for the end of a child, and send its signal when that is due.

    Returns its exit status, the name of the limit that it exceeded, and its processor time.
    """
    ended, seconds = "", 0.0
    due = math.inf if disturbance.operation else disturbance.seconds
    deadline, before = time.monotonic() + WALL_SECONDS, _read_megabytes(pid)
    while not (waited := os.waitpid(pid, os.WNOHANG))[0]:
        now = time.monotonic()
        if select.select([receiver], [], [], 0.003)[0]:
            if not os.read(receiver, 1):  # the child has ended
                time.sleep(0.003)
            elif math.isinf(disturbance.seconds):  # it sends the signal itself
                deadline = min(deadline, now + ANSWER_SECONDS)
            else:
                due = seconds + disturbance.seconds
        seconds = _read_cpu_seconds(pid) or seconds
        if seconds > due:
            os.kill(pid, disturbance.signal)
            due, deadline = math.inf, min(deadline, now + ANSWER_SECONDS)
        if _read_megabytes(pid) - before > MAX_MEGABYTES:
            ended = "memory"
        elif now > deadline or seconds > CPU_SECONDS:
            ended = "hang"
        if ended:
            os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(waited[1]), ended, seconds


def _run_child(launch: Launch, sender: int) -> NoReturn:
    """Run a command as the console script would, in a child of the server, and end it."""
    status, streams = 1, launch.streams
    os.chdir(launch.place / "work")
    os.environ["TMPDIR"] = str(launch.place / "tmp")
    os.environ["XDG_CACHE_HOME"] = str(launch.place / "cache")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it
    for number, name in enumerate(("/dev/null", streams / "out", streams / "error")):
        _open_stream(number, None if number in launch.disturbance.closed else str(name))
    counter = _Counter(launch.disturbance, sender)
    sys.argv = ["ganinv", *launch.arguments]
    try:
        from ganinv_cli.cli import main
        from ganinv_cli.report import folder

        if not launch.published:
            folder.write_report = lambda *_, **__: ""
        sys.addaudithook(counter)
        main(prog_name="ganinv")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # a fault, whatever it is
        (streams / "traceback").write_text(traceback.format_exc())
    with suppress(OSError, AttributeError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    (streams / "operations").write_text(str(counter.count))
    os._exit(status)


def _open_stream(number: int, path: str | None) -> None:
    """Make a standard stream a file, or close it as `>&-` does."""
    stream = None
    if path is None:
        os.close(number)
    else:
        file = os.open(path, os.O_WRONLY if number else os.O_RDONLY)
        os.dup2(file, number)
        os.close(file)
        stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
    name = ("stdin", "stdout", "stderr")[number]
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


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


def _read_cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used; 0 if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def _read_megabytes(pid: int) -> float:
    """Return the resident memory of a process in MB; 0 if there is none."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 2**20
