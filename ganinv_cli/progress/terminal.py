"""The progress of trials on stderr."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ganinv_cli.files.write import has_content
from ganinv_cli.phase import Phase
from ganinv_cli.progress.display import Display, Work, open_display
from ganinv_cli.progress.interrupts import Answer, Interrupts, describe_interrupts
from ganinv_cli.progress.reporter import Reporter
from ganinv_cli.progress.time_left import format_duration

if TYPE_CHECKING:
    from ganinv_cli.experiments.progress import RunProgress

LONG_SECONDS = 600.0  # a run that takes longer is announced


@contextmanager
def show_on_terminal(out: Path | None, quiet: bool) -> Iterator[Reporter]:
    """Show messages and progress on stderr, nothing if `quiet`; say how to go on with `out`."""
    with (
        open_display(quiet) as display,
        describe_interrupts(display.say, lambda: _describe_interruption(out)) as interrupts,
    ):
        yield TerminalReporter(display, interrupts)


class TerminalReporter:
    """Shows what it is told; see `Reporter`."""

    def __init__(self, display: Display, interrupts: Interrupts) -> None:
        self._display, self._interrupts = display, interrupts
        self._phase = ""
        self._announced = False

    def say(self, sentence: str) -> None:
        self._display.say(sentence)

    def enter(self, phase: str) -> None:
        self._interrupts.raise_if_requested()
        self._interrupts.answer = Answer.END
        if phase != self._phase:
            self._phase = phase
            self._display.enter(phase)

    def show(self, progress: "RunProgress") -> None:
        if progress.message:
            self.say(progress.message)
        if progress.phase is not Phase.running:
            self.enter(progress.phase)
            return
        self._interrupts.raise_if_requested()
        self._interrupts.answer = Answer.SAVE
        self._phase = progress.phase
        self._announce_length(progress.seconds_left)
        rate = progress.gradients_per_second
        details = (_describe_successes(progress), f"{rate:,.0f} gradients/s" if rate else "")
        self._display.advance(
            Work(
                progress.finished,
                progress.total,
                "trials",
                details,
                progress.factors,
                progress.seconds_left,
            )
        )

    def _announce_length(self, seconds_left: float) -> None:
        """Say once how long a run takes, if that is long."""
        if self._announced or not math.isfinite(seconds_left):
            return
        self._announced = True
        if seconds_left > LONG_SECONDS:
            self.say(
                f"about {format_duration(seconds_left)} to go; finished trials are saved as it goes"
            )


def _describe_successes(progress: "RunProgress") -> str:
    """Return the number of successes; of a resumed run, as a part of those that are counted."""
    if not progress.finished_here:
        return ""
    resumed = progress.finished > progress.finished_here
    of = f" of {progress.finished_here:,}" if resumed else ""
    return f"{progress.successes:,}{of} {progress.success_word}"


def _describe_interruption(out: Path | None) -> str:
    if out is None:
        return "interrupted"
    from ganinv_cli.store.log import name_log  # here: it loads NumPy, which --help does without

    kept = ["the trials that had finished"] if has_content(out) or name_log(out).exists() else []
    if not kept:
        return "interrupted before any trial had finished; the same command starts again"
    return f"interrupted; kept for {out}: {' and '.join(kept)}; the same command goes on"
