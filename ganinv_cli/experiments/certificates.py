"""The certificate of an image: what its starts under a rule found, once all have ended."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import OutOfMemoryError
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.experiments.trial_rows import Columns, Groups, make_row
from ganinv_cli.generators.network.generator import Generator, compute_jacobian, decompose_jacobian
from ganinv_cli.images import Crop, Picture, to_pixels
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.evidence import gather_evidence
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.analysis.verdict import VERSION, judge
from ganinv_cli.results.store import Run
from ganinv_cli.results.store.columns import IMAGE, RECOVERIES, TRIAL
from ganinv_cli.results.store.rows import NO_ROWS, Group, JoinedRows, count_rows, split_by_image
from ganinv_cli.settings.config import ImagesConfig
from ganinv_cli.settings.names import name_certificates, name_starts

Key = tuple[str, int]  # a rule and the number of an image


class PendingCertificates:
    """The images that lack a certificate of all their starts under a rule, with these starts."""

    def __init__(self, rules: Sequence[str], images: Collection[int], trials: int) -> None:
        """Look after some images, of which each is to have `trials` starts under each rule."""
        self._rules, self._images, self._trials = rules, dict.fromkeys(images), trials
        self._starts: dict[Key, list[Group]] = {}

    def find_lacking(self, run: Run) -> int:
        """Take the starts that are committed; return how many certificates are lacking."""
        self._starts, lacking = {}, 0
        for rule in self._rules:
            starts = split_by_image(run.read_group(name_starts(rule)))
            made = run.read_group(name_certificates(rule))
            recoveries = dict(zip(made[IMAGE].tolist(), made.get(RECOVERIES, ()), strict=True))
            for image in self._images:
                rows = starts.get(image, NO_ROWS)
                if recoveries.get(image) != max(self._trials, count_rows(rows)):
                    lacking += 1
                    if rows is not NO_ROWS:
                        self._starts[rule, image] = [rows]
        return lacking

    def add(self, rows: Groups) -> None:
        """Take starts that have just been committed."""
        for rule in self._rules:
            for image, starts in split_by_image(rows.get(name_starts(rule), NO_ROWS)).items():
                if image in self._images:
                    self._starts.setdefault((rule, image), []).append(starts)

    def take_due(self) -> Iterator[tuple[str, int, Columns]]:
        """Yield rule, image and starts of those that have all their starts, each once."""
        for (rule, image), pieces in list(self._starts.items()):
            if sum(map(count_rows, pieces)) >= self._trials:
                del self._starts[rule, image]
                yield rule, image, dict(JoinedRows(pieces))


def make_certificate(
    image: int, starts: Columns, picture: Picture, rule: str, reenactor: Reenactor
) -> Columns:
    """Return the certificate of an image, a row, from its starts; refined z count if there are any.

    With training-mode statistics an image depends on all z of its batch, and there is no J.
    """
    generator = reenactor.generator
    counted = np.repeat(picture.counted_pixels, generator.image_shape[2])  # (pixels,)
    size = int(counted.sum())
    recoveries = Recoveries(starts, statistics.rounding_residual(size), generator.prior)
    is_coupled = generator.batch_norm == "batch"
    values = {
        IMAGE: image,
        RECOVERIES: count_rows(starts),
        "singular_values": np.full(generator.latent, np.nan),
    }
    try:
        values |= render_extremes(recoveries, generator, together=is_coupled)
        if not is_coupled:
            label = -1 if recoveries.best_label is None else recoveries.best_label
            jacobian = compute_best_jacobian(recoveries, label, generator)
            values["singular_values"] = decompose_jacobian(jacobian * counted, generator)
            z = order_starts(recoveries)
            values |= reenactor.explain(picture, z, label, rule, jacobian)
    except tf.errors.ResourceExhaustedError as error:
        raise OutOfMemoryError() from error
    measured = make_row(name_certificates(rule), values)
    verdict = decide_verdict(recoveries, measured, size, reenactor.config)
    return measured | make_row(name_certificates(rule), verdict)


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
    z = recoveries.z[recoveries.best_row]
    return compute_jacobian(generator, z, label, "float64")


def order_starts(recoveries: Recoveries) -> np.ndarray:
    """Return the finite z (starts, latent) under the label of the best one, the best first."""
    order = np.argsort(recoveries.loss)
    usable = np.isfinite(recoveries.loss) & recoveries.has_finite_z & recoveries.has_best_label
    return recoveries.z[order][usable[order]]


def decide_verdict(
    recoveries: Recoveries, measured: Columns, size: int, config: ImagesConfig
) -> dict[str, Any]:
    """Return the verdict and its words; `size` is how many pixels times channels count."""
    evidence = gather_evidence(recoveries, measured, size)
    verdict, explanation = judge(evidence, recoveries.prior, Crop(config.crop).is_square)
    return {"verdict": verdict, "explanation": explanation, "verdict_rule": VERSION}
