"""A certificate for each inverted image: how near, how sure, how well conditioned."""

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.invert.pictures import Pair, choose_amplification, find_certificate
from ganinv_cli.report.output.plain_numbers import finite_or_none
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared.image_results import ImageResults, best_psnr
from ganinv_cli.report.shared.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE, Recoveries


def make_rows(image: ImageResults) -> list[Row]:
    """One a rule."""
    return [
        _make_row(image, technique, recoveries)
        for technique, recoveries in image.recoveries.items()
    ]


def _make_row(image: ImageResults, rule: str, recoveries: Recoveries) -> Row:
    best, group = recoveries.best_row, recoveries.group
    z, loss = recoveries.z[best], float(recoveries.loss[best])
    return {
        "image": image.name,
        "number": image.number,
        "technique": rule,
        "starts": len(recoveries.loss),
        **_make_label_columns(recoveries),
        "best_trial": int(group["trial"][best]),
        "image_loss": finite_or_none(loss),
        **_measure_nearness(image, recoveries),
        "verdict": _describe_reconstruction(image, rule, recoveries),
        "told": determines_z(image, rule),
        "rounding_loss": recoveries.rounding_loss,  # image loss; exact below
        "rounding_rmse": _measure_rounding(image, recoveries),  # the same in grey levels
        "agreement": _count_agreement(recoveries),
        **_make_certificate_columns(image, rule),
        "latent": len(z),
        "outside": int(recoveries.outside_count[best]),  # components of z beyond a bound
        "at_bound": int(recoveries.at_bound_count[best]),  # at or beyond one
        "converged": bool(recoveries.stationary[best]),
        "z": "polished" if recoveries.polished[best] else "as found",
        "gradients": finite_or_none(float(np.sum(group["gradients"]))),
        "seconds": finite_or_none(float(np.sum(group["seconds"]))),
        "said": image.handling,
    }


def _measure_nearness(image: ImageResults, recoveries: Recoveries) -> Row:
    loss, pixels = float(recoveries.loss[recoveries.best_row]), image.pixel_count
    if not pixels or not np.isfinite(loss):
        return {"rmse": None, "psnr": None}
    return {
        "rmse": statistics.rmse(loss, pixels),  # grey levels of 255
        "psnr": finite_or_none(statistics.psnr(loss, pixels)),  # dB; None: infinite, the loss is 0
    }


def _measure_rounding(image: ImageResults, recoveries: Recoveries) -> float | None:
    return (
        statistics.rmse(recoveries.rounding_loss, image.pixel_count) if image.pixel_count else None
    )


def _describe_reconstruction(image: ImageResults, rule: str, recoveries: Recoveries) -> str:
    loss = float(recoveries.loss[recoveries.best_row])
    if not image.pixel_count or not np.isfinite(loss):
        return "no image was made"
    made = "these pixels" if image.masked else "this image"
    near = statistics.describe_match(
        best_psnr(image, recoveries), loss, recoveries.rounding_loss, made
    )
    if determines_z(image, rule):
        return near
    return near + ("; too few pixels count to tell z" if image.masked else "; it does not tell z")


def determines_z(image: ImageResults, rule: str) -> bool:
    """Whether the pixels that count are enough to tell z, as far as is known."""
    latent = int(image.recoveries[rule].z.shape[1])
    rank = _make_certificate_columns(image, rule)["rank"]
    few = image.masked and image.pixel_count is not None and image.pixel_count <= latent
    return not few and (rank is None or rank >= latent)


def _count_agreement(recoveries: Recoveries) -> Row:
    """Starts that reached the least loss, and those of them that are one z with the best.

    Converged or not: what did not converge agrees by its z alone. Where there are labels, only of
    the starts under the best one's.
    """
    reached = recoveries.reached_least_loss
    if recoveries.labels is not None:
        reached = reached & (recoveries.labels == recoveries.best_label)
    if not reached.any():
        return {"share": REACHED_SHARE, "tolerance": SAME_Z_TOLERANCE, "reached": 0, "same": 0}
    numbers = recoveries.clusters(reached)
    best_cluster = numbers[np.sum(reached[: recoveries.best_row])]
    return {
        "share": REACHED_SHARE,
        "tolerance": SAME_Z_TOLERANCE,
        "reached": int(np.sum(reached)),
        "same": int(np.sum(numbers == best_cluster)),
    }


def _make_label_columns(recoveries: Recoveries) -> Row:
    """That of the best, and how many starts ended under it; nothing where there are no labels."""
    label = recoveries.best_label
    if label is None:
        return {}
    return {"label": label, "starts_under_label": int(np.sum(recoveries.labels == label))}


def _make_certificate_columns(image: ImageResults, rule: str) -> Row:
    """Of J, the generator's Jacobian at the best z, and of the pictures that were written."""
    certificate = find_certificate(image, rule)
    if certificate is None or image.target is None:
        return {"condition": None, "rank": None, "difference_amplified": None}
    pair = Pair(image, rule, image.target, certificate["reconstruction"][0])
    row = {"condition": None, "rank": None, "difference_amplified": choose_amplification([pair])}
    values = certificate["singular_values"][0].astype(np.float64)
    if not image.pixel_count or not np.isfinite(values).all():
        return row
    return row | {
        "condition": finite_or_none(float(statistics.condition_number(values))),  # largest by least
        "rank": int(statistics.rank(values, image.pixel_count)),
    }
