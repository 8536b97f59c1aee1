"""The numbers of images, whose true z is unknown: an entry each, for every format."""

from typing import cast

import numpy as np

from ganinv_cli.clipping import RULES
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.recoveries import SAME_Z_TOLERANCE, is_at_bound, is_outside
from ganinv_cli.results.analysis.trial_sets import Pixels, TrialSet
from ganinv_cli.results.number_format import format_concise, format_scientific
from ganinv_cli.results.report.measures import ABSENT, COSTS, Measure
from ganinv_cli.results.report.table import Row
from ganinv_cli.results.store.columns import ANSWERED
from ganinv_cli.results.store.reenactment import Reenactment

AMPLIFICATIONS = (16, 8, 4, 2, 1)  # the first that clips hardly any difference is used
RESIDUAL_HELP = (
    "Residual: root mean square of what is not explained, in grey levels; of a JPEG, of what its "
    "compression does not hide."
)
LIMIT_HELP = "Limit: nearly all pictures that the generator made have less."


def subtract_target(trial_set: TrialSet) -> np.ndarray:
    """Return the reconstruction minus the image, in grey levels; 0 where it leaves pixels out."""
    picture = cast("Pixels", trial_set.reconstruction)
    difference: np.ndarray = picture.astype(np.int64) - trial_set.target
    return difference if trial_set.region is None else difference * ~trial_set.region[..., None]


def _find_amplification(trial_set: TrialSet) -> int | None:
    """Return the largest amplification that shows 99 % of the difference in full."""
    if trial_set.reconstruction is None:
        return None
    large = float(np.quantile(np.abs(subtract_target(trial_set)), 0.99))
    return next((times for times in AMPLIFICATIONS if times * large <= 127), 1)


def _find_median_outside(trial_set: TrialSet) -> float | None:
    z = trial_set.recoveries.z[trial_set.recoveries.has_finite_z]
    return float(np.median(np.sum(is_outside(z, trial_set.prior), axis=1))) if len(z) else None


def _summarize_distances(trial_set: TrialSet) -> Row:
    """Return the distances over the pairs of recoveries."""
    apart = trial_set.recoveries.distances
    if not len(apart):
        return {"mean": None, "median": None, "largest": None, "mean_squared": None}
    return {
        "mean": np.mean(apart),  # E‖zᵢ − zⱼ‖₂ / latent, the paper's
        "median": np.median(apart),
        "largest": apart.max(),
        "mean_squared": float(np.mean(apart**2))
        * trial_set.recoveries.z.shape[1],  # E‖·‖₂² / latent
    }


def _summarize_losses(trial_set: TrialSet) -> Row:
    known = trial_set.recoveries.loss[np.isfinite(trial_set.recoveries.loss)]
    if not len(known):
        return {"least": None, "median": None, "largest": None, "spread": None}
    least, median, largest = (float(np.quantile(known, q)) for q in (0, 0.5, 1))
    # A spread relative to a loss that is rounding alone has no meaning.
    is_known = least > trial_set.recoveries.rounding_loss
    spread = (largest - least) / least if is_known else None
    return {"least": least, "median": median, "largest": largest, "spread": spread}


def _get_label(trial_set: TrialSet) -> object:
    label = trial_set.recoveries.best_label
    return ABSENT if label is None else label


NAMES = (
    Measure("image", lambda trials: trials.image.name, always=True),
    Measure("number", lambda trials: trials.image.number, always=True),
    Measure("technique", lambda trials: trials.rule, "clipping", always=True),
)
LABEL = Measure(
    "label",
    _get_label,
    "label",
    show=str,
    help="Each start tries one label, and the starts take the labels in turn; z under "
    "different labels cannot be compared.",
)
# how the file was changed, in words
CHANGES = Measure("changes", lambda trials: trials.image.changes, always=True)
PSNR = Measure("psnr", lambda trials: trials.best_psnr, "PSNR\n(dB)")  # of the best
AMPLIFICATION = Measure("difference_amplified", _find_amplification)  # factor in its picture

