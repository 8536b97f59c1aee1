"""The settings of `ganinv recover`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ganinv_cli.outcome import THRESHOLD
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.declare import MAX_NUMBER, OUTPUT, declare


@dataclass(frozen=True)
class RecoverConfig(Config):
    """The settings of `ganinv recover`."""

    success: Literal["end", "ever"] = declare(
        "end",
        help="Whether a trial counts by its error of z at the end, or ever, at any update, as in "
        "the paper's code.",
    )
    snapshots: tuple[int, ...] = declare(
        (),
        help="Gradients at which Figure 1 shows images; by default a few that suit the solver.",
        range=(0, MAX_NUMBER),
        example=(10, 50),
        metavar="N,N",
    )
    threshold: float = declare(
        THRESHOLD,
        help="z counts as recovered if its mean squared error is below this. A run goes on with "
        "another, and a finished one is shown by it.",
        group=OUTPUT,
        range=(0, 1),
        exclusive=True,
        resume="shown",
    )
    polish: Literal["none", "float64"] = declare(
        "none",
        help="float64: make the images in float64, and polish each converged z in float64.",
    )

    @property
    def shown_threshold(self) -> float:
        return self.threshold

    def _find_faults(self) -> Iterator[str]:
        yield from super()._find_faults()
        if self.polish != "none" and self.batch_norm == "batch":
            yield 'polish takes one trial at a time: it needs batch_norm = "frozen"'
