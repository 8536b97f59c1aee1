"""The certificate of each inverted image: errors, agreement of starts, and conditioning."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.images.copies import describe_copy
from ganinv_cli.report.invert.explanations import explain
from ganinv_cli.report.invert.pictures import Pair, choose_amplification, find_certificate
from ganinv_cli.report.invert.verdict import (
    REACHED_SHARE,
    Evidence,
    Verdict,
    decide,
    gather_evidence,
)
from ganinv_cli.report.rows import Interval, TableRow, finite_or_none
from ganinv_cli.report.shared.image_results import ImageResults, finite_psnr
from ganinv_cli.report.shared.image_tables import ImageRow
from ganinv_cli.report.shared.recoveries import SAME_Z_TOLERANCE, Recoveries
from ganinv_cli.statistics import Floats


@dataclass(frozen=True, kw_only=True)
class Agreement(TableRow):
    """Starts that agree on z, converged or not; with labels, starts under the best one's label."""

    share: float  # of the least loss, within which it is reached
    tolerance: float  # distance ‖zᵢ − zⱼ‖ / latent below which two z are one
    reached: int  # starts that reached the least image loss
    same: int  # of these, starts that found the best z


@dataclass(frozen=True, kw_only=True)
class InvertRow(ImageRow):
    """The certificate of one image under one clipping rule; most numbers are of the best z."""

    technique: str  # the rule's name
    starts: int
    label: int | None = None  # of the best z
    starts_under_label: int | None = None  # starts that ended under it
    best_trial: int
    image_loss: float | None
    rmse: float | None  # in grey levels of 255
    psnr: float | None  # in dB; None: infinite or not known
    verdict: Verdict
    explanation: str  # of the verdict, in words
    nearest_copy: str | None  # that loses as much: "JPEG 90", or "none"; None: not known
    told: bool  # whether the pixels that count determine z, as far as is known
    rounding_loss: float  # image loss below which a reconstruction is exact
    rounding_rmse: float | None  # the same in grey levels
    copy_rmse: dict[str, float]  # of each kind of copy, the largest, in grey levels
    agreement: Agreement
    condition: float | None  # of J: its largest singular value over its least
    rank: int | None  # of J
    difference_amplified: int | None  # factor in the picture of the difference
    latent: int
    outside: int  # components of z beyond a bound of the prior
    at_bound: int  # components of z at or beyond a bound
    z_error: float  # distance ‖·‖ from the right z that what is left of the image explains
    z_norm: float | None  # ‖z‖
    z_norm_range: Interval  # of draws from the prior, all but one in a million
    converged: bool
    z: str  # "polished" or "as found"
    gradients: float | None  # over all starts
    gradients_shared: float  # each start's part of what the run spent once; counted in them
    seconds: float | None
    said: str  # how the file was changed, in words
    z_found: tuple[float | None, ...] = ()  # the best z; in no flat row


def make_rows(image: ImageResults) -> list[InvertRow]:
    """Return a row for each rule that has recoveries of an image."""
    return [_make_row(image, rule, recoveries) for rule, recoveries in image.recoveries.items()]


def find_verdict(image: ImageResults, rule: str) -> Verdict:
    """Return the verdict on an image under a rule that has recoveries of it."""
    return _judge(image, rule, _measure_conditioning(image, rule))[0]


class _Conditioning(NamedTuple):
    """How well J, the generator's Jacobian at the best z, is conditioned; None: not known."""

    singular_values: Floats | None = None
    condition: float | None = None
    rank: int | None = None
    amplification: int | None = None  # of the difference


def _make_row(image: ImageResults, rule: str, recoveries: Recoveries) -> InvertRow:
    best, group = recoveries.best_row, recoveries.group
    loss, pixels, label = float(recoveries.loss[best]), image.pixel_count, recoveries.best_label
    conditioning = _measure_conditioning(image, rule)
    verdict, evidence = _judge(image, rule, conditioning)
    return InvertRow(
        image=image.name,
        number=image.number,
        technique=rule,
        starts=len(recoveries.loss),
        label=label,
        starts_under_label=None if label is None else evidence.starts,
        best_trial=int(group["trial"][best]),
        image_loss=finite_or_none(loss),
        rmse=statistics.rmse(loss, pixels) if pixels and np.isfinite(loss) else None,
        psnr=finite_psnr(image, recoveries),
        verdict=verdict,
        explanation=explain(
            verdict, evidence, recoveries.prior, image.masked, [*image.copy_losses][-1]
        ),
        nearest_copy=image.describe_nearest_copy(loss),
        told=evidence.determines_z,
        rounding_loss=recoveries.rounding_loss,
        rounding_rmse=statistics.rmse(recoveries.rounding_loss, pixels) if pixels else None,
        copy_rmse={
            describe_copy(quality): statistics.rmse(most, pixels)
            for quality, most in image.copy_losses.items()
            if pixels
        },
        agreement=Agreement(
            share=REACHED_SHARE,
            tolerance=max(SAME_Z_TOLERANCE, evidence.z_error / evidence.latent),
            reached=evidence.reached,
            same=evidence.same,
        ),
        condition=conditioning.condition,
        rank=conditioning.rank,
        difference_amplified=conditioning.amplification,
        latent=recoveries.z.shape[1],
        outside=evidence.outside,
        at_bound=int(recoveries.at_bound_count[best]),
        z_error=evidence.z_error,
        z_norm=finite_or_none(float(np.linalg.norm(recoveries.z[best]))),
        z_norm_range=evidence.norm_range,
        converged=bool(recoveries.stationary[best]),
        z="polished" if recoveries.polished[best] else "as found",
        gradients=finite_or_none(float(np.sum(group["gradients"] + image.gradients_shared))),
        gradients_shared=image.gradients_shared,
        seconds=finite_or_none(float(np.sum(group["seconds"]))),
        said=image.handling,
        z_found=tuple(finite_or_none(component) for component in recoveries.z[best].tolist()),
    )


def _judge(image: ImageResults, rule: str, conditioning: _Conditioning) -> tuple[Verdict, Evidence]:
    recoveries = image.recoveries[rule]
    evidence = gather_evidence(image, rule, conditioning.singular_values, conditioning.rank)
    finite = np.isfinite(recoveries.loss[recoveries.best_row])
    return decide(evidence) if image.pixel_count and finite else "failed", evidence


def _measure_conditioning(image: ImageResults, rule: str) -> _Conditioning:
    certificate = find_certificate(image, rule)
    if certificate is None or image.target is None:
        return _Conditioning()
    pair = Pair(image, rule, image.target, certificate["reconstruction"][0])
    amplification = choose_amplification([pair])
    values = certificate["singular_values"][0].astype(np.float64)
    if not image.pixel_count or not np.isfinite(values).all():
        return _Conditioning(amplification=amplification)
    return _Conditioning(
        values,
        finite_or_none(float(statistics.condition_number(values))),
        int(statistics.rank(values, image.pixel_count)),
        amplification,
    )
