"""Progress on stderr: a live line on a terminal, else a plain line every PLAIN_SECONDS."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ganinv_cli.errors import to_printable
from ganinv_cli.progress.reporter import Reporter

if TYPE_CHECKING:
    from ganinv_cli.encoder.fit import FitProgress
    from ganinv_cli.experiments.progress import RunProgress
    from ganinv_cli.training.train import TrainingProgress

PLAIN_SECONDS = 30.0
LONG_SECONDS = 600.0  # a run that takes longer is announced


@contextmanager
def show_progress_line(unit: str, console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function `show(done, total, text)`, which limits how often it prints."""
    if console.is_terminal:
        bar = Progress(
            TextColumn("{task.completed:,}/{task.total:,} " + unit),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
        )
        task = bar.add_task("", total=0)
        with bar:
            yield lambda done, total, text: bar.update(
                task, completed=done, total=total, description=text
            )
        return
    last_shown = time.monotonic() - PLAIN_SECONDS

    def show(done: int, total: int, text: str) -> None:
        nonlocal last_shown
        if done == total or time.monotonic() - last_shown >= PLAIN_SECONDS:
            last_shown = time.monotonic()
            console.print(f"{done:,}/{total:,} {unit} {text}", soft_wrap=True, highlight=False)

    yield show


@contextmanager
def show_training(out: Path) -> Iterator[Callable[["TrainingProgress"], None]]:
    """Show steps, both losses and images per second; after an interruption, say how to go on."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

    def stop(number: int, frame: FrameType | None) -> None:
        console.print("stopping; saving what was trained takes some seconds")
        raise KeyboardInterrupt

    def describe(progress: "TrainingProgress") -> str:
        saved = f" saved {progress.saved.name}" if progress.saved else ""
        return (
            f"generator {progress.generator_loss:.2f} discriminator "
            f"{progress.discriminator_loss:.2f} {progress.images_per_second:.0f} images/s{saved}"
        )

    with (
        _explain_interrupt(
            console, f"interrupted; what was saved is in {out}, and the same command goes on"
        ),
        _replace_signal_handlers(stop),
        show_progress_line("steps", console) as show,
    ):
        yield lambda progress: show(progress.step, progress.steps, describe(progress))


@contextmanager
def show_fit(out: Path, quiet: bool) -> Iterator[Callable[["FitProgress"], None]]:
    """Show images and images per second; stop between batches, and say how to go on."""
    console = Console(stderr=True, quiet=quiet, soft_wrap=True, highlight=False, markup=False)
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        signal.signal(number, old_handlers[number])  # a second signal ends the process at once
        console.print("stopping; saving what was summed takes some seconds")

    with (
        _explain_interrupt(
            console,
            f"interrupted; what was summed is kept for {out}, and the same command goes on",
        ),
        _replace_signal_handlers(stop) as old_handlers,
        show_progress_line("images", console) as show,
    ):

        def update(progress: "FitProgress") -> None:
            if progress.encoder is None:
                rate = f"{progress.images_per_second:.0f} images/s"
                solving = progress.images == progress.total
                show(progress.images, progress.total, "solving" if solving else rate)
                if stopping:
                    raise KeyboardInterrupt

        yield update


@dataclass(frozen=True)
class _TerminalReporter:
    _console: Console
    _show: Callable[["RunProgress"], None]

    def say(self, sentence: str) -> None:
        self._console.print(to_printable(sentence), soft_wrap=True, highlight=False)

    def enter(self, phase: str) -> None: ...

    def show(self, progress: "RunProgress") -> None:
        self._show(progress)


@contextmanager
def show_on_terminal(out: Path | None, quiet: bool) -> Iterator[Reporter]:
    """Show messages and progress on stderr, nothing if `quiet`; say how to go on with `out`."""
    console = Console(stderr=True, quiet=quiet, markup=False)
    with show_trials(out or Path(), quiet) as show:
        yield _TerminalReporter(console, show)


def interrupt_on_sigterm() -> None:
    """Raise KeyboardInterrupt on SIGTERM, which a batch scheduler sends before SIGKILL."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def show_trials(out: Path, quiet: bool) -> Iterator[Callable[["RunProgress"], None]]:
    """Show trials, successes, gradients per second and time left; say how to go on."""
    console = Console(stderr=True, quiet=quiet, markup=False)
    announced = False
    try:
        with show_progress_line("trials", console) as show:

            def update(progress: "RunProgress") -> None:
                nonlocal announced
                if progress.warning:
                    console.print(progress.warning, soft_wrap=True, highlight=False)
                if not announced and math.isfinite(progress.seconds_left):
                    announced = True
                    if progress.seconds_left > LONG_SECONDS:
                        _print_estimate(console, progress)
                text = (
                    f"{progress.successes:,} {progress.success_word} "
                    f"{progress.gradients_per_second:,.0f} gradients/s "
                    f"{_format_seconds(progress.seconds_left)} left"
                )
                show(progress.finished, progress.total, text)

            yield update
    except KeyboardInterrupt:
        parts = Path(f"{out}.parts")
        has_results = out.exists() or parts.exists()
        running = " and the state of those that ran" if any(parts.glob("running-*")) else ""
        saved = (
            f"the trials that had finished{running} are kept for {out}, "
            "and the same command goes on"
        )
        message = (
            f"interrupted; {saved}" if has_results else "interrupted before any trial had finished"
        )
        console.print(message, soft_wrap=True, highlight=False)
        raise


@contextmanager
def _explain_interrupt(console: Console, message: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        console.print(message)
        raise


@contextmanager
def _replace_signal_handlers(
    handler: Callable[[int, FrameType | None], None],
) -> Iterator[dict[int, Any]]:
    """Handle SIGINT and SIGTERM, unless they are ignored; yield the handlers to be restored."""
    numbers = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_IGN]
    old_handlers = {int(number): signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, handler)
    try:
        yield old_handlers
    finally:
        for each, old in old_handlers.items():
            signal.signal(each, old)


def _print_estimate(console: Console, progress: "RunProgress") -> None:
    console.print(
        f"about {_format_seconds(progress.seconds_left)} (h:mm:ss) to go at "
        f"{progress.gradients_per_second:,.0f} gradients per second; "
        "finished trials are saved as it goes",
        soft_wrap=True,
        highlight=False,
    )


def _format_seconds(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))) if math.isfinite(seconds) else "?"
