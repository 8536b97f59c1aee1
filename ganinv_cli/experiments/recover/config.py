"""The settings of `ganinv recover`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ganinv_cli.outcome import THRESHOLD
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.declare import MAX_NUMBER, OUTPUT, declare

# The paper's method: one start, 2,000 updates in a metric, and an evaluation of the last z.
DESCENT: dict[str, Any] = {"solver": "gd", "budget": 2001.0, "restarts": 0}
# The tool's own: as many starts as it takes.
RESTARTED: dict[str, Any] = {"budget": Config.budget, "restarts": Config.restarts}


@dataclass(frozen=True)
class RecoverConfig(Config):
    """The settings of `ganinv recover`. Its budget and restarts depend on the solver."""

    checkpoint: str = declare("checkpoints/faces32", shown_default="faces32")
    solver: str = DESCENT["solver"]
    restarts: int = declare(  # type: ignore[assignment]  # a number once it is built
        None,
        example=RESTARTED["restarts"],
        shown_default=f"{DESCENT['restarts']} for gd, {RESTARTED['restarts']} for others",
    )
    budget: float = declare(  # type: ignore[assignment]  # the same
        None,
        example=RESTARTED["budget"],
        shown_default=f"{DESCENT['budget']:,.0f} for gd, {RESTARTED['budget']:,.0f} for others",
    )
    compare: Literal["lbfgs", "none"] = declare(
        "lbfgs",
        help="lbfgs: also recover the same z by L-BFGS with restarts and without clipping, for one "
        "line below Table 1.",
        resume="free",
    )
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

    def __post_init__(self) -> None:
        usual = DESCENT if self.solver == DESCENT["solver"] else RESTARTED
        for name in RESTARTED:
            if getattr(self, name) is None:
                object.__setattr__(self, name, usual[name])
        super().__post_init__()

    @property
    def shown_threshold(self) -> float:
        return self.threshold

    def _find_faults(self) -> Iterator[str]:
        yield from super()._find_faults()
        if self.polish != "none" and self.batch_norm == "batch":
            yield 'polish takes one trial at a time: it needs batch_norm = "frozen"'
