"""Progress on stderr: a live line on a terminal, a plain line now and then elsewhere."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from ganinv_cli.experiments.progress import RunProgress as Recovery
    from ganinv_cli.training.train import TrainingProgress as Training

PLAIN_SECONDS = 30.0
LONG_SECONDS = 600.0  # a run that takes longer is announced


@contextmanager
def show_progress_line(unit: str, console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """Give a function `show(done, total, text)` to call as often as one likes."""
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
def show_training(out: Path) -> Iterator[Callable[["Training"], None]]:
    """Steps done, both losses and images a second; how to go on after an interruption."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

    def stop(number: int, frame: FrameType | None) -> None:
        console.print("stopping; saving what was trained takes some seconds")
        raise KeyboardInterrupt

    signals = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_IGN]
    old_handlers = {number: signal.signal(number, stop) for number in signals}
    try:
        with show_progress_line("steps", console) as show:

            def update(progress: "Training") -> None:
                text = (
                    f"generator {progress.generator_loss:.2f} discriminator "
                    f"{progress.discriminator_loss:.2f} "
                    f"{progress.images_per_second:.0f} images/s"
                )
                show(
                    progress.step,
                    progress.steps,
                    f"{text} saved {progress.saved.name}" if progress.saved else text,
                )

            yield update
    except KeyboardInterrupt:
        console.print(f"interrupted; what was saved is in {out}, and the same command goes on")
        raise
    finally:
        for number, handler in old_handlers.items():
            signal.signal(number, handler)


def interrupt_on_sigterm() -> None:
    """From now on SIGTERM, which a batch scheduler sends first, is an interruption."""
    signal.signal(signal.SIGTERM, _raise_interrupt)


@contextmanager
def show_trials(out: Path, quiet: bool) -> Iterator[Callable[["Recovery"], None]]:
    """Trials done, recovered, gradients a second, time left; how to go on after an interruption."""
    console = Console(stderr=True, quiet=quiet, markup=False)
    announced = False
    try:
        with show_progress_line("trials", console) as show:

            def update(progress: "Recovery") -> None:
                nonlocal announced
                if not announced and math.isfinite(progress.seconds_left):
                    announced = True
                    if progress.seconds_left > LONG_SECONDS:
                        _print_estimate(console, progress)
                text = (
                    f"{progress.successes:,} {progress.success_word} "
                    f"{progress.gradients_per_second:,.0f} gradients/s"
                )
                show(
                    progress.finished,
                    progress.total,
                    f"{text} {_format_seconds(progress.seconds_left)} left",
                )

            yield update
    except KeyboardInterrupt:
        has_results = out.exists() or Path(f"{out}.parts").exists()
        saved = f"the trials that had finished are kept for {out}, and the same command goes on"
        message = (
            f"interrupted; {saved}" if has_results else "interrupted before any trial had finished"
        )
        console.print(message, soft_wrap=True, highlight=False)
        raise


def _print_estimate(console: Console, progress: "Recovery") -> None:
    console.print(
        f"about {_format_seconds(progress.seconds_left)} (h:mm:ss) to go at "
        f"{progress.gradients_per_second:,.0f} "
        "gradients a second; finished trials are saved as it goes",
        soft_wrap=True,
        highlight=False,
    )


def _format_seconds(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))) if math.isfinite(seconds) else "?"


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
