"""The clipping rules: one value per rule.

A rule defines what happens to components of z that leave the prior's bounds. Each rule is one entry
of `RULES`. The command line, the solvers, the tables and the figures all use this table.
`inversion/solvers/parts/row_clipping.py` applies the rules to a batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganinv_cli.prior import Prior

# Returns what takes the place of components at or beyond a bound, from z (batch, latent), the
# prior, and a random number in (0, 1) for each component.
Replacement = Callable[[Any, "Prior", Any], Any]

ACTION_KINDS = 2  # clamping, replacing: the order of `ClippingRule.kinds`


def draw_from_prior(z: Any, prior: "Prior", share: Any) -> Any:
    """Return a new draw for each component."""
    return prior.quantile(share)


def set_to_centre(z: Any, prior: "Prior", share: Any) -> Any:
    """Return the middle of the bounds for each component."""
    return 0 * share + (prior.low + prior.high) / 2


def mirror_at_bound(z: Any, prior: "Prior", share: Any) -> Any:
    """Return 2 · bound − z, clamped to the bounds."""
    import tensorflow as tf  # here: settings load without TensorFlow

    nearest = tf.clip_by_value(z, prior.low, prior.high)
    return tf.clip_by_value(2 * nearest - z, prior.low, prior.high)


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
    def kinds(self) -> tuple[bool, bool]:
        """Which of the ACTION_KINDS the rule has."""
        return self.clamping, self.replacing


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
            replacement=draw_from_prior,
            paper_shares=(1.0, 1.0, 1.0, 1.0),
            paper_distance=4.94e-5,
        ),
        ClippingRule(
            "zero",
            colour="#E69F00",
            dashes="dashed",
            marker="v",
            marker_size=3.5,
            replacement=set_to_centre,
        ),
        ClippingRule(
            "reflect",
            colour="#56B4E9",
            dashes="dotted",
            marker="P",
            marker_size=3,
            replacement=mirror_at_bound,
        ),
    )
}
REPLACEMENTS = tuple(dict.fromkeys(rule.replacement for rule in RULES.values() if rule.replacement))