CONSISTENCY = (
    *NAMES,
    Measure(
        "recoveries",
        lambda trials: trials.trials,
        "trials",
        "Distance: ‖zᵢ − zⱼ‖₂ / latent over pairs of recoveries, not squared, as in the paper.",
        always=True,
    ),
    Measure("polished", lambda trials: np.sum(trials.recoveries.polished)),  # how many
    Measure(
        "converged",
        lambda trials: np.sum(trials.has_converged),
        "converged",
        "Converged: the solver found that further steps change the image loss too little.",
    ),
    Measure(
        "at_minimum",
        lambda trials: np.sum(trials.recoveries.stationary),
        "at a\nminimum",
        "At a minimum: after polishing the image loss is as good as 0, or z passes Goldstein's "
        "test (docs/consistency.md); if no z was polished, those that converged.",
    ),
    Measure("without_number", lambda trials: np.sum(~trials.recoveries.has_finite_z)),
    LABEL,  # of the best recovery
    Measure("distance", _summarize_distances),
    Measure(
        "distance_as_found",
        lambda trials: statistics.mean(trials.recoveries.measure_found_distances()),
        "mean\nas found",
        "As found: as the solver left z, not polished.",
        show=format_scientific,
    ),
    Measure(
        "paper",
        lambda trials: RULES[trials.rule].paper_distance,
        "paper",
        "Paper: its value, for its image and generator.",
        show=format_scientific,
        always=True,
    ),
    Measure(
        "baseline",
        lambda trials: statistics.expected_distance(trials.recoveries.z.shape[1], trials.prior),
        "random",
        "Random: E‖u − v‖₂ / latent of independent u, v from the prior.",
        show=format_scientific,
        always=True,
    ),
    Measure(
        "minima.distinct",
        lambda trials: trials.recoveries.count_minima(),
        "minima",
        "Minima: recoveries at a minimum are at the same one if distances below "
        f"{format_concise(SAME_Z_TOLERANCE)} link them (docs/consistency.md).",
    ),
    Measure("minima.largest", lambda trials: trials.recoveries.largest_count, "most\nfrequent"),
    Measure("image_loss", _summarize_losses),
    PSNR,
    Measure(
        "outside.median",
        _find_median_outside,
        "outside\nmedian",
        "Outside: components of z beyond a bound of the prior, which never draws such z.",
    ),
    *COSTS,
    CHANGES,
    Measure("unique", lambda trials: trials.recoveries.uniqueness.word, "z is"),
    Measure("verdict", lambda trials: trials.recoveries.uniqueness.sentence),
)


def _get_again(trial_set: TrialSet, name: str) -> object:
    """Return a number of the re-enactment; None: not re-enacted."""
    again = trial_set.evidence.reenactment
    return getattr(again, name) if again else None


def _count_known_directions(trial_set: TrialSet) -> object:
    """Return how many directions of z are known; None: nothing explains the image."""
    again = trial_set.evidence.reenactment
    return again.known_directions if again and (again.explained or again.edited) else None


def _measure_residual(trial_set: TrialSet) -> float | None:
    """Return the residual of an image in grey levels; None: not re-enacted."""
    again = trial_set.evidence.reenactment
    if again is None:
        return None
    if not _is_unnamed(again):
        return again.excess
    picture = trial_set.read_certificate("reenacted").astype(np.float64)
    difference = picture - trial_set.target
    counted = (
        np.ones(difference.shape[:2], np.bool_) if trial_set.region is None else ~trial_set.region
    )
    return float(np.sqrt(np.mean(difference[counted] ** 2)))


def _find_limit(trial_set: TrialSet) -> float | None:
    """Return the largest residual of own pictures; None if another rule gave the verdict."""
    again = trial_set.evidence.reenactment
    if again is None or not again.excess_limit >= 0 or _is_unnamed(again):
        return None
    return again.excess_limit


def _is_unnamed(again: Reenactment) -> bool:
    """Return whether an edit without a name or a mixture, and no chain, explains an image."""
    return (again.edited or again.mixed) and not again.explained


def _compare_with_limit(trial_set: TrialSet) -> float | None:
    """Return the residual divided by its limit, which is in the same measure."""
    again = trial_set.evidence.reenactment
    return again.excess / again.excess_limit if again and again.excess_limit > 0 else None


def _find_least_stranger(trial_set: TrialSet) -> float | None:
    again = trial_set.evidence.reenactment
    return float(again.stranger_rmse[0]) if again and len(again.stranger_rmse) else None


