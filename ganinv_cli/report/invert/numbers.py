"""A certificate for each inverted image: how near, how sure, how well conditioned."""

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.consistency.images import Image
from ganinv_cli.report.consistency.minima import REACHED, SAME, Recoveries
from ganinv_cli.report.consistency.numbers import decibels
from ganinv_cli.report.invert.pictures import Pair, amplification, certified
from ganinv_cli.report.output.plain_numbers import finite
from ganinv_cli.report.report import Row


def rows(image: Image) -> list[Row]:
    """One a rule."""
    return [_row(image, technique, recoveries) for technique, recoveries in image.rules.items()]


def _row(image: Image, technique: str, recoveries: Recoveries) -> Row:
    best, group = recoveries.best, recoveries.group
    z, loss = recoveries.z[best], float(recoveries.loss[best])
    return {
        "image": image.name,
        "number": image.number,
        "technique": technique,
        "starts": len(recoveries.loss),
        **_label(recoveries),
        "best_trial": int(group["trial"][best]),
        "image_loss": finite(loss),
        **_nearness(image, recoveries),
        "verdict": _verdict(image, technique, recoveries),
        "told": told(image, technique),
        "rounding_loss": recoveries.rounding,  # image loss; exact below
        "rounding_rmse": _rounding_rmse(image, recoveries),  # the same in grey levels
        "agreement": _agreement(recoveries),
        **_certified(image, technique),
        "latent": len(z),
        "outside": int(recoveries.outside[best]),  # components of z beyond a bound
        "at_bound": int(recoveries.at_bound[best]),  # at or beyond one
        "converged": bool(recoveries.stationary[best]),
        "z": "polished" if recoveries.polished[best] else "as found",
        "gradients": finite(float(np.sum(group["gradients"]))),
        "seconds": finite(float(np.sum(group["seconds"]))),
        "said": image.said,
    }


def _nearness(image: Image, recoveries: Recoveries) -> Row:
    loss, pixels = float(recoveries.loss[recoveries.best]), image.counted
    if not pixels or not np.isfinite(loss):
        return {"rmse": None, "psnr": None}
    return {
        "rmse": statistics.rmse(loss, pixels),  # grey levels of 255
        "psnr": finite(statistics.psnr(loss, pixels)),  # dB; None: infinite, the loss is 0
    }


def _rounding_rmse(image: Image, recoveries: Recoveries) -> float | None:
    return statistics.rmse(recoveries.rounding, image.counted) if image.counted else None


def _verdict(image: Image, technique: str, recoveries: Recoveries) -> str:
    loss = float(recoveries.loss[recoveries.best])
    if not image.counted or not np.isfinite(loss):
        return "no image was made"
    made = "these pixels" if image.masked else "this image"
    near = statistics.verdict(decibels(image, recoveries), loss, recoveries.rounding, made)
    if told(image, technique):
        return near
    return near + ("; too few pixels count to tell z" if image.masked else "; it does not tell z")


def told(image: Image, technique: str) -> bool:
    """Whether the pixels that count are enough to tell z, as far as is known."""
    latent = int(image.rules[technique].z.shape[1])
    rank = _certified(image, technique)["rank"]
    few = image.masked and image.counted is not None and image.counted <= latent
    return not few and (rank is None or rank >= latent)


def _agreement(recoveries: Recoveries) -> Row:
    """Starts that reached the least loss, and those of them that are one z with the best.

    Converged or not: what did not converge agrees by its z alone. Where there are labels, only of
    the starts under the best one's.
    """
    reached = recoveries.reached
    if recoveries.labels is not None:
        reached = reached & (recoveries.labels == recoveries.best_label)
    if not reached.any():
        return {"share": REACHED, "tolerance": SAME, "reached": 0, "same": 0}
    numbers = recoveries.clusters(reached)
    mine = numbers[np.sum(reached[: recoveries.best])]
    return {
        "share": REACHED,
        "tolerance": SAME,
        "reached": int(np.sum(reached)),
        "same": int(np.sum(numbers == mine)),
    }


def _label(recoveries: Recoveries) -> Row:
    """That of the best, and how many starts ended under it; nothing where there are no labels."""
    label = recoveries.best_label
    if label is None:
        return {}
    return {"label": label, "starts_under_label": int(np.sum(recoveries.labels == label))}


def _certified(image: Image, technique: str) -> Row:
    """Of J, the generator's Jacobian at the best z, and of the pictures that were written."""
    certificate = certified(image, technique)
    if certificate is None or image.target is None:
        return {"condition": None, "rank": None, "difference_amplified": None}
    pair = Pair(image, technique, image.target, certificate["reconstruction"][0])
    row = {"condition": None, "rank": None, "difference_amplified": amplification([pair])}
    values = certificate["singular_values"][0].astype(np.float64)
    if not image.counted or not np.isfinite(values).all():
        return row
    return row | {
        "condition": finite(float(statistics.condition(values))),  # largest by least
        "rank": int(statistics.rank(values, image.counted)),
    }
