"""The certificate of an image: what its starts under a rule found, once all have ended."""

from typing import Any

import numpy as np

from ganinv_cli.experiments.answers import DueStarts
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.experiments.trial_rows import Columns, make_row
from ganinv_cli.generators.network.generator import Generator, compute_jacobian, decompose_jacobian
from ganinv_cli.images import Crop, Picture, to_pixels
from ganinv_cli.inversion.objective.clipped_pixels import find_decisive
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.evidence import AGREEING_STARTS, gather_evidence
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.analysis.verdict import VERSION, decide, judge
from ganinv_cli.results.store.columns import ANSWERED, ERROR, IMAGE, RECOVERIES, TRIAL
from ganinv_cli.results.store.rows import count_rows
from ganinv_cli.settings.names import name_certificates

MIN_SHARE = 1e-4  # of the largest singular value of J, above which float32 tells another from 0


def make_certificate(
    due: DueStarts,
    picture: Picture,
    reenactor: Reenactor,
    jacobian: np.ndarray | None = None,
    *,
    answers: bool = False,
) -> Columns | None:
    """Return the certificate of an image, a row, from its starts.

    `jacobian` is J near the best z, if it is known. If the starts are to be an answer, G(z) is only
    tried as it is, and None is returned if they are none. With training-mode statistics an image
    depends on all z of its batch, and there is no J.
    """
    rule, starts, generator = due.rule, due.columns, reenactor.generator
    counted = np.repeat(picture.counted_pixels, generator.image_shape[2])  # (pixels,)
    size = int(counted.sum())
    recoveries = Recoveries(starts, statistics.rounding_residual(size), generator.prior)
    values = _begin(due, recoveries, generator)
    if generator.batch_norm != "batch":
        label = -1 if recoveries.best_label is None else recoveries.best_label
        if jacobian is None:
            jacobian = compute_best_jacobian(recoveries, label, generator)
        best = recoveries.z[recoveries.best_row]
        decisive = counted & find_decisive(generator, best, label, picture.target)
        values["singular_values"] = measure_singular_values(
            jacobian, decisive, recoveries, label, generator
        )
        if reenactor.config.reenacts:
            z = order_starts(recoveries)
            again = reenactor.explain(picture, z, label, rule, jacobian, stored_alone=answers)
            if again is None:
                return None
            values |= again
    measured = make_row(name_certificates(rule), values)
    if not reenactor.config.reenacts:
        return measured
    evidence = gather_evidence(recoveries, measured, size)
    if answers and not (decide(evidence) == "made" and evidence.same >= AGREEING_STARTS):
        return None
    verdict, explanation = judge(evidence, recoveries.prior, Crop(reenactor.config.crop).is_square)
    verdict_values = {"verdict": verdict, "explanation": explanation, "verdict_rule": VERSION}
    return measured | make_row(name_certificates(rule), verdict_values | {ANSWERED: answers})


def make_failed_certificate(
    due: DueStarts, generator: Generator, error: str, *, answers: bool
) -> Columns:
    """Return the certificate of an image that could not be judged, with the error."""
    values = _begin(due, Recoveries(due.columns, 0.0, generator.prior), generator)
    return make_row(name_certificates(due.rule), values | {ERROR: error, ANSWERED: answers})


def _begin(due: DueStarts, recoveries: Recoveries, generator: Generator) -> dict[str, Any]:
    """Return what a certificate has without J: its starts and the pictures of two of them."""
    return {
        IMAGE: due.image,
        RECOVERIES: count_rows(due.columns),
        "singular_values": np.full(generator.latent, np.nan),
        **render_extremes(recoveries, generator, together=generator.batch_norm == "batch"),
    }


def render_extremes(
    recoveries: Recoveries, generator: Generator, *, together: bool
) -> dict[str, Any]:
    """Return the best trial and the one with the z farthest from it, with their images.

    All z are rendered `together` if the images depend on one another.
    """
    best, distant = recoveries.best_row, find_distant_row(recoveries)
    rows = np.arange(len(recoveries.z)) if together else np.array([best, distant])
    labels = None if recoveries.labels is None else recoveries.labels[rows]
    images = generator.render(recoveries.z[rows], len(rows), labels=labels)
    reconstruction, farther = to_pixels(images[[best, distant]] if together else images)
    return {
        "best": recoveries.group[TRIAL][best],
        "distant": recoveries.group[TRIAL][distant],
        "reconstruction": reconstruction,
        "distant_reconstruction": farther,
    }


def find_distant_row(recoveries: Recoveries) -> int:
    """Return the row with the z farthest from the best one, under the same label."""
    distance = np.linalg.norm(recoveries.z - recoveries.z[recoveries.best_row], axis=1)
    return int(np.argmax(np.nan_to_num(distance * recoveries.has_best_label)))


def compute_best_jacobian(recoveries: Recoveries, label: int, generator: Generator) -> np.ndarray:
    """Return J (latent, pixels) at the best z, which is under a label."""
    return compute_jacobian(generator, recoveries.z[recoveries.best_row], label)


def measure_singular_values(
    jacobian: np.ndarray,
    counted: np.ndarray,
    recoveries: Recoveries,
    label: int,
    generator: Generator,
) -> np.ndarray:
    """Return the singular values (latent,) of J (latent, pixels) where pixels count.

    If one is so small that it may be rounding in float32, they are those of J in float64.
    """
    values = decompose_jacobian(jacobian * counted, generator)
    if np.isfinite(values).all() and values[-1] <= MIN_SHARE * values[0]:
        z = recoveries.z[recoveries.best_row]
        exact = compute_jacobian(generator, z, label, "float64")
        values = decompose_jacobian(exact * counted, generator)
    return values


def order_starts(recoveries: Recoveries) -> np.ndarray:
    """Return the finite z (starts, latent) under the label of the best one, the best first."""
    order = np.argsort(recoveries.loss)
    usable = np.isfinite(recoveries.loss) & recoveries.has_finite_z & recoveries.has_best_label
    return recoveries.z[order][usable[order]]
