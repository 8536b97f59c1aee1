"""The numbers of the paper's Table 2: distances between the recoveries of one image."""

from dataclasses import dataclass

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.report.consistency.verdict import Uniqueness, decide_uniqueness
from ganinv_cli.report.rows import TableRow, finite_or_none, mean_or_none
from ganinv_cli.report.shared.actions import count_acted, count_actions, count_shared
from ganinv_cli.report.shared.image_results import ImageResults, finite_psnr
from ganinv_cli.report.shared.image_tables import ImageRow
from ganinv_cli.report.shared.recoveries import (
    REACHED_SHARE,
    SAME_Z_TOLERANCE,
    TOLERANCES,
    Recoveries,
)
from ganinv_cli.statistics import Booleans, Integers


@dataclass(frozen=True, kw_only=True)
class ConvergedCounts(TableRow):
    """Recoveries that converged."""

    solver: int  # by the solver's outcome in float32
    polished: int | None  # after refinement in float64; None: none was refined


@dataclass(frozen=True, kw_only=True)
class DistanceSummary(TableRow):
    """Distances over pairs of recoveries; None if there is no pair."""

    mean: float | None  # E‖zᵢ − zⱼ‖₂ / latent, the paper's
    median: float | None
    largest: float | None
    mean_squared: float | None  # E‖zᵢ − zⱼ‖₂² / latent


@dataclass(frozen=True, kw_only=True)
class MinimaCounts(TableRow):
    """The distinct minima among the recoveries that converged."""

    tolerance: float  # distance ‖zᵢ − zⱼ‖ / latent below which two z are one
    distinct: int
    distinct_at: dict[str, int]  # at each of TOLERANCES
    largest: int  # recoveries at the most frequent minimum
    mostly_one: bool  # whether these are more than half


@dataclass(frozen=True, kw_only=True)
class LossSummary(TableRow):
    """Image losses over the recoveries; None if no loss is finite."""

    least: float | None
    median: float | None
    largest: float | None
    spread: float | None  # largest / least − 1; None: the least is rounding


@dataclass(frozen=True, kw_only=True)
class ReachedSummary(TableRow):
    """The recoveries that reached the least image loss."""

    share: float  # of the least loss, within which it is reached
    rounding_loss: float  # a loss below this has reached it, too
    recoveries: int
    distance: DistanceSummary
    converged: int
    distinct: int  # minima


@dataclass(frozen=True, kw_only=True)
class ComponentCounts(TableRow):
    """Components of z over the recoveries; None if no z is finite."""

    median: float | None
    most: int | None


@dataclass(frozen=True, kw_only=True)
class Table2Row(ImageRow):
    """The recoveries of one image under one clipping rule."""

    technique: str  # the rule's name
    recoveries: int
    z: str  # which z was compared: "polished", "polished 3 of 4" or "as found"
    polished: int  # recoveries that were refined in float64
    converged: ConvergedCounts
    not_converged: int
    without_number: int  # recoveries without a finite z
    label: int | None = None  # of the best recovery
    distance: DistanceSummary
    distance_as_found: float | None  # the mean before refinement, as the solver left z
    paper: float | None  # the paper's mean distance; None: not one of its rules
    baseline: float  # expected distance of two z that are drawn from the prior
    minima: MinimaCounts
    image_loss: LossSummary
    psnr: float | None  # of the best, in dB; None: infinite or not known
    nearest_copy: str | None  # that loses as much: "JPEG 90", or "none"; None: not known
    reached: ReachedSummary
    strays: int | None  # away from the minimum of most recoveries; None: there is no such minimum
    latent: int
    outside: ComponentCounts  # beyond a bound of the prior
    at_bound: ComponentCounts  # at or beyond a bound
    acted: int | None  # recoveries in which the rule changed z; None: the file does not say
    actions: float | None  # mean updates per recovery in which it did
    shared: int | None  # recoveries that are copies of those of none, as it would not have acted
    gradients: float | None  # means per recovery
    gradients_shared: float  # each recovery's part of what the run spent once; counted in them
    restarts: float | None
    unique: Uniqueness
    verdict: str  # the same, in a sentence


@dataclass(frozen=True, kw_only=True)
class StrayRow(ImageRow):
    """A recovery away from the minimum that most recoveries reached."""

    technique: str  # the rule's name
    trial: int
    image_loss: float | None
    distance: float | None  # to that minimum, ‖·‖ / latent
    converged: bool
    restarts: int
    label: int | None = None


@dataclass(frozen=True, kw_only=True)
class LabelRow(ImageRow):
    """The recoveries of one image under one clipping rule that ended under one label."""

    technique: str  # the rule's name
    label: int
    recoveries: int
    converged: int
    distinct: int  # minima
    image_loss: float | None  # the least
    reached: int  # recoveries that reached the least loss of all labels
    distance: float | None  # mean over pairs, ‖zᵢ − zⱼ‖ / latent


def make_rows(image: ImageResults) -> list[Table2Row]:
    """Return a row for each rule that has recoveries of an image."""
    return [_make_row(image, rule, recoveries) for rule, recoveries in image.recoveries.items()]


def make_stray_rows(image: ImageResults) -> list[StrayRow]:
    """Return a row for each recovery away from the minimum that most reached."""
    return [
        StrayRow(
            image=image.name,
            number=image.number,
            technique=rule,
            trial=int(recoveries.group["trial"][row]),
            image_loss=finite_or_none(float(recoveries.loss[row])),
            distance=finite_or_none(float(recoveries.distance_to_largest[row])),
            converged=bool(recoveries.stationary[row]),
            restarts=int(recoveries.group["restarts"][row]),
            label=None if recoveries.labels is None else int(recoveries.labels[row]),
        )
        for rule, recoveries in image.recoveries.items()
        if recoveries.is_mostly_one
        for row in np.flatnonzero(recoveries.away_from_largest)
    ]


