"""The evidence that each generator made an image, and the answer: one of them, several, or none."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.images.copies import ROUNDED, describe_copy
from ganinv_cli.report.invert import numbers as invert_numbers
from ganinv_cli.report.invert.numbers import InvertRow
from ganinv_cli.report.invert.verdict import MATCH_QUALITY, Verdict
from ganinv_cli.report.rows import Interval, Json, TableRow, flatten
from ganinv_cli.report.shared.image_results import ImageResults, make_unread_rows, read_images
from ganinv_cli.report.shared.image_tables import ImageRow, UnreadRow
from ganinv_cli.settings.names import name_generators

if TYPE_CHECKING:
    from ganinv_cli.store import Results

NONE_OF_THEM = "none of them"
MADE: Verdict = "made"
AMBIGUOUS: Verdict = "ambiguous"


@dataclass(frozen=True, kw_only=True)
class GeneratorEvidence(TableRow):
    """How well one generator matches an image, under the clipping rule that did best."""

    checkpoint: str  # name of the generator, which no other of them has
    technique: str  # the rule's name
    verdict: Verdict
    explanation: str  # of the verdict, in words
    psnr: float | None  # in dB; None: infinite or not known
    rmse: float | None  # in grey levels of 255
    image_loss: float | None
    nearest_copy: str | None  # of the generator's own pictures, that loses as much
    made_rmse: float | None  # up to which this generator matches an image; None: not measured
    starts: int
    agree: int  # starts that found the best z
    outside: int  # components of z beyond a bound of the prior
    z_norm: float | None  # ‖z‖
    z_norm_range: Interval  # of draws from the prior, all but one in a million


@dataclass(frozen=True, kw_only=True)
class AttributionRow(ImageRow):
    """Which generator made one image."""

    sha256: str  # of the file
    answer: str  # name of the generator; several joined by "or"; "perhaps", or NONE_OF_THEM
    made_by: tuple[str, ...]  # names of the generators in the answer, without the uncertain
    nearest: str  # the generator with the least RMSE, which need not have made the image
    generators: tuple[GeneratorEvidence, ...]


@dataclass(frozen=True)
class ComparedGenerator:
    """One of the generators, and the results that invert images on it."""

    name: str  # distinct
    file: str
    results: "Results"


def list_generators(results: Sequence["Results"], files: Sequence[str]) -> list[ComparedGenerator]:
    """Return the generator of each results file, under distinct names."""
    checkpoints = [str(each.attributes.get("config", {}).get("checkpoint", "")) for each in results]
    names = name_generators(checkpoints)
    return [ComparedGenerator(*each) for each in zip(names, files, results, strict=True)]


def describe_generators(generators: Sequence[ComparedGenerator]) -> Json:
    """Return the provenance of a comparison: each generator's file, hash and state."""
    return {
        "complete": all(each.results.complete for each in generators),
        "generators": {
            each.name: {
                "file": each.file,
                "checkpoint": each.results.attributes.get("config", {}).get("checkpoint"),
                "checkpoint_sha256": each.results.attributes.get("checkpoint_sha256"),
                "complete": each.results.complete,
            }
            for each in generators
        },
    }


def make_rows(generators: Sequence[ComparedGenerator]) -> list[AttributionRow]:
    """Return a row for each image that was inverted on at least two of the generators."""
    images: dict[tuple[str, int], list[tuple[ImageResults, GeneratorEvidence]]] = {}
    for generator in generators:
        for key, image in _iterate_images(generator.results):
            if evidence := _make_evidence(generator, image):
                images.setdefault(key, []).append((image, evidence))
    compared = [found for found in images.values() if len(found) > 1]
    return [
        _make_row(number, found[0][0], [evidence for _, evidence in found])
        for number, found in enumerate(compared)
    ]


def make_unread(generators: Sequence[ComparedGenerator]) -> list[UnreadRow]:
    """Return a row for each file that could not be read, as the first generator's results say."""
    return [row for image in read_images(generators[0].results) for row in make_unread_rows(image)]


def flatten_rows(rows: Sequence[AttributionRow]) -> list[Json]:
    """Return a flat row for each image and generator."""
    return [
        {
            **{"image": row.image, "sha256": row.sha256, "answer": row.answer},
            **flatten(evidence),
        }
        for row in rows
        for evidence in row.generators
    ]


def _iterate_images(results: "Results") -> Iterator[tuple[tuple[str, int], ImageResults]]:
    """Yield each image with its key: its hash, and how many images before it have the same."""
    counts: Counter[str] = Counter()
    for image in read_images(results):
        yield (image.sha256, counts[image.sha256]), image
        counts[image.sha256] += 1


def _make_evidence(generator: ComparedGenerator, image: ImageResults) -> GeneratorEvidence | None:
    """Return the certificate under the best of the rules; None if no start has ended yet."""
    certificates = invert_numbers.make_rows(image)
    if not certificates:
        return None
    best = min(certificates, key=_rank_certificate)
    return GeneratorEvidence(
        checkpoint=generator.name,
        technique=best.technique,
        verdict=best.verdict,
        explanation=best.explanation,
        psnr=best.psnr,
        rmse=best.rmse,
        image_loss=best.image_loss,
        nearest_copy=best.nearest_copy,
        made_rmse=best.copy_rmse.get(describe_copy(MATCH_QUALITY)),
        starts=best.starts,
        agree=best.agreement.same,
        outside=best.outside,
        z_norm=best.z_norm,
        z_norm_range=best.z_norm_range,
    )


def _rank_certificate(row: InvertRow) -> tuple[bool, float]:
    """Return a key that sorts a certificate with the verdict made first, then by RMSE."""
    return row.verdict != MADE, _rmse_or_infinity(row.rmse)


def _make_row(
    number: int, image: ImageResults, evidence: Sequence[GeneratorEvidence]
) -> AttributionRow:
    made_by = _find_makers(evidence)
    uncertain = " or ".join(_find_generators(evidence, AMBIGUOUS))
    nearest = min(evidence, key=lambda each: _rmse_or_infinity(each.rmse))
    return AttributionRow(
        image=image.name,
        number=number,
        sha256=image.sha256,
        answer=" or ".join(made_by) or (f"perhaps {uncertain}" if uncertain else NONE_OF_THEM),
        made_by=made_by,
        nearest=nearest.checkpoint,
        generators=tuple(evidence),
    )


def _find_makers(evidence: Sequence[GeneratorEvidence]) -> tuple[str, ...]:
    """Return the generators whose verdict is made.

    If nothing but rounding is left on some of them, these alone: on the others, more is left than
    the file of the image lost.
    """
    exact = [each for each in evidence if each.nearest_copy == describe_copy(ROUNDED)]
    return _find_generators(exact, MADE) or _find_generators(evidence, MADE)


def _find_generators(evidence: Sequence[GeneratorEvidence], verdict: Verdict) -> tuple[str, ...]:
    return tuple(each.checkpoint for each in evidence if each.verdict == verdict)


def _rmse_or_infinity(rmse: float | None) -> float:
    return np.inf if rmse is None else rmse
