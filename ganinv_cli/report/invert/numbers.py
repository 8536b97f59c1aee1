"""The certificate of each inverted image: errors, agreement of starts, and conditioning."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.invert.pictures import Pair, choose_amplification, find_certificate
from ganinv_cli.report.rows import TableRow, finite_or_none
from ganinv_cli.report.shared.image_results import ImageResults, best_psnr, finite_psnr
from ganinv_cli.report.shared.image_tables import ImageRow
from ganinv_cli.report.shared.recoveries import REACHED_SHARE, SAME_Z_TOLERANCE, Recoveries


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
    verdict: str
    told: bool  # whether the pixels that count determine z, as far as is known
    rounding_loss: float  # image loss below which a reconstruction is exact
    rounding_rmse: float | None  # the same in grey levels
    agreement: Agreement
    condition: float | None  # of J: its largest singular value over its least
    rank: int | None  # of J
    difference_amplified: int | None  # factor in the picture of the difference
    latent: int
    outside: int  # components of z beyond a bound of the prior
    at_bound: int  # components of z at or beyond a bound
    converged: bool
    z: str  # "polished" or "as found"
    gradients: float | None  # over all starts
    seconds: float | None
    said: str  # how the file was changed, in words


def make_rows(image: ImageResults) -> list[InvertRow]:
    """Return a row for each rule that has recoveries of an image."""
    return [_make_row(image, rule, recoveries) for rule, recoveries in image.recoveries.items()]


class _Conditioning(NamedTuple):
    """How well J, the generator's Jacobian at the best z, is conditioned; None: not known."""

    condition: float | None = None
    rank: int | None = None
    amplification: int | None = None  # of the difference


def _make_row(image: ImageResults, rule: str, recoveries: Recoveries) -> InvertRow:
    best, group = recoveries.best_row, recoveries.group
    loss, pixels, label = float(recoveries.loss[best]), image.pixel_count, recoveries.best_label
    conditioning = _measure_conditioning(image, rule)
    return InvertRow(
        image=image.name,
        number=image.number,
        technique=rule,
        starts=len(recoveries.loss),
        label=label,
        starts_under_label=None if label is None else int(np.sum(recoveries.labels == label)),
        best_trial=int(group["trial"][best]),
        image_loss=finite_or_none(loss),
        rmse=statistics.rmse(loss, pixels) if pixels and np.isfinite(loss) else None,
        psnr=finite_psnr(image, recoveries),
        verdict=_describe_reconstruction(image, rule, recoveries),
        told=determines_z(image, rule),
        rounding_loss=recoveries.rounding_loss,
        rounding_rmse=statistics.rmse(recoveries.rounding_loss, pixels) if pixels else None,
        agreement=_count_agreement(recoveries),
        condition=conditioning.condition,
        rank=conditioning.rank,
        difference_amplified=conditioning.amplification,
        latent=recoveries.z.shape[1],
        outside=int(recoveries.outside_count[best]),
        at_bound=int(recoveries.at_bound_count[best]),
        converged=bool(recoveries.stationary[best]),
        z="polished" if recoveries.polished[best] else "as found",
        gradients=finite_or_none(float(np.sum(group["gradients"]))),
        seconds=finite_or_none(float(np.sum(group["seconds"]))),
        said=image.handling,
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
    """Return whether the pixels that count determine z, as far as is known."""
    latent = int(image.recoveries[rule].z.shape[1])
    rank = _measure_conditioning(image, rule).rank
    few = image.masked and image.pixel_count is not None and image.pixel_count <= latent
    return not few and (rank is None or rank >= latent)


def _count_agreement(recoveries: Recoveries) -> Agreement:
    reached = recoveries.reached_least_loss
    if recoveries.labels is not None:
        reached = reached & (recoveries.labels == recoveries.best_label)
    same = 0
    if reached.any():
        numbers = recoveries.assign_clusters(reached)
        best_cluster = numbers[np.sum(reached[: recoveries.best_row])]
        same = int(np.sum(numbers == best_cluster))
    return Agreement(
        share=REACHED_SHARE,
        tolerance=SAME_Z_TOLERANCE,
        reached=int(np.sum(reached)),
        same=same,
    )


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
        finite_or_none(float(statistics.condition_number(values))),
        int(statistics.rank(values, image.pixel_count)),
        amplification,
    )
