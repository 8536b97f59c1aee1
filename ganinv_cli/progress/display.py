"""What stderr shows of a phase and of work: a live line on a terminal, else plain lines."""

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import NamedTuple, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ganinv_cli.errors import to_printable
from ganinv_cli.progress.time_left import TimeLeft
from ganinv_cli.streams import open_progress

PLAIN_SECONDS = 30.0  # between plain lines
PHASE_SECONDS = 2.0  # after which a plain line names the phase
LEAST_BAR = 4  # columns


class Work(NamedTuple):
    """How much of some work is done."""

    done: int
    total: int
    unit: str  # in plural
    details: Sequence[str] = ()  # the last ones are left out first if there is no space
    factors: Sequence[str] = ()  # of the total, e.g. "100" and "3 rules"
    seconds_left: float = math.nan  # NaN before it is known


class Display(ABC):
    """Shows messages, the phase, and then the work."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._time_left = TimeLeft()

    def say(self, sentence: str) -> None:
        """Show a message once, wrapped on a terminal; control characters are escaped."""
        self._console.print(to_printable(sentence), soft_wrap=not self._console.is_terminal)

    @abstractmethod
    def enter(self, phase: str) -> None:
        """Show what happens from now on."""

    @abstractmethod
    def advance(self, work: Work) -> None:
        """Show the work, as often as is useful."""

    @abstractmethod
    def close(self) -> None:
        """Show nothing more."""

    def _list_details(self, work: Work) -> list[str]:
        left = self._time_left.describe(work.seconds_left) if work.done < work.total else ""
        return [each for each in (*work.details, left) if each]


class LiveLine(Display):
    """One line that changes: the phase, or a count, a bar and the rest."""

    def __init__(self, console: Console, transient: bool) -> None:
        super().__init__(console)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[details]}", markup=False),
            console=console,
            expand=True,
            transient=transient,
            redirect_stdout=False,  # what is printed there is data
        )
        self._phase = self._bar.add_task("", total=None, visible=False, details="")
        self._work = self._bar.add_task("", visible=False, details="")
        self._omitted = 0  # first factors, for which there is no space

    def enter(self, phase: str) -> None:
        self._bar.update(self._work, visible=False)
        self._bar.update(self._phase, visible=True, description=to_printable(phase))
        self._bar.start()

    def advance(self, work: Work) -> None:
        details = self._list_details(work)
        width = self._console.width - LEAST_BAR - 2
        while len(_count(work, self._omitted) + "  ".join(details)) > width:
            if self._omitted < len(work.factors):
                self._omitted += 1  # and stays, so that the line changes little
            elif len(details) > 1:
                del details[-2]  # the last is the time left
            else:
                break
        self._bar.update(self._phase, visible=False)
        self._bar.update(
            self._work,
            visible=True,
            description=_count(work, self._omitted),
            details="  ".join(details),
            completed=work.done,
            total=work.total,
        )
        self._bar.start()

    def close(self) -> None:
        self._bar.stop()


class PlainLines(Display):
    """A line every PLAIN_SECONDS, and one for each phase that takes longer than PHASE_SECONDS."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._timer = Timer(0, lambda: None)
        self._last_done = -1  # in the last line
        self._next_line = 0.0  # when it is due

    def enter(self, phase: str) -> None:
        self._timer.cancel()
        self._timer = Timer(PHASE_SECONDS, self.say, [phase])
        self._timer.daemon = True
        self._timer.start()

    def advance(self, work: Work) -> None:
        self._timer.cancel()
        details = self._list_details(work)  # every time, for the average of the time left
        if time.monotonic() < self._next_line and not work.done == work.total > self._last_done:
            return
        self._next_line, self._last_done = time.monotonic() + PLAIN_SECONDS, work.done
        self.say(", ".join([_count(work), *details]))

    def close(self) -> None:
        self._timer.cancel()


def _count(work: Work, omitted: int = 0) -> str:
    factors = " × ".join(work.factors[omitted:])
    return f"{work.done:,}/{work.total:,} {work.unit}" + (f" ({factors})" if factors else "")


@contextmanager
def open_display(quiet: bool = False, transient: bool = True) -> Iterator[Display]:
    """Show on stderr until the end of the block, nothing if `quiet`.

    A live line is removed at the end if it is `transient`.
    """
    with _open_stderr() as file:
        console = Console(file=file, quiet=quiet, markup=False, highlight=False)
        is_live = console.is_interactive and not quiet
        display = LiveLine(console, transient) if is_live else PlainLines(console)
        try:
            yield display
        finally:
            display.close()


@contextmanager
def _open_stderr() -> Iterator[TextIO]:
    """Open stderr again, since descriptor 2 is redirected while TensorFlow is imported."""
    if sys.stderr is not sys.__stderr__:  # a test or a notebook shows it
        yield sys.stderr
        return
    with open_progress() as file:
        yield file