def _is_answered(trial_set: TrialSet) -> bool | None:
    """Return whether the image was answered before all its starts; None: not known."""
    answered = trial_set.read_certificate(ANSWERED)
    return None if answered is None else bool(answered)


INVERT = (
    *NAMES,
    Measure(
        "starts",
        lambda trials: trials.trials,
        "starts",
        "Starts: those that count, at most --starts. An image is answered once two starts found "
        "one z that leaves only what storing the image leaves; later starts are not needed then.",
    ),
    Measure("answered", _is_answered),
    LABEL,  # of the best z
    Measure(
        "starts_under_label",
        lambda trials: ABSENT if trials.recoveries.labels is None else trials.evidence.starts,
    ),
    Measure("image_loss", lambda trials: trials.recoveries.loss[trials.recoveries.best_row]),
    Measure(
        "rmse",
        lambda trials: trials.evidence.rmse,
        "RMSE\nbefore",
        "RMSE before: of G(z), before anything is done to it; so is the PSNR.",
    ),
    PSNR,
    Measure("verdict", lambda trials: trials.judgement.verdict, "verdict"),
    Measure("explanation", lambda trials: trials.judgement.explanation),
    Measure("chain", lambda trials: _get_again(trials, "chain")),  # empty: rounded to 8 bits alone
    Measure("explained", lambda trials: _get_again(trials, "explained")),
    # grey levels that are left, RMS; of a JPEG, beyond the cells of its coefficients
    Measure("excess", lambda trials: _get_again(trials, "excess")),
    Measure(
        "excess_limit", lambda trials: _get_again(trials, "excess_limit")
    ),  # of its own pictures
    Measure("left", _compare_with_limit),  # excess over its limit; at most 1 if explained
    Measure("residual", _measure_residual, "residual", RESIDUAL_HELP),
    Measure("limit", _find_limit, "limit", LIMIT_HELP),
    Measure(
        "stranger_rmse",
        _find_least_stranger,
        "nearest\nstranger",
        "Nearest stranger: least RMSE of pictures that it cannot make, averages of two of its own.",
    ),
    # strangers with at most this RMSE
    Measure("false_alarms", lambda trials: trials.evidence.false_alarms._asdict()),
    Measure(
        "known_directions",
        _count_known_directions,
        "directions\nknown",
        "Directions known: of z, with a standard error below half the prior's deviation.",
    ),
    Measure(
        "z_deviation_mean",
        lambda trials: trials.z_deviation.mean(),
        "error\nof z",
        "Error of z: standard error, mean over its components; the prior's standard deviation if "
        "nothing is known.",
    ),
    Measure(
        "determines_z", lambda trials: trials.evidence.determines_z
    ),  # whether the pixels that count do
    Measure("rounding_loss", lambda trials: trials.recoveries.rounding_loss),  # of 8 bits
    Measure(
        "agreement.reached", lambda trials: trials.evidence.reached
    ),  # starts at the least loss
    Measure("agreement.same", lambda trials: trials.evidence.same),  # of these, at the best z
    Measure("rank", lambda trials: trials.evidence.rank),
    AMPLIFICATION,
    Measure(
        "outside",
        lambda trials: np.sum(is_outside(trials.best_z, trials.prior)),
        "outside",
        "Outside: components beyond a bound.",
    ),
    Measure(
        "at_bound",
        lambda trials: np.sum(is_at_bound(trials.best_z, trials.prior)),
        "at\nbound",
        "At bound: components of z at or beyond a bound of the prior.",
    ),
    Measure("z_error", lambda trials: trials.evidence.z_error),  # ‖·‖ that what is left explains
    Measure("z_norm", lambda trials: np.linalg.norm(trials.best_z)),
    Measure("z_norm_range", lambda trials: trials.evidence.norm_range),  # all but one in a million
    Measure("gradients", lambda trials: np.sum(trials.read("gradients"))),  # of these starts
    CHANGES,
    Measure("z_found", lambda trials: trials.recoveries.z[trials.recoveries.best_row]),
    Measure("z_explained", lambda trials: trials.best_z),  # z_found if nothing explains the image
    # standard error of each component, at most the prior's deviation; NaN: not made
    Measure("z_deviation", lambda trials: trials.z_deviation),
)
