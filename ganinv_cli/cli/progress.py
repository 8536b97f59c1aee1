"""Progress on stderr: a live line on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from ganinv_cli.training.train import Progress as Training

PLAIN_SECONDS = 30.0


@contextmanager
def line(unit: str) -> Iterator[Callable[[int, int, str], None]]:
    """Give a function `show(done, total, text)` to call as often as one likes."""
    console = Console(stderr=True)
    if console.is_terminal:
        bar = Progress(
            TextColumn("{task.completed:,}/{task.total:,} " + unit),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        task = bar.add_task("", total=None)
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
def training() -> Iterator[Callable[["Training"], None]]:
    """Steps done, both losses and images a second."""
    with line("steps") as show:

        def update(at: "Training") -> None:
            text = (
                f"generator {at.generator_loss:.2f} discriminator {at.discriminator_loss:.2f} "
                f"{at.images_per_second:.0f} images/s"
            )
            show(at.step, at.steps, f"{text} saved {at.saved.name}" if at.saved else text)

        yield update
