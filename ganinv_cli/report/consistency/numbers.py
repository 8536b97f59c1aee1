"""The numbers of the paper's Table 2: how far from one another the recoveries of an image lie."""

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.report.consistency.verdict import describe_uniqueness
from ganinv_cli.report.output.plain_numbers import finite_or_none, mean_or_none
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared.image_results import ImageResults, finite_psnr
from ganinv_cli.report.shared.recoveries import (
    REACHED_SHARE,
    SAME_Z_TOLERANCE,
    TOLERANCES,
    Recoveries,
)
from ganinv_cli.statistics import Booleans, Integers


def make_rows(image: ImageResults) -> list[Row]:
    """One a rule."""
    return [
        _make_row(image, technique, recoveries)
        for technique, recoveries in image.recoveries.items()
    ]


def _make_row(image: ImageResults, rule: str, recoveries: Recoveries) -> Row:
    reached, latent = recoveries.reached_least_loss, recoveries.z.shape[1]
    return {
        "image": image.name,
        "number": image.number,
        "technique": rule,
        "recoveries": len(recoveries.loss),
        "z": recoveries.z_source,
        "polished": int(np.sum(recoveries.polished)),
        "converged": {
            "solver": int(np.sum(recoveries.solver_converged)),
            "polished": _count_converged_polished(recoveries),
        },
        "not_converged": int(np.sum(~recoveries.stationary)),
        "without_number": int(np.sum(~recoveries.has_finite_z)),
        **({} if recoveries.best_label is None else {"label": recoveries.best_label}),
        "distance": _summarize_distances(recoveries, recoveries.has_finite_z),
        "paper": RULES[rule].paper_distance,
        "baseline": statistics.expected_distance(latent, recoveries.prior),
        "minima": {
            "tolerance": SAME_Z_TOLERANCE,
            "distinct": recoveries.count_minima(),
            "distinct_at": {name: recoveries.count_distinct(at) for name, at in TOLERANCES.items()},
            "largest": recoveries.largest_count,
            "mostly_one": recoveries.is_mostly_one,
        },
        "image_loss": _summarize_losses(recoveries),
        "psnr": finite_psnr(image, recoveries),
        "reached": {
            "share": REACHED_SHARE,
            "rounding_loss": recoveries.rounding_loss,
            "recoveries": int(np.sum(reached)),
            "distance": _summarize_distances(recoveries, reached & recoveries.has_finite_z),
            "converged": int(np.sum(reached & recoveries.stationary)),
            "distinct": recoveries.count_minima(reached),
        },
        # Where no minimum is most of them, none has strayed from it.
        "strays": int(np.sum(recoveries.away_from_largest)) if recoveries.is_mostly_one else None,
        "latent": latent,
        "outside": _summarize_counts(recoveries.outside_count[recoveries.has_finite_z]),
        "at_bound": _summarize_counts(recoveries.at_bound_count[recoveries.has_finite_z]),
        "gradients": mean_or_none(recoveries.group["gradients"]),
        "restarts": mean_or_none(recoveries.group["restarts"]),
        "verdict": describe_uniqueness(recoveries),
    }


def _summarize_counts(counts: Integers) -> Row:
    """Over the recoveries, how many components of z each has."""
    if not len(counts):
        return {"median": None, "most": None}
    return {"median": float(np.median(counts)), "most": int(counts.max())}


def _count_converged_polished(recoveries: Recoveries) -> int | None:
    """How many converged after polishing; None where there was none."""
    polished = recoveries.polished
    return int(np.sum(recoveries.stationary & polished)) if polished.any() else None


def _summarize_distances(recoveries: Recoveries, selected: Booleans) -> Row:
    """Over the pairs of some, (recoveries,); None where there is no pair."""
    apart = recoveries.distances(selected)
    found = statistics.summarize_distances(apart, recoveries.z.shape[1])
    return {
        "mean": finite_or_none(found.mean),  # E‖zᵢ − zⱼ‖₂ / latent, the paper's
        "median": finite_or_none(found.median),
        "largest": finite_or_none(float(apart.max())) if len(apart) else None,
        "mean_squared": finite_or_none(found.mean_squared),  # E‖zᵢ − zⱼ‖₂² / latent
    }


def _summarize_losses(recoveries: Recoveries) -> Row:
    known = recoveries.loss[np.isfinite(recoveries.loss)]
    if not len(known):
        return {"least": None, "median": None, "largest": None, "spread": None}
    least, median, largest = (float(np.quantile(known, q)) for q in (0, 0.5, 1))
    # Relative; of a loss that is rounding alone it would say nothing.
    spread = (largest - least) / least if least > recoveries.rounding_loss else None
    return {"least": least, "median": median, "largest": largest, "spread": spread}


def make_stray_rows(image: ImageResults) -> list[Row]:
    """The recoveries away from the minimum that most are: one row each, none left out."""
    return [
        {
            "image": image.name,
            "number": image.number,
            "technique": technique,
            "trial": int(recoveries.group["trial"][row]),
            "image_loss": finite_or_none(float(recoveries.loss[row])),
            "distance": finite_or_none(float(recoveries.distance_to_largest[row])),
            "converged": bool(recoveries.stationary[row]),
            "restarts": int(recoveries.group["restarts"][row]),
            **({} if recoveries.labels is None else {"label": int(recoveries.labels[row])}),
        }
        for technique, recoveries in image.recoveries.items()
        if recoveries.is_mostly_one
        for row in np.flatnonzero(recoveries.away_from_largest)
    ]


def make_label_rows(image: ImageResults) -> list[Row]:
    """One a rule and label that a recovery ended under; none without labels."""
    return [
        _make_label_row(image, technique, recoveries, label)
        for technique, recoveries in image.recoveries.items()
        if recoveries.labels is not None
        for label in np.unique(recoveries.labels).tolist()
    ]


def _make_label_row(image: ImageResults, rule: str, recoveries: Recoveries, label: int) -> Row:
    mask = recoveries.labels == label
    selected = recoveries.select_label(label)
    apart = selected.distances(selected.has_finite_z)
    least = selected.loss[np.isfinite(selected.loss)]
    return {
        "image": image.name,
        "number": image.number,
        "technique": rule,
        "label": label,
        "recoveries": len(selected.loss),
        "converged": int(np.sum(selected.stationary)),
        "distinct": selected.count_minima(),
        "image_loss": float(least.min()) if len(least) else None,
        "reached": int(np.sum(recoveries.reached_least_loss & mask)),  # the least of all labels
        "distance": finite_or_none(float(np.mean(apart))) if len(apart) else None,
    }
