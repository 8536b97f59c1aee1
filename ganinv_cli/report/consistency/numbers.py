"""The numbers of the paper's Table 2: how far from one another the recoveries of an image lie."""

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.consistency.images import Image
from ganinv_cli.report.consistency.minima import REACHED, SAME, TOLERANCES, Recoveries
from ganinv_cli.report.consistency.verdict import verdict
from ganinv_cli.report.output.plain_numbers import finite, mean
from ganinv_cli.report.report import Row
from ganinv_cli.statistics import Booleans, Integers

PAPER = {"none": 2.03e-4, "standard": 1.36e-4, "stochastic": 4.94e-5}  # its own image, generator


def rows(image: Image) -> list[Row]:
    """One a rule."""
    return [_row(image, technique, recoveries) for technique, recoveries in image.rules.items()]


def _row(image: Image, technique: str, recoveries: Recoveries) -> Row:
    reached, latent = recoveries.reached, recoveries.z.shape[1]
    return {
        "image": image.name,
        "number": image.number,
        "technique": technique,
        "recoveries": len(recoveries.loss),
        "z": recoveries.source,
        "polished": int(np.sum(recoveries.polished)),
        "converged": {
            "solver": int(np.sum(recoveries.solved)),
            "polished": _polished(recoveries),
        },
        "not_converged": int(np.sum(~recoveries.stationary)),
        "without_number": int(np.sum(~recoveries.numbers)),
        **({} if recoveries.best_label is None else {"label": recoveries.best_label}),
        "distance": _distances(recoveries, recoveries.numbers),
        "paper": PAPER.get(technique),
        "baseline": statistics.baseline(latent, recoveries.prior),
        "minima": {
            "tolerance": SAME,
            "distinct": recoveries.minima(),
            "distinct_at": {name: recoveries.distinct(at) for name, at in TOLERANCES.items()},
            "largest": recoveries.largest,
            "mostly_one": recoveries.mostly_one,
        },
        "image_loss": _losses(recoveries),
        "psnr": psnr(image, recoveries),
        "reached": {
            "share": REACHED,
            "rounding_loss": recoveries.rounding,
            "recoveries": int(np.sum(reached)),
            "distance": _distances(recoveries, reached & recoveries.numbers),
            "converged": int(np.sum(reached & recoveries.stationary)),
            "distinct": recoveries.minima(reached),
        },
        # Where no minimum is most of them, none has strayed from it.
        "strays": int(np.sum(recoveries.strays)) if recoveries.mostly_one else None,
        "latent": latent,
        "outside": _of(recoveries.outside[recoveries.numbers]),
        "at_bound": _of(recoveries.at_bound[recoveries.numbers]),
        "gradients": mean(recoveries.group["gradients"]),
        "restarts": mean(recoveries.group["restarts"]),
        "verdict": verdict(recoveries),
    }


def psnr(image: Image, recoveries: Recoveries) -> float | None:
    """Of the best, in dB; None: not known, or infinite."""
    return finite(decibels(image, recoveries))


def decibels(image: Image, recoveries: Recoveries) -> float:
    """The PSNR of the best; infinite where its loss is 0, NaN where it is not known."""
    least = float(recoveries.loss[recoveries.best])
    return statistics.psnr(least, image.counted) if image.counted else np.nan


def _of(components: Integers) -> Row:
    """Over the recoveries, how many components of z each has."""
    if not len(components):
        return {"median": None, "most": None}
    return {"median": float(np.median(components)), "most": int(components.max())}


def _polished(recoveries: Recoveries) -> int | None:
    """How many converged after polishing; None where there was none."""
    polished = recoveries.polished
    return int(np.sum(recoveries.stationary & polished)) if polished.any() else None


def _distances(recoveries: Recoveries, among: Booleans) -> Row:
    """Over the pairs of some, (recoveries,); None where there is no pair."""
    apart = recoveries.distances(among)
    found = statistics.spread(apart, recoveries.z.shape[1])
    return {
        "mean": finite(found.mean),  # E‖zᵢ − zⱼ‖₂ / latent, the paper's
        "median": finite(found.median),
        "largest": finite(float(apart.max())) if len(apart) else None,
        "mean_squared": finite(found.mean_squared),  # E‖zᵢ − zⱼ‖₂² / latent
    }


def _losses(recoveries: Recoveries) -> Row:
    known = recoveries.loss[np.isfinite(recoveries.loss)]
    if not len(known):
        return {"least": None, "median": None, "largest": None, "spread": None}
    least, median, largest = (float(np.quantile(known, q)) for q in (0, 0.5, 1))
    # Relative; of a loss that is rounding alone it would say nothing.
    spread = (largest - least) / least if least > recoveries.rounding else None
    return {"least": least, "median": median, "largest": largest, "spread": spread}


def strays(image: Image) -> list[Row]:
    """The recoveries away from the minimum that most are: one row each, none left out."""
    return [
        {
            "image": image.name,
            "number": image.number,
            "technique": technique,
            "trial": int(recoveries.group["trial"][row]),
            "image_loss": finite(float(recoveries.loss[row])),
            "distance": finite(float(recoveries.astray[row])),
            "converged": bool(recoveries.stationary[row]),
            "restarts": int(recoveries.group["restarts"][row]),
            **({} if recoveries.labels is None else {"label": int(recoveries.labels[row])}),
        }
        for technique, recoveries in image.rules.items()
        if recoveries.mostly_one
        for row in np.flatnonzero(recoveries.strays)
    ]


def unread(image: Image) -> list[Row]:
    """Why its file could not be read; nothing where it could."""
    if not image.error:
        return []
    return [{"image": image.name, "number": image.number, "error": image.error}]