def make_label_rows(image: ImageResults) -> list[LabelRow]:
    """Return a row for each rule and label that a recovery ended under; none without labels."""
    return [
        _make_label_row(image, rule, recoveries, label)
        for rule, recoveries in image.recoveries.items()
        if recoveries.labels is not None
        for label in np.unique(recoveries.labels).tolist()
    ]


def _make_row(image: ImageResults, rule: str, recoveries: Recoveries) -> Table2Row:
    reached, latent = recoveries.reached_least_loss, recoveries.z.shape[1]
    verdict = decide_uniqueness(recoveries)
    return Table2Row(
        image=image.name,
        number=image.number,
        technique=rule,
        recoveries=len(recoveries.loss),
        z=recoveries.z_source,
        polished=int(np.sum(recoveries.polished)),
        converged=ConvergedCounts(
            solver=int(np.sum(recoveries.solver_converged)),
            polished=_count_converged_polished(recoveries),
        ),
        not_converged=int(np.sum(~recoveries.stationary)),
        without_number=int(np.sum(~recoveries.has_finite_z)),
        label=recoveries.best_label,
        distance=_summarize_distances(recoveries, recoveries.has_finite_z),
        distance_as_found=mean_or_none(recoveries.measure_found_distances()),
        paper=RULES[rule].paper_distance,
        baseline=statistics.expected_distance(latent, recoveries.prior),
        minima=MinimaCounts(
            tolerance=SAME_Z_TOLERANCE,
            distinct=recoveries.count_minima(),
            distinct_at={name: recoveries.count_distinct(at) for name, at in TOLERANCES.items()},
            largest=recoveries.largest_count,
            mostly_one=recoveries.is_mostly_one,
        ),
        image_loss=_summarize_losses(recoveries),
        psnr=finite_psnr(image, recoveries),
        nearest_copy=image.describe_nearest_copy(float(recoveries.loss[recoveries.best_row])),
        reached=ReachedSummary(
            share=REACHED_SHARE,
            rounding_loss=recoveries.rounding_loss,
            recoveries=int(np.sum(reached)),
            distance=_summarize_distances(recoveries, reached & recoveries.has_finite_z),
            converged=int(np.sum(reached & recoveries.stationary)),
            distinct=recoveries.count_minima(reached),
        ),
        strays=int(np.sum(recoveries.away_from_largest)) if recoveries.is_mostly_one else None,
        latent=latent,
        outside=_summarize_counts(recoveries.outside_count[recoveries.has_finite_z]),
        at_bound=_summarize_counts(recoveries.at_bound_count[recoveries.has_finite_z]),
        acted=count_acted(recoveries.group),
        actions=count_actions(recoveries.group),
        shared=count_shared(recoveries.group),
        gradients=mean_or_none(recoveries.group["gradients"] + image.gradients_shared),
        gradients_shared=image.gradients_shared,
        restarts=mean_or_none(recoveries.group["restarts"]),
        unique=verdict.word,
        verdict=verdict.sentence,
    )


def _summarize_counts(counts: Integers) -> ComponentCounts:
    """Return the median and the largest of counts (recoveries,) of components of z."""
    if not len(counts):
        return ComponentCounts(median=None, most=None)
    return ComponentCounts(median=float(np.median(counts)), most=int(counts.max()))


def _count_converged_polished(recoveries: Recoveries) -> int | None:
    """Return how many converged after refinement; None if none was refined."""
    polished = recoveries.polished
    return int(np.sum(recoveries.stationary & polished)) if polished.any() else None


def _summarize_distances(recoveries: Recoveries, selected: Booleans) -> DistanceSummary:
    """Return the distances over the pairs of the selected recoveries, (recoveries,)."""
    apart = recoveries.measure_distances(selected)
    if not len(apart):
        return DistanceSummary(mean=None, median=None, largest=None, mean_squared=None)
    squared = float(np.mean(apart**2)) * recoveries.z.shape[1]  # (‖·‖ / latent)² · latent
    return DistanceSummary(
        mean=mean_or_none(apart),
        median=finite_or_none(float(np.median(apart))),
        largest=finite_or_none(float(apart.max())),
        mean_squared=finite_or_none(squared),
    )


def _summarize_losses(recoveries: Recoveries) -> LossSummary:
    known = recoveries.loss[np.isfinite(recoveries.loss)]
    if not len(known):
        return LossSummary(least=None, median=None, largest=None, spread=None)
    least, median, largest = (float(np.quantile(known, q)) for q in (0, 0.5, 1))
    # A spread relative to a loss that is rounding alone has no meaning.
    spread = (largest - least) / least if least > recoveries.rounding_loss else None
    return LossSummary(least=least, median=median, largest=largest, spread=spread)


def _make_label_row(image: ImageResults, rule: str, recoveries: Recoveries, label: int) -> LabelRow:
    mask = recoveries.labels == label
    selected = recoveries.select_label(label)
    apart = selected.measure_distances(selected.has_finite_z)
    least = selected.loss[np.isfinite(selected.loss)]
    return LabelRow(
        image=image.name,
        number=image.number,
        technique=rule,
        label=label,
        recoveries=len(selected.loss),
        converged=int(np.sum(selected.stationary)),
        distinct=selected.count_minima(),
        image_loss=float(least.min()) if len(least) else None,
        reached=int(np.sum(recoveries.reached_least_loss & mask)),
        distance=mean_or_none(apart),
    )
