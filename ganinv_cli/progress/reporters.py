"""The progress of trials, of a training and of a fit, for whatever shows it."""

import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from ganinv_cli.progress.display import Display, RunProgress, Work, open_display
from ganinv_cli.progress.interrupts import stop_on_signals


class Reporter(Protocol):
    """Shows messages and progress."""

    def say(self, sentence: str) -> None:
        """Show a message once."""

    def enter(self, phase: str) -> None:
        """Show what happens from now on, e.g. "loading TensorFlow"."""

    def show(self, progress: RunProgress) -> None:
        """Show the progress of the trials."""


class _Silent:
    def say(self, sentence: str) -> None: ...

    def enter(self, phase: str) -> None: ...

    def show(self, progress: RunProgress) -> None: ...


SILENT: Reporter = _Silent()  # shows nothing


class StepReporter:
    """Shows the steps of a training or of a fit, and stops between two of them."""

    def __init__(self, display: Display, signals: ExitStack) -> None:
        self.say, self.enter, self._advance = display.say, display.enter, display.advance
        self._signals = signals
        self._stop = threading.Event()

    def start(self, done: int) -> None:
        """Say how much was done before. From now on, a signal stops after a step, to be saved."""
        if done:
            self.say(f"resuming after {done:,}")
        self.enter("compiling")
        self._stop = self._signals.enter_context(stop_on_signals(self.say))

    def show(self, progress: Any) -> None:
        """Show a TrainingProgress or FitProgress. Raises KeyboardInterrupt to end after it."""
        work = _describe_steps(progress)
        self._advance(work)
        if work.done == work.total:
            self.enter("finishing")
        elif self._stop.is_set():
            raise KeyboardInterrupt


@contextmanager
def show_steps(out: Path, state: Path | None, quiet: bool = False) -> Iterator[StepReporter]:
    """Show phases, steps, losses and images per second; say how to go on.

    `state` is the file from which the same command goes on towards `out`; None: it starts again.
    """
    with open_display(quiet) as display, ExitStack() as signals:
        try:
            yield StepReporter(display, signals)
        except KeyboardInterrupt:
            signals.close()  # waits until it was said that the training stops
            kept = f"what was done is saved for {out}, and the same command goes on"
            saved = state is not None and state.exists()
            display.say(f"interrupted; {kept if saved else 'nothing was saved'}")
            raise


def _describe_steps(progress: Any) -> Work:
    rate = progress.images_per_second
    speed = f"{rate:,.0f} images/s"
    if hasattr(progress, "images"):  # of a fit
        seconds_left = (progress.total - progress.images) / rate if rate else math.nan
        return Work(progress.images, progress.total, "images", [speed], seconds_left)
    losses = f"{progress.generator_loss:.2f} discriminator {progress.discriminator_loss:.2f}"
    details = [speed, f"generator {losses}"]
    return Work(progress.step, progress.steps, "steps", details, progress.seconds_left)
