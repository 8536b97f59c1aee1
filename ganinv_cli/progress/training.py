"""The progress of `train` and `train-encoder` on stderr."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ganinv_cli.progress.display import Display, Work, open_display
from ganinv_cli.progress.interrupts import Answer, Interrupts, describe_interrupts

if TYPE_CHECKING:
    from ganinv_cli.encoder.fit import FitProgress
    from ganinv_cli.training.train import TrainingProgress


@contextmanager
def show_training(out: Path) -> Iterator["TrainingReporter"]:
    """Show phases, and steps, losses and images per second; say how to go on."""
    message = f"interrupted; what was saved is in {out}, and the same command goes on"
    nothing = "interrupted before the first step"
    with (
        open_display(transient=False) as display,
        describe_interrupts(
            display.say, lambda: message if (out / "state").exists() else nothing
        ) as interrupts,
    ):
        yield TrainingReporter(display, interrupts)


class TrainingReporter:
    """Shows the progress of a training."""

    def __init__(self, display: Display, interrupts: Interrupts) -> None:
        self._display, self._interrupts = display, interrupts
        self.say, self.enter = display.say, display.enter
        self._saved = ""

    def start(self, step: int) -> None:
        """Say that `step` steps were done before."""
        if step:
            self.say(f"resuming at step {step + 1:,}")
        self.enter("compiling")

    def show(self, progress: "TrainingProgress") -> None:
        """Show a step."""
        self._interrupts.raise_if_requested()
        self._interrupts.answer = Answer.SAVE
        if progress.saved:
            self._saved = f"saved step {progress.step:,}"
        rate = progress.images_per_second
        details = [
            f"generator {progress.generator_loss:.2f} "
            f"discriminator {progress.discriminator_loss:.2f}",
            f"{rate:,.0f} images/s" if rate else "",
            self._saved,
        ]
        done, total = progress.step, progress.steps
        self._display.advance(
            Work(done, total, "steps", details, seconds_left=progress.seconds_left)
        )


@contextmanager
def show_fit(out: Path, quiet: bool) -> Iterator["FitReporter"]:
    """Show images and images per second; stop between batches, and say how to go on."""
    message = f"interrupted; what was summed is kept for {out}, and the same command goes on"
    nothing = "interrupted before anything was summed"
    state = out.with_name(f"{out.name}.state")
    with (
        open_display(quiet) as display,
        describe_interrupts(
            display.say, lambda: message if state.exists() else nothing
        ) as interrupts,
    ):
        yield FitReporter(display, interrupts)


class FitReporter:
    """Shows the progress of a fit."""

    def __init__(self, display: Display, interrupts: Interrupts) -> None:
        self._display, self._interrupts = display, interrupts

    def start(self, images: int) -> None:
        """Say that `images` were summed before."""
        if images:
            self._display.say(f"resuming after {images:,} images")
        self._display.enter("compiling")

    def show(self, progress: "FitProgress") -> None:
        """Show a batch."""
        self._interrupts.raise_if_requested()
        if progress.encoder is not None:
            return
        self._interrupts.answer = Answer.DEFER  # an unfinished sum is of no use
        done, total = progress.images, progress.total
        rate = progress.images_per_second
        left = (total - done) / rate if rate else math.nan
        self._display.advance(
            Work(done, total, "images", [f"{rate:.0f} images/s"], seconds_left=left)
        )
        if done == total:
            self._display.enter("solving")
            self._interrupts.answer = Answer.SAVE
