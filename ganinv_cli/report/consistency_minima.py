"""Which recoveries of one image are the same z: what has converged, to how many minima.

A recovery that did not converge is no minimum of its own, and none of another's: it is counted
apart. The z compared is the polished one where there is one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ganinv_cli import statistics
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Uniform
from ganinv_cli.report.failures import unconverged
from ganinv_cli.report.runs import Group
from ganinv_cli.statistics import Booleans, Floats, Integers

PRIOR = Uniform()

SAME = 1e-3  # in the paper's measure, ‖zᵢ − zⱼ‖ / latent
TOLERANCES = {"0.001": SAME, "0.003": 3e-3, "0.01": 1e-2}  # to show what SAME decides
REACHED = 1e-3  # share of the least image loss within which a recovery has reached it


@dataclass(frozen=True)
class Recoveries:
    """What one rule found of one image; at least one row."""

    group: Group
    rounding: float  # image loss that the image's 8 bits alone leave; less is as good as 0

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
    def labels(self) -> Integers:
        """(recoveries,): the number of its minimum, 0 the one found most often; -1: none."""
        labels = np.full(len(self.loss), -1)
        labels[self.stationary] = statistics.clusters(self.z[self.stationary], SAME)
        return labels

    def minima(self, among: Booleans | None = None) -> int:
        """Distinct minima, of all recoveries or among some, (recoveries,)."""
        labels = self.labels if among is None else self.labels[among]
        return len(np.unique(labels[labels >= 0]))

    def distinct(self, tolerance: float) -> int:
        """Distinct minima of all recoveries, were z nearer than that in steps one z."""
        return len(np.unique(statistics.clusters(self.z[self.stationary], tolerance)))

    @cached_property
    def largest(self) -> int:
        """Recoveries that are the minimum found most often."""
        return int(np.sum(self.labels == 0))

    @cached_property
    def astray(self) -> Floats:
        """(recoveries,): the distance ‖·‖ / latent to the nearest z of the largest minimum.

        NaN where no recovery converged.
        """
        home = self.z[self.labels == 0]
        if not len(home):
            return np.full(len(self.loss), np.nan)
        return np.asarray(cdist(self.z, home).min(axis=1) / self.z.shape[1])

    @cached_property
    def strays(self) -> Booleans:
        """(recoveries,): which are not the minimum found most often, converged or not."""
        return ~(self.astray < SAME)

    @cached_property
    def unsettled(self) -> NDArray[np.str_]:
        """(recoveries,): why each is no minimum, in words; empty where it is one.

        Polishing, where there was any, alone decides.
        """
        if not self.polished.any():
            return unconverged(self.group["outcome"])
        return np.where(self.stationary, "", "no minimum")

    @property
    def mostly_one(self) -> bool:
        """Whether more than half are one minimum, so that the others are the exceptions."""
        return 2 * self.largest > len(self.loss)

    @cached_property
    def outside(self) -> Integers:
        """(recoveries,): how many components of z are beyond the prior's bounds."""
        return np.asarray(np.sum((self.z < PRIOR.low) | (self.z > PRIOR.high), axis=1))

    @cached_property
    def at_bound(self) -> Integers:
        """(recoveries,): how many components of z are at or beyond a bound."""
        return np.asarray(np.sum(PRIOR.outside(self.z), axis=1))

    @property
    def source(self) -> str:
        """Which z this is about, in words."""
        count = int(self.polished.sum())
        if count == len(self.polished):
            return "polished"
        return f"polished {count:,} of {len(self.polished):,}" if count else "as found"
