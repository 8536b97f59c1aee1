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
    from ganinv_cli.experiments.progress import Progress as Recovery
    from ganinv_cli.training.train import Progress as Training

PLAIN_SECONDS = 30.0
LONG_SECONDS = 600.0  # a run that takes longer is announced


@contextmanager
def line(unit: str, console: Console) -> Iterator[Callable[[int, int, str], None]]:
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
    shown = time.monotonic() - PLAIN_SECONDS

    def show(done: int, total: int, text: str) -> None:
        nonlocal shown
        if done == total or time.monotonic() - shown >= PLAIN_SECONDS:
            shown = time.monotonic()
            console.print(f"{done:,}/{total:,} {unit} {text}", soft_wrap=True, highlight=False)

    yield show


@contextmanager
def training(out: Path) -> Iterator[Callable[["Training"], None]]:
    """Steps done, both losses and images a second; how to go on after an interruption."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

    def stop(number: int, frame: FrameType | None) -> None:
        console.print("stopping; saving what was trained takes some seconds")
        raise KeyboardInterrupt

    heard = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        with line("steps", console) as show:

            def update(at: "Training") -> None:
                text = (
                    f"generator {at.generator_loss:.2f} discriminator {at.discriminator_loss:.2f} "
                    f"{at.images_per_second:.0f} images/s"
                )
                show(at.step, at.steps, f"{text} saved {at.saved.name}" if at.saved else text)

            yield update
    except KeyboardInterrupt:
        console.print(f"interrupted; what was saved is in {out}, and the same command goes on")
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def heed_schedulers() -> None:
    """From now on SIGTERM, which a batch scheduler sends first, is an interruption."""
    signal.signal(signal.SIGTERM, _interrupt)


@contextmanager
def recovery(out: Path, quiet: bool) -> Iterator[Callable[["Recovery"], None]]:
    """Trials done, recovered, gradients a second, time left; how to go on after an interruption."""
    console = Console(stderr=True, quiet=quiet, markup=False)
    announced = False
    try:
        with line("trials", console) as show:

            def update(at: "Recovery") -> None:
                nonlocal announced
                if not announced and math.isfinite(at.seconds_left):
                    announced = True
                    if at.seconds_left > LONG_SECONDS:
                        _announce(console, at)
                text = f"{at.good:,} {at.word} {at.gradients_per_second:,.0f} gradients/s"
                show(at.done, at.total, f"{text} {_clock(at.seconds_left)} left")

            yield update
    except KeyboardInterrupt:
        some = out.exists() or Path(f"{out}.parts").exists()
        saved = f"the trials that had finished are kept for {out}, and the same command goes on"
        said = f"interrupted; {saved}" if some else "interrupted before any trial had finished"
        console.print(said, soft_wrap=True, highlight=False)
        raise


def _announce(console: Console, at: "Recovery") -> None:
    console.print(
        f"about {_clock(at.seconds_left)} (h:mm:ss) to go at {at.gradients_per_second:,.0f} "
        "gradients a second; finished trials are saved as it goes",
        soft_wrap=True,
        highlight=False,
    )


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))) if math.isfinite(seconds) else "?"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
