"""What stderr shows of a phase and of work: a live line on a terminal, else plain lines."""

import contextlib
import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from ganinv_cli.errors import to_printable
from ganinv_cli.outcome import Phase
from ganinv_cli.progress.measurements import show_measurements

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PLAIN_SECONDS = 30.0  # between plain lines
UNITS = {"days": 86400, "h": 3600, "min": 60, "s": 1}  # of a duration, in seconds


class Work(NamedTuple):
    """How much of some work is done."""

    done: int
    total: int
    unit: str  # in plural
    details: Sequence[str] = ()
    seconds_left: float = math.nan  # NaN before it is known
    seconds_after: float = 0.0  # of these, for what has not begun
    other: str = ""  # other work that is counted beside it

    def describe(self, passed: float = 0.0) -> list[str]:
        """Return the counts, the time left if it is known, and the details that are not empty.

        `passed`: the seconds since the time left was estimated.
        """
        count = f"{self.done:,}/{self.total:,} {self.unit}"
        left = describe_time_left(max(self.seconds_left - passed, self.seconds_after))
        return list(filter(None, (count, self.other, left, *self.details)))


def describe_time_left(seconds: float) -> str:
    """Return such as "40 s left" or "90 min left", in the largest unit of which there are two.

    Empty if the time is not known, or none is left.
    """
    if not math.isfinite(seconds) or seconds <= 0:
        return ""
    unit = next((unit for unit, length in UNITS.items() if seconds >= 2 * length), "s")
    return f"{seconds / UNITS[unit]:.0f} {unit} left"


class RunProgress(NamedTuple):
    """The progress of a run; a trial counts once for each rule."""

    finished: int
    total: int
    successes: int  # of those done in this process: recovered, or else converged
    success_word: str  # names a success
    gradients: float  # spent in this process
    gradients_per_second: float
    seconds_left: float  # NaN before there is a number to believe
    seconds_after: float = 0.0  # of these, after the image that is judged next
    phase: Phase = Phase.running
    finished_here: int = 0  # in this process
    certified: int = 0  # images that were judged in this process
    certificates: int = 0  # of these

    def describe(self) -> Work:
        """Return the trials that are done, with successes and speed."""
        successes = ""
        if self.finished_here:  # of a resumed run, as a part of the trials that are counted
            resumed = self.finished > self.finished_here
            of = f" of {self.finished_here:,}" if resumed else ""
            successes = f"{self.successes:,}{of} {self.success_word}"
        rate = self.gradients_per_second
        images = self.certificates
        again = f"{self.certified:,}/{images:,} images judged" if images else ""
        details = [successes, f"{rate:,.0f} gradients/s" if rate else ""]
        left = self.seconds_left, self.seconds_after
        return Work(self.finished, self.total, "trials", details, *left, again)


class _Line(ProgressColumn):
    """The text of the live line, which is made again whenever the line is drawn."""

    def __init__(self, describe: Callable[[], str]) -> None:
        super().__init__(Column(no_wrap=True))
        self._describe = describe

    def render(self, task: Task) -> Text:
        return Text(self._describe())


class Display:
    """Shows messages, the phase, and then the work; a `Reporter`."""

    def __init__(self, console: Console) -> None:
        """Show a live line if the console is a terminal; it is removed at the end."""
        self._console, self._is_live = console, console.is_interactive
        self._bar = Progress(
            _Line(lambda: self._text()),
            BarColumn(bar_width=None),
            console=console,
            disable=not self._is_live,
            expand=True,
            transient=True,
            redirect_stdout=False,  # what is printed there is data
        )
        self._task = self._bar.add_task("")
        self._text: Callable[[], str] = str  # of the live line
        self._last_done = -1  # in the last plain line
        self._next_line = 0.0  # when it is due

    def say(self, sentence: str) -> None:
        """Show a message once, wrapped on a terminal; control characters are escaped."""
        self._console.print(to_printable(sentence), soft_wrap=not self._is_live)

    def enter(self, phase: str) -> None:
        """Show what happens from now on, on a terminal."""
        if self._is_live:
            self._show_line(partial(to_printable, phase), 0, None)

    def show(self, progress: RunProgress) -> None:
        """Show the progress of the trials."""
        if progress.phase is Phase.running:
            self.advance(progress.describe())
        else:
            self.enter(progress.phase)

    def advance(self, work: Work) -> None:
        """Show the work, as often as is useful."""
        if self._is_live:
            start_time = time.monotonic()
            self._show_line(
                lambda: "  ".join(work.describe(time.monotonic() - start_time)),
                work.done,
                work.total,
            )
        elif time.monotonic() > self._next_line or work.done == work.total > self._last_done:
            self._next_line, self._last_done = time.monotonic() + PLAIN_SECONDS, work.done
            self.say(", ".join(work.describe()))

    def close(self) -> None:
        """Show nothing more."""
        self._bar.stop()

    def _show_line(self, text: Callable[[], str], done: int, total: int | None) -> None:
        self._text = text
        self._bar.tasks[0].total = total
        self._bar.update(self._task, completed=done)
        self._bar.start()


@contextlib.contextmanager
def open_display(quiet: bool = False) -> Iterator[Display]:
    """Show on stderr until the end of the block, nothing if `quiet`."""
    with _open_stderr() as file:
        console = Console(file=file, quiet=quiet, markup=False, highlight=False)
        display = Display(console)
        try:
            with show_measurements(display.enter):
                yield display
        finally:
            display.close()


@contextlib.contextmanager
def _open_stderr() -> Iterator[TextIO]:
    """Open stderr again, since descriptor 2 is redirected while TensorFlow is imported."""
    if sys.stderr is not sys.__stderr__:  # a test or a notebook shows it
        yield sys.stderr
        return
    raw = io.BufferedWriter(_UnreliableFile(os.dup(2), "w"))
    with io.TextIOWrapper(raw, errors="backslashreplace", line_buffering=True) as file:
        yield file


class _UnreliableFile(io.FileIO):
    """A file whose failures are ignored: a run is saved although its terminal was closed."""

    def write(self, data: "ReadableBuffer", /) -> int:
        with contextlib.suppress(OSError):
            super().write(data)
        return memoryview(data).nbytes
