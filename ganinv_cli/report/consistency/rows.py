"""The numbers of the paper's Table 2: distances between the recoveries of one image."""

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.image_results import ImageResults, best_psnr
from ganinv_cli.analysis.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE, Recoveries
from ganinv_cli.analysis.uniqueness import decide_uniqueness
from ganinv_cli.clipping import RULES
from ganinv_cli.report.rules import summarize_actions
from ganinv_cli.report.table import Row, mean_or_none
from ganinv_cli.statistics import Booleans, Integers


def make_rows(image: ImageResults) -> list[Row]:
    """Return a row for each rule that has recoveries of an image."""
    return [_make_row(image, *pair) for pair in image.recoveries.items()]


def _make_row(image: ImageResults, rule: str, recoveries: Recoveries) -> Row:
    """Return the recoveries of one image under one clipping rule."""
    reached, latent = recoveries.reached_least_loss, recoveries.z.shape[1]
    polished, finite = recoveries.polished, recoveries.has_finite_z
    verdict, label = decide_uniqueness(recoveries), recoveries.best_label
    return {
        "image": image.name,
        "number": image.number,  # of the image in the run, from 0
        "technique": rule,
        "recoveries": len(recoveries.loss),
        "polished": np.sum(polished),  # recoveries that were refined in float64
        "converged": {
            "solver": np.sum(recoveries.solver_converged),  # by its outcome in float32
            # after refinement; None: none was refined
            "polished": np.sum(recoveries.stationary & polished) if polished.any() else None,
        },
        "not_converged": np.sum(~recoveries.stationary),
        "without_number": np.sum(~finite),  # recoveries without a finite z
        **({} if label is None else {"label": label}),  # of the best recovery
        "distance": _summarize_distances(recoveries, finite),
        "distance_as_found": mean_or_none(
            recoveries.measure_found_distances()
        ),  # before refinement
        "paper": RULES[rule].paper_distance,
        # expected distance of two z that are drawn from the prior
        "baseline": statistics.expected_distance(latent, recoveries.prior),
        "minima": {  # among the recoveries that converged
            "tolerance": SAME_Z_TOLERANCE,  # distance ‖zᵢ − zⱼ‖ / latent below which two z are one
            "distinct": recoveries.count_minima(),
            "largest": recoveries.largest_count,  # recoveries at the most frequent minimum
        },
        "image_loss": _summarize_losses(recoveries),
        "psnr": best_psnr(image, recoveries),  # of the best, in dB
        "reached": {  # the recoveries that reached the least image loss
            "share": REACHED_SHARE,  # of the least loss, within which it is reached
            "rounding_loss": recoveries.rounding_loss,  # a loss below this has reached it, too
            "recoveries": np.sum(reached),
            "distance": _summarize_distances(recoveries, reached & finite),
            "converged": np.sum(reached & recoveries.stationary),
            "distinct": recoveries.count_minima(reached),
        },
        "latent": latent,
        "outside": _summarize_counts(recoveries.outside_count[finite]),  # beyond a bound
        "at_bound": _summarize_counts(recoveries.at_bound_count[finite]),  # at or beyond one
        **summarize_actions(recoveries.group),
        "gradients": mean_or_none(recoveries.group["gradients"] + image.gradients_shared),
        "gradients_shared": image.gradients_shared,
        "restarts": mean_or_none(recoveries.group["restarts"]),
        "said": image.handling,  # how the file was changed, in words
        "unique": verdict.word,
        "verdict": verdict.sentence,
    }


def _summarize_counts(counts: Integers) -> Row:
    """Return the median and the largest of counts (recoveries,) of components of z."""
    if not len(counts):
        return {"median": None, "most": None}
    return {"median": np.median(counts), "most": counts.max()}


def _summarize_distances(recoveries: Recoveries, selected: Booleans) -> Row:
    """Return the distances over the pairs of the selected recoveries, (recoveries,)."""
    apart = recoveries.measure_distances(selected)
    if not len(apart):
        return {"mean": None, "median": None, "largest": None, "mean_squared": None}
    return {
        "mean": np.mean(apart),  # E‖zᵢ − zⱼ‖₂ / latent, the paper's
        "median": np.median(apart),
        "largest": apart.max(),
        "mean_squared": float(np.mean(apart**2)) * recoveries.z.shape[1],  # E‖zᵢ − zⱼ‖₂² / latent
    }


def _summarize_losses(recoveries: Recoveries) -> Row:
    known = recoveries.loss[np.isfinite(recoveries.loss)]
    if not len(known):
        return {"least": None, "median": None, "largest": None, "spread": None}
    least, median, largest = (float(np.quantile(known, q)) for q in (0, 0.5, 1))
    # A spread relative to a loss that is rounding alone has no meaning.
    spread = (largest - least) / least if least > recoveries.rounding_loss else None
    return {"least": least, "median": median, "largest": largest, "spread": spread}
