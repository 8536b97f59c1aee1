"""Recover known latent vectors (Table 1, Figure 1).

Draws latent vectors, makes their images, and recovers each under every clipping rule from the
same start. Prints the success rate, the error and the speed, as in the paper. The same command
continues a run that was stopped; a larger --trials extends a finished run.

\b
Example:
    ganinv recover --trials 200
    ganinv recover --polish float64 --out float64.h5
    ganinv recover --config paper-text --trials 8 --out paper.h5
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ganinv_cli.experiments.experiment import Experiment
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
        help="float64: make the images in float64, and refine each converged z in float64.",
    )

    @property
    def shown_threshold(self) -> float:
        return self.threshold

    def _find_faults(self) -> Iterator[str]:
        yield from super()._find_faults()
        if self.polish != "none" and self.batch_norm == "batch":
            yield 'polish refines one trial at a time: it needs batch_norm = "frozen"'


EXPERIMENT = Experiment(
    __name__,
    help=__doc__,
    config=RecoverConfig,
    first=("trials", "checkpoint", "clip", "seed", "device", "out", "style", "config"),
    report="ganinv_cli.results.report.recover:RECOVER_REPORT",
    order=1,
    example="""
        >>> t = ganinv.recover("faces16", trials=4, clip="stochastic", seed=1)
        >>> row = t.tables["table1"][0]
        >>> row["technique"], row["trials"], row["recovered"]["1e-4"]
        ('stochastic', 4, 4)
        >>> t.columns("stochastic")["z_found"].shape
        (4, 100)
    """,
)
