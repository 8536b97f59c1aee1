"""Which recoveries of one image are the same z: what has converged, to how many minima.

A recovery that did not converge is no minimum of its own, and none of another's: it is counted
apart. The z compared is the polished one where there is one, and only with z under the same label
of a conditional generator: the same numbers under another label mean something else.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.distance import cdist

from ganinv_cli import statistics
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Prior
from ganinv_cli.report.shared.failures import NO_MINIMUM, Reasons
from ganinv_cli.report.shared.prior import USUAL, at_bound, beyond
from ganinv_cli.report.shared.run import Group
from ganinv_cli.statistics import Booleans, Floats, Integers

SAME = 1e-3  # in the paper's measure, ‖zᵢ − zⱼ‖ / latent
TOLERANCES = {"0.001": SAME, "0.003": 3e-3, "0.01": 1e-2}  # to show what SAME decides
REACHED = 1e-3  # share of the least image loss within which a recovery has reached it


@dataclass(frozen=True)
class Recoveries:
    """What one rule found of one image; at least one row."""

    group: Group
    rounding: float  # image loss that the image's 8 bits alone leave; less is as good as 0
    prior: Prior = USUAL

    @cached_property
    def polished(self) -> Booleans:
        """(recoveries,): whether z was refined in float64 after the solver."""
        if "polished/outcome" not in self.group:
            return np.zeros(len(self.group["trial"]), np.bool_)
        return np.asarray(self.group["polished/outcome"] != 0)

    @cached_property
    def z(self) -> Floats:
        """(recoveries, latent) float64."""
        found = self.group["z_found"].astype(np.float64)
        if not self.polished.any():
            return np.asarray(found)
        return np.where(self.polished[:, None], self.group["polished/z_found"], found)

    @cached_property
    def loss(self) -> Floats:
        """(recoveries,) squared error summed over pixels, at `z`."""
        found = self.group["image_loss"].astype(np.float64)
        if not self.polished.any():
            return np.asarray(found)
        return np.where(self.polished, self.group["polished/image_loss"], found)

    @cached_property
    def solved(self) -> Booleans:
        """(recoveries,): which the solver, in float32, called converged."""
        return np.asarray(self.group["outcome"] == Outcome.converged)

    @cached_property
    def stationary(self) -> Booleans:
        """(recoveries,): which are a minimum; by the solver's word where none was polished."""
        if not self.polished.any():
            return self.solved
        return np.asarray(self.group["polished/outcome"] == Outcome.converged)

    @cached_property
    def reached(self) -> Booleans:
        """(recoveries,): which have the least image loss of all to within REACHED, or no more
        than rounding."""
        return statistics.reached(self.loss, REACHED, self.rounding)

    @cached_property
    def numbers(self) -> Booleans:
        """(recoveries,): which have a finite z."""
        return np.asarray(np.isfinite(self.z).all(axis=1))

    @cached_property
    def best(self) -> int:
        """The row with the least image loss."""
        return int(np.nanargmin(np.where(np.isfinite(self.loss), self.loss, np.inf)))

    @cached_property
    def labels(self) -> Integers | None:
        """(recoveries,): the label under which each z was found; None where none was asked for."""
        return self.group.get("label")

    def under(self, label: int) -> "Recoveries":
        """Those under a label alone."""
        rows = self.group["label"] == label
        group = {name: values[rows] for name, values in self.group.items()}
        return Recoveries(group, self.rounding, self.prior)

    @cached_property
    def best_label(self) -> int | None:
        """That of the row with the least image loss; None where there are no labels."""
        return None if self.labels is None else int(self.labels[self.best])

    def distances(self, among: Booleans) -> Floats:
        """(pairs,): ‖zᵢ − zⱼ‖ / latent of some recoveries, (recoveries,), under one label each."""
        return statistics.pairwise(self.z[among], _some(self.labels, among))

    def clusters(self, among: Booleans, tolerance: float = SAME) -> Integers:
        """(some,): which of some recoveries, (recoveries,), are one z; 0 the most frequent."""
        return statistics.clusters(self.z[among], tolerance, _some(self.labels, among))

    @cached_property
    def minimum(self) -> Integers:
        """(recoveries,): the number of its minimum, 0 the one found most often; -1: none."""
        numbers = np.full(len(self.loss), -1)
        numbers[self.stationary] = self.clusters(self.stationary)
        return numbers

    def minima(self, among: Booleans | None = None) -> int:
        """Distinct minima, of all recoveries or among some, (recoveries,)."""
        numbers = self.minimum if among is None else self.minimum[among]
        return len(np.unique(numbers[numbers >= 0]))

    def distinct(self, tolerance: float) -> int:
        """Distinct minima of all recoveries, were z nearer than that in steps one z."""
        return len(np.unique(self.clusters(self.stationary, tolerance)))

    @cached_property
    def largest(self) -> int:
        """Recoveries that are the minimum found most often."""
        return int(np.sum(self.minimum == 0))

    @cached_property
    def astray(self) -> Floats:
        """(recoveries,): the distance ‖·‖ / latent to the nearest z of the largest minimum.

        NaN where no recovery converged, and of a recovery under another label.
        """
        home = self.z[self.minimum == 0]
        if not len(home):
            return np.full(len(self.loss), np.nan)
        distances = cdist(self.z, home).min(axis=1) / self.z.shape[1]
        if self.labels is None:
            return np.asarray(distances)
        return np.where(self.labels == self.labels[self.minimum == 0][0], distances, np.nan)

    @cached_property
    def strays(self) -> Booleans:
        """(recoveries,): which are not the minimum found most often, converged or not."""
        return ~(self.astray < SAME)

    @cached_property
    def unsettled(self) -> Reasons:
        """(recoveries,): why each is no minimum; converged where it is one.

        Polishing, where there was any, alone decides.
        """
        if not self.polished.any():
            return self.group["outcome"]
        return np.where(self.stationary, np.uint8(Outcome.converged), NO_MINIMUM)

    @property
    def mostly_one(self) -> bool:
        """Whether more than half are one minimum, so that the others are the exceptions."""
        return 2 * self.largest > len(self.loss)

    @cached_property
    def outside(self) -> Integers:
        """(recoveries,): how many components of z are beyond the prior's bounds."""
        return np.asarray(np.sum(beyond(self.z, self.prior), axis=1))

    @cached_property
    def at_bound(self) -> Integers:
        """(recoveries,): how many components of z are at or beyond a bound."""
        return np.asarray(np.sum(at_bound(self.z, self.prior), axis=1))

    @property
    def source(self) -> str:
        """Which z this is about, in words."""
        count = int(self.polished.sum())
        if count == len(self.polished):
            return "polished"
        return f"polished {count:,} of {len(self.polished):,}" if count else "as found"


def _some(labels: Integers | None, among: Booleans) -> Integers | None:
    return None if labels is None else labels[among]
