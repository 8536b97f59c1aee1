"""The recoveries of one image under one rule: which converged, and to how many minima.

A recovery that did not converge is not a minimum and is counted apart. The z compared is the
refined one if there is one. Two z are compared only under the same label of a conditional
generator: under another label the same z makes another image.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Group
from ganinv_cli.analysis.prior import DEFAULT, is_at_bound, is_outside
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Prior
from ganinv_cli.statistics import Booleans, Floats, Integers

SAME_Z_TOLERANCE = 1e-3  # in the paper's measure, ‖zᵢ − zⱼ‖ / latent
REACHED_SHARE = 1e-3  # of the least image loss, within which a recovery has reached it


@dataclass(frozen=True)
class Recoveries:
    """The recoveries of one image under one rule; at least one row."""

    group: Group
    rounding_loss: float  # image loss that rounding to 8 bits leaves; less counts as 0
    prior: Prior = DEFAULT
    certified: int | None = None  # the trial that the run found to be the best; None: not yet

    @cached_property
    def polished(self) -> Booleans:
        """(recoveries,): whether z was refined in float64 after the solver."""
        if "polished/outcome" not in self.group:
            return np.zeros(len(self.group["trial"]), np.bool_)
        return np.asarray(self.group["polished/outcome"] != 0)

    @cached_property
    def z(self) -> Floats:
        """(recoveries, latent) float64."""
        return self._prefer_polished("z_found")

    @cached_property
    def loss(self) -> Floats:
        """(recoveries,) squared error summed over pixels, at `z`."""
        return self._prefer_polished("image_loss")

    def _prefer_polished(self, column: str) -> Floats:
        """Return a column in float64, with the refined value of each recovery that has one."""
        values = self.group[column].astype(np.float64)
        if self.polished.any():
            values[self.polished] = self.group[f"polished/{column}"][self.polished]
        return np.asarray(values)

    @cached_property
    def solver_converged(self) -> Booleans:
        """(recoveries,): whether the solver, in float32, reported convergence."""
        return np.asarray(self.group["outcome"] == Outcome.converged)

    @cached_property
    def stationary(self) -> Booleans:
        """(recoveries,): which are a minimum; by the solver's outcome if none was refined."""
        if not self.polished.any():
            return self.solver_converged
        return np.asarray(self.group["polished/outcome"] == Outcome.converged)

    @cached_property
    def reached_least_loss(self) -> Booleans:
        """(recoveries,): whose loss is the least to within REACHED_SHARE, or only rounding."""
        return statistics.is_lowest(self.loss, REACHED_SHARE, self.rounding_loss)

    @cached_property
    def has_finite_z(self) -> Booleans:
        """(recoveries,): which have a finite z."""
        return np.asarray(np.isfinite(self.z).all(axis=1))

    @cached_property
    def best_row(self) -> int:
        """The row with the least image loss."""
        if self.certified is not None:
            return int(np.searchsorted(self.group["trial"], self.certified))
        return int(np.nanargmin(np.where(np.isfinite(self.loss), self.loss, np.inf)))

    @cached_property
    def labels(self) -> Integers | None:
        """(recoveries,): the label that each z was found under; None: the run found no labels."""
        return self.group.get("label")

    def select_label(self, label: int) -> "Recoveries":
        """Return the recoveries under one label."""
        rows = self.group["label"] == label
        group = {name: values[rows] for name, values in self.group.items()}
        return Recoveries(group, self.rounding_loss, self.prior)

    @cached_property
    def best_label(self) -> int | None:
        """The label of the row with the least image loss; None: the run found no labels."""
        return None if self.labels is None else int(self.labels[self.best_row])

    def measure_distances(self, selected: Booleans) -> Floats:
        """Return ‖zᵢ − zⱼ‖ / latent (pairs,) over selected pairs under one label."""
        return statistics.pairwise_distances(
            self.z[selected], _select_labels(self.labels, selected)
        )

    def measure_found_distances(self) -> Floats:
        """Return ‖zᵢ − zⱼ‖ / latent (pairs,) of finite z as the solver left them, unrefined."""
        z = self.group["z_found"].astype(np.float64)
        finite: Booleans = np.asarray(np.isfinite(z).all(axis=1))
        return statistics.pairwise_distances(z[finite], _select_labels(self.labels, finite))

    def assign_clusters(self, selected: Booleans, tolerance: float = SAME_Z_TOLERANCE) -> Integers:
        """Return cluster numbers (selected,): equal if one z, 0 for the most frequent."""
        return statistics.assign_clusters(
            self.z[selected], tolerance, _select_labels(self.labels, selected)
        )

    @cached_property
    def minimum_numbers(self) -> Integers:
        """(recoveries,): the number of the minimum, 0 the most frequent; -1: not converged."""
        numbers = np.full(len(self.loss), -1)
        numbers[self.stationary] = self.assign_clusters(self.stationary)
        return numbers

    def count_minima(self, selected: Booleans | None = None) -> int:
        """Return the number of distinct minima among all or the selected recoveries."""
        numbers = self.minimum_numbers if selected is None else self.minimum_numbers[selected]
        return len(np.unique(numbers[numbers >= 0]))

    @cached_property
    def largest_count(self) -> int:
        """The number of recoveries at the most frequent minimum."""
        return int(np.sum(self.minimum_numbers == 0))

    @cached_property
    def distance_to_largest(self) -> Floats:
        """(recoveries,): the distance ‖·‖ / latent to the nearest z of the largest minimum.

        NaN if no recovery converged, and for recoveries under another label.
        """
        largest_minimum = self.z[self.minimum_numbers == 0]
        if not len(largest_minimum):
            return np.full(len(self.loss), np.nan)
        from scipy.spatial.distance import cdist  # here: slow to import

        distances = cdist(self.z, largest_minimum).min(axis=1) / self.z.shape[1]
        if self.labels is None:
            return np.asarray(distances)
        return np.where(self.labels == self.labels[self.minimum_numbers == 0][0], distances, np.nan)

    @cached_property
    def away_from_largest(self) -> Booleans:
        """(recoveries,): which are away from the most frequent minimum, converged or not."""
        return ~(self.distance_to_largest < SAME_Z_TOLERANCE)

    @cached_property
    def outside_count(self) -> Integers:
        """(recoveries,): how many components of z are beyond the prior's bounds."""
        return np.asarray(np.sum(is_outside(self.z, self.prior), axis=1))

    @cached_property
    def at_bound_count(self) -> Integers:
        """(recoveries,): how many components of z are at or beyond a bound."""
        return np.asarray(np.sum(is_at_bound(self.z, self.prior), axis=1))


def _select_labels(labels: Integers | None, selected: Booleans) -> Integers | None:
    return None if labels is None else labels[selected]
