"""The recoveries of one image under one rule: which are at a minimum, how many, is z unique?

A recovery *converged* if the solver says so, and is *at a minimum* if a test in float64 says so.
The z compared is the polished one if there is one. Two z are compared only under the same label of
a conditional generator: under another label the same z makes another image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ganinv_cli.errors import ConfigError, ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Prior, Uniform, parse_prior
from ganinv_cli.results import statistics
from ganinv_cli.results.statistics import Booleans, Floats, Integers
from ganinv_cli.results.store.rows import Group

DEFAULT = Uniform()  # the paper's, and the prior of files that name none
SAME_Z_TOLERANCE = 1e-3  # in the paper's measure, ‖zᵢ − zⱼ‖ / latent
REACHED_SHARE = 1e-3  # of the least image loss, within which a recovery has reached it
MIN_RECOVERIES = 10  # without which z is not called unique; two minima show that it is not
# With 10 that agree, Clopper and Pearson's interval for starts that end elsewhere is below .31.
NEEDED = (
    f"{MIN_RECOVERIES} are needed for an interval that excludes that a third of starts end "
    "elsewhere"
)
NEARLY_ALL = 0.95  # share of all recoveries that must be one z for it to be called unique

Uniqueness = Literal["unique", "not unique", "undecided"]


class UniquenessVerdict(NamedTuple):
    """Whether z is unique, and the numbers that say so."""

    word: Uniqueness
    sentence: str  # without its full stop


@dataclass(frozen=True)
class Recoveries:
    """The recoveries of one image under one rule; at least one row."""

    group: Group
    rounding_loss: float  # image loss that rounding to 8 bits leaves; less counts as 0
    prior: Prior = DEFAULT
    certified: int | None = None  # the trial that the run found to be the best; None: not yet

    @cached_property
    def polished(self) -> Booleans:
        """(recoveries,): whether z was polished in float64 after the solver."""
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
        """Return a column in float64, with the polished value of each recovery that has one."""
        values = self.group[column].astype(np.float64)
        if self.polished.any():
            values[self.polished] = self.group[f"polished/{column}"][self.polished]
        return np.asarray(values)

    @cached_property
    def stationary(self) -> Booleans:
        """(recoveries,): which are at a minimum; those that converged if none was tested."""
        column = "polished/outcome" if self.polished.any() else "outcome"
        return np.asarray(self.group[column] == Outcome.converged)

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
            trials = self.group["trial"]
            if self.certified not in trials:
                raise ResultsError(
                    f"a certificate is of start {self.certified}, which is not in the results "
                    "file; restore a copy, or move it away and run its command again"
                )
            return int(np.searchsorted(trials, self.certified))
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

    @cached_property
    def has_best_label(self) -> Booleans:
        """(recoveries,): which are under the label of the best one; all if there are no labels."""
        every = np.ones(len(self.loss), np.bool_)
        return every if self.labels is None else np.asarray(self.labels == self.best_label)

    @cached_property
    def uniqueness(self) -> UniquenessVerdict:
        """Whether the recoveries reached one minimum."""
        return _decide_uniqueness(self)

    @cached_property
    def distances(self) -> Floats:
        """(pairs,): ‖zᵢ − zⱼ‖ / latent over the pairs of finite z under one label."""
        return self._measure_distances(self.z)

    def measure_found_distances(self) -> Floats:
        """Return ‖zᵢ − zⱼ‖ / latent (pairs,) of finite z as the solver left them, unpolished."""
        return self._measure_distances(self.group["z_found"].astype(np.float64))

    def _measure_distances(self, z: Floats) -> Floats:
        finite: Booleans = np.asarray(np.isfinite(z).all(axis=1))
        return statistics.pairwise_distances(z[finite], _select_labels(self.labels, finite))

    def assign_clusters(self, selected: Booleans, tolerance: float = SAME_Z_TOLERANCE) -> Integers:
        """Return cluster numbers (selected,): equal if one z, 0 for the most frequent."""
        return statistics.assign_clusters(
            self.z[selected], tolerance, _select_labels(self.labels, selected)
        )

    @cached_property
    def minimum_numbers(self) -> Integers:
        """(recoveries,): the number of the minimum, 0 the most frequent; -1: at none."""
        numbers = np.full(len(self.loss), -1)
        numbers[self.stationary] = self.assign_clusters(self.stationary)
        return numbers

    def count_minima(self) -> int:
        """Return the number of distinct minima."""
        return int(self.minimum_numbers.max(initial=-1)) + 1

    @cached_property
    def largest_count(self) -> int:
        """The number of recoveries at the most frequent minimum."""
        return int(np.sum(self.minimum_numbers == 0))

    @cached_property
    def away_from_largest(self) -> Booleans:
        """(recoveries,): which are away from the most frequent minimum."""
        largest = self.minimum_numbers == 0
        if not largest.any():
            return np.ones(len(self.loss), np.bool_)
        from scipy.spatial.distance import cdist  # here: slow to import

        distances = cdist(self.z, self.z[largest]).min(axis=1) / self.z.shape[1]
        near = distances < SAME_Z_TOLERANCE
        if self.labels is not None:
            near &= self.labels == self.labels[largest][0]
        return np.asarray(~near)


def _select_labels(labels: Integers | None, selected: Booleans) -> Integers | None:
    return None if labels is None else labels[selected]


def _decide_uniqueness(recoveries: Recoveries) -> UniquenessVerdict:
    """Return whether the recoveries reached one minimum.

    z is unique if NEARLY_ALL recoveries are at a minimum of one z, and none elsewhere reached the
    least image loss. Otherwise two minima show that it is not, however few recoveries there are.
    With labels, the verdict is on those under the label of the least image loss.
    """
    label, labels = recoveries.best_label, recoveries.labels
    if label is None or labels is None:
        return _decide_one_label(recoveries)
    others = labels != label
    rivals = int(np.sum(recoveries.reached_least_loss & others))
    word, sentence = _decide_one_label(recoveries.select_label(label))
    own_verdict = f"under label {label}, {sentence}"
    if rivals:
        return UniquenessVerdict(
            "not unique",
            f"not unique: {rivals:,} under other labels reached the least image loss too; "
            f"{own_verdict}",
        )
    more = f"; {np.sum(others):,} ended under other labels, at larger losses"
    return UniquenessVerdict(word, own_verdict + (more if others.any() else ""))


def _decide_one_label(recoveries: Recoveries) -> UniquenessVerdict:
    recovered, ended = len(recoveries.loss), int(np.sum(recoveries.stationary))
    minima, largest = recoveries.count_minima(), recoveries.largest_count
    best = recoveries.reached_least_loss
    rivals = int(np.sum(recoveries.away_from_largest & best))
    are_one = largest >= NEARLY_ALL * recovered and not rivals
    count = f"{ended:,} of {recovered:,} recoveries ended at a minimum"
    if minima > 1 and not are_one:
        return UniquenessVerdict(
            "not unique",
            f"not unique: {count}, at {minima:,} different ones, {largest:,} at the most frequent; "
            f"{np.sum(best & recoveries.stationary):,} reached the least image loss",
        )
    if recovered < MIN_RECOVERIES:
        agreeing = f"{largest:,} of {recovered:,} recoveries agree" if largest > 1 else count
        return UniquenessVerdict("undecided", f"{agreeing}; {NEEDED}")
    if ended < 2:
        return UniquenessVerdict("undecided", f"undecided: {count}, and an answer needs two")
    if not are_one:
        others = f", but {rivals:,} elsewhere reached the least image loss" if rivals else ""
        return UniquenessVerdict("undecided", f"undecided: {count}; they are one z{others}")
    most = 1 - statistics.clopper_pearson(largest, recovered).low
    all_ = "all" if largest == recovered else f"{largest:,} of"
    return UniquenessVerdict(
        "unique",
        f"unique: {all_} {recovered:,} recoveries are one z (at most {100 * most:.2g} % of starts "
        "end elsewhere, 95 %)",
    )


def read_prior(config: Mapping[str, Any]) -> Prior:
    """Return the prior of a run from its config. Raises ResultsError if it is unknown."""
    name = str(config.get("prior") or DEFAULT)
    try:
        return parse_prior(name, latent=1)  # results state the share, so no default is needed
    except ConfigError:
        raise ResultsError(
            f"the results' config names the prior {name!r}, which this ganinv does not know; "
            "use the ganinv that wrote them, or a newer one"
        ) from None


def is_outside(z: Floats, prior: Prior) -> Booleans:
    """Return which components of z, of any shape, are outside the bounds beyond rounding."""
    return np.asarray((z < min(_with_float32(prior.low))) | (z > max(_with_float32(prior.high))))


def is_at_bound(z: Floats, prior: Prior) -> Booleans:
    """Return which components of z, of any shape, are at a bound, in float32, or beyond."""
    return np.asarray((z <= max(_with_float32(prior.low))) | (z >= min(_with_float32(prior.high))))


def format_range(prior: Prior) -> str:
    """Return the range of a component as text, e.g. `[-1, 1]`."""
    return f"[{prior.low:.3g}, {prior.high:.3g}]"


def _with_float32(bound: float) -> tuple[float, float]:
    """Return a bound, and the bound in float32: z in float64 may have been clamped in float32."""
    return bound, float(np.float32(bound))
