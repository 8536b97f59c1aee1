"""The clipping rules: one value per rule.

A rule defines what happens to components of z that leave the prior's bounds. Each rule is one entry
of `RULES`. The command line, the solvers, the tables and the figures all use this table.
`solvers/parts/row_clipping.py` applies the rules to a batch.
"""

from dataclasses import dataclass
from typing import Literal

# What takes the place of a component that left the bounds: a draw from the prior, the centre of the
# prior, or the component's mirror image at the bound.
Replacement = Literal["draw", "centre", "mirror"]
REPLACEMENTS: tuple[Replacement, ...] = ("draw", "centre", "mirror")

ACTION_KINDS = 3  # clamping, replacing, penalty: the order of `ClippingRule.kinds`


@dataclass(frozen=True)
class ClippingRule:
    """A clipping rule: its action on z, its style in figures, and the paper's numbers."""

    name: str
    colour: str  # of its lines, from Okabe and Ito's palette
    dashes: str  # of its lines, as Matplotlib names them
    marker: str
    marker_size: float  # in points; smaller for each rule, so that hidden markers stay visible
    clamping: bool = False  # set a component to the bound that it crossed
    replacement: Replacement | None = None  # of a component at or beyond a bound
    penalty: float = 0.0  # weight of Σ relu(distance outside the bounds)² in the objective
    # from Lipton & Tripathi 2017; None for other rules
    paper_shares: tuple[float, ...] | None = None  # Table 1: of 1,000 trials, for each epsilon
    paper_distance: float | None = None  # Table 2: mean distance between recoveries of an image

    @property
    def keeps_bounds(self) -> bool:
        """Whether a z outside the bounds has not converged."""
        return self.clamping or self.replacing

    @property
    def replacing(self) -> bool:
        """Whether a component at or beyond a bound is replaced."""
        return self.replacement is not None

    @property
    def kinds(self) -> tuple[bool, bool, bool]:
        """Which of the ACTION_KINDS the rule has."""
        return self.clamping, self.replacing, self.penalty > 0


RULES = {  # by name, in the order of the tables
    rule.name: rule
    for rule in (
        ClippingRule(
            "none",
            colour="#0072B2",
            dashes="solid",
            marker="o",
            marker_size=8,
            paper_shares=(0.98, 0.986, 0.998, 1.0),
            paper_distance=2.03e-4,
        ),
        ClippingRule(
            "standard",
            colour="#D55E00",
            dashes="dashed",
            marker="s",
            marker_size=5.5,
            clamping=True,
            paper_shares=(0.984, 0.99, 1.0, 1.0),
            paper_distance=1.36e-4,
        ),
        ClippingRule(
            "stochastic",
            colour="#009E73",
            dashes="dashdot",
            marker="^",
            marker_size=4,
            replacement="draw",
            paper_shares=(1.0, 1.0, 1.0, 1.0),
            paper_distance=4.94e-5,
        ),
        ClippingRule(
            "zero",
            colour="#E69F00",
            dashes="dashed",
            marker="v",
            marker_size=3.5,
            replacement="centre",
        ),
        ClippingRule(
            "reflect",
            colour="#56B4E9",
            dashes="dotted",
            marker="P",
            marker_size=3,
            replacement="mirror",
        ),
        ClippingRule(
            "wall",
            colour="#CC79A7",
            dashes="dotted",
            marker="D",
            marker_size=2.5,
            penalty=100.0,
        ),
    )
}
