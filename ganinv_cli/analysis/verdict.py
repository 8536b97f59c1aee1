"""The verdict on one image under one rule: did the generator make it?

It follows from how near the reconstruction is, from how many starts agree, and from where z lies.
docs/invert.md explains the words.
"""

from typing import Literal, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.image_results import ImageResults
from ganinv_cli.analysis.prior import format_range
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE, Recoveries
from ganinv_cli.images.copies import ROUNDED, describe_copy
from ganinv_cli.number_format import format_number
from ganinv_cli.prior import Prior
from ganinv_cli.statistics import Booleans, Floats

Verdict = Literal["made", "implausible", "ambiguous", "near", "outside", "failed"]

MATCH_QUALITY = 75  # JPEG quality of the farthest copy that counts as the picture itself
AGREEING_STARTS = 2  # that must find z if more is left than rounding to 8 bits leaves
REACHED_SHARE = 1e-2  # of the least image loss, within which a start has reached it
# The z of a JPEG copy is about so many times as far from the picture's own z as if the errors of
# the copy were white noise (docs/invert.md).
ERROR_FACTOR = 3.0
MAX_ERROR_SHARE = 0.5  # of the expected distance of two draws: J knows the neighbourhood alone


class Evidence(NamedTuple):
    """The numbers that decide the verdict; most are of the best z."""

    copy: int | None  # JPEG quality of the nearest copies that lose as much; None: none of them
    starts: int  # under the label of the best z
    reached: int  # of these, starts at the least image loss
    same: int  # of these, starts that found the best z
    rivals: int  # other z at the least loss, under any label, that may be drawn
    z_error: float  # distance ‖·‖ from the right z that is explained by what is left of the image
    vague: bool  # whether white noise of this energy would explain half the distance of two draws
    outside: int  # components beyond a bound
    inside: bool  # whether the right z may be inside the bounds
    norm: float  # ‖·‖ of the nearest z inside the bounds
    norm_range: tuple[float, float]  # of ‖z‖ over draws from the prior
    plausible: bool  # whether the right z may be drawn
    too_few_pixels: bool  # whether a mask leaves no more pixels than z has components
    rank: int | None  # of J; None: not known
    latent: int

    @property
    def is_match(self) -> bool:
        """Whether no more is left than in an image file of one of the generator's pictures."""
        return self.copy is not None and (self.copy == ROUNDED or self.copy >= MATCH_QUALITY)

    @property
    def ignores_norm(self) -> bool:
        """Whether the generator seems to use the direction of z alone, as StyleGAN's does."""
        return self.rank == self.latent - 1 and self.inside

    @property
    def determines_z(self) -> bool:
        """Whether the pixels that count determine z, as far as is known."""
        full_rank = self.rank is None or self.rank >= self.latent
        return full_rank and not self.too_few_pixels and not self.vague


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict on an image that has a finite reconstruction."""
    if evidence.copy is None:
        return "outside"
    if not evidence.is_match:
        return "near" if evidence.plausible or evidence.rivals else "outside"
    if not evidence.plausible and not evidence.rivals and not evidence.ignores_norm:
        return "implausible"
    if evidence.rivals or not evidence.determines_z:
        return "ambiguous"
    needed = 1 if evidence.copy == ROUNDED else min(AGREEING_STARTS, evidence.starts)
    return "made" if evidence.same >= needed else "near"


def gather_evidence(
    image: ImageResults, rule: str, singular_values: Floats | None, rank: int | None
) -> Evidence:
    """Return the evidence on an image; singular values and rank are of J at the best z.

    They are None if they are not known.
    """
    recoveries = image.recoveries[rule]
    best, latent, labels = recoveries.best_row, int(recoveries.z.shape[1]), recoveries.labels
    under_label = (
        np.ones(len(recoveries.loss), np.bool_) if labels is None else labels == labels[best]
    )
    noise_error = _estimate_noise_error(image, rule, singular_values)
    most = MAX_ERROR_SHARE * statistics.expected_distance(latent, recoveries.prior) * latent
    z_error = min(ERROR_FACTOR * noise_error, most)
    nearest_inside = recoveries.z.clip(recoveries.prior.low, recoveries.prior.high)
    inside = np.linalg.norm(recoveries.z - nearest_inside, axis=1) <= z_error
    norms = np.linalg.norm(nearest_inside, axis=1)
    low, high = statistics.find_norm_range(recoveries.prior, latent)
    plausible = inside & (low <= norms) & (norms <= high)
    reached = statistics.is_lowest(recoveries.loss, REACHED_SHARE, image.rounding_loss)
    clusters = _assign_clusters(recoveries, reached, max(SAME_Z_TOLERANCE, z_error / latent))
    same = reached & (clusters == clusters[best])
    return Evidence(
        copy=image.find_nearest_copy(float(recoveries.loss[best])),
        starts=int(np.sum(under_label)),
        reached=int(np.sum(reached & under_label)),
        same=int(np.sum(same)),
        rivals=len(np.unique(clusters[reached & plausible & ~same])),
        z_error=z_error,
        vague=noise_error >= most,
        outside=int(recoveries.outside_count[best]),
        inside=bool(inside[best]),
        norm=float(norms[best]),
        norm_range=(low, high),
        plausible=bool(plausible[best]),
        too_few_pixels=image.masked and (image.pixel_count or 0) <= latent,
        rank=rank,
        latent=latent,
    )


def _estimate_noise_error(image: ImageResults, rule: str, singular_values: Floats | None) -> float:
    """Return how far z is from the right one, ‖·‖, if what is left of the image is white noise.

    It is √(variance · Σ 1 / s²) with the variance loss / (pixels − latent); 0 if that is not known.
    """
    recoveries = image.recoveries[rule]
    latent, pixels = recoveries.z.shape[1], image.pixel_count or 0
    loss = float(recoveries.loss[recoveries.best_row])
    if singular_values is None or pixels <= latent or not 0 < loss < np.inf:
        return 0.0
    with np.errstate(divide="ignore"):  # a direction of z that changes nothing: an infinite error
        return float(np.sqrt(loss / (pixels - latent) * np.sum(1 / singular_values**2)))


def _assign_clusters(recoveries: Recoveries, reached: Booleans, tolerance: float) -> Floats:
    """Return a number for each z that reached the least loss, equal for equal z; else -1."""
    clusters = np.full(len(reached), -1)
    clusters[reached] = recoveries.assign_clusters(reached, tolerance)
    return clusters


def explain(
    verdict: Verdict, evidence: Evidence, prior: Prior, masked: bool, farthest_copy: int
) -> str:
    """Return the verdict on an image in words, without a full stop.

    `masked`: only some pixels count; `farthest_copy` is the least JPEG quality that was measured.
    """
    if verdict == "failed":
        return "no start ended at a picture of finite numbers"
    subject = "these pixels" if masked else "this picture"
    if verdict == "made":
        return (
            f"the generator made {subject}: {_describe_rest(evidence)}, and "
            f"{evidence.same} of {_count_starts(evidence)} found the same z"
        )
    if verdict == "implausible":
        return (
            f"the generator makes {subject}, but only from a z that its prior never draws: "
            f"{_describe_position(evidence, prior)}"
        )
    if verdict == "ambiguous":
        return f"the generator makes {subject}, but {_describe_ambiguity(evidence)}"
    if verdict == "near":
        return (
            f"it is uncertain whether the generator made {subject}: {_describe_nearness(evidence)}"
        )
    if evidence.copy is not None:
        return (
            f"no z was found that makes {subject}: the generator comes near it, but only from a z "
            f"that its prior never draws: {_describe_position(evidence, prior)}"
        )
    return (
        f"no z was found that makes {subject}: the error is larger than that of "
        f"{describe_copy(farthest_copy)} on the generator's own pictures"
    )


def _describe_rest(evidence: Evidence) -> str:
    if evidence.copy is None or evidence.copy == ROUNDED:
        return "the error is only rounding to 8 bits"
    return f"the error is no larger than that of {describe_copy(evidence.copy)} on its own pictures"


def _count_starts(evidence: Evidence) -> str:
    return "1 start" if evidence.starts == 1 else f"{evidence.starts} starts"


def _describe_position(evidence: Evidence, prior: Prior) -> str:
    """Return where z lies that is never drawn."""
    if not evidence.inside:
        lie = "lies" if evidence.outside == 1 else "lie"
        return (
            f"{evidence.outside} of its {evidence.latent} components {lie} outside "
            f"{format_range(prior)}"
        )
    low, high = map(format_number, evidence.norm_range)
    return f"its length is {format_number(evidence.norm)}, and z is drawn with {low} to {high}"


def _describe_ambiguity(evidence: Evidence) -> str:
    if evidence.rivals:
        return f"from {evidence.rivals + 1} different z, and the image does not determine which"
    if evidence.too_few_pixels:
        return "too few pixels count to tell z"
    if evidence.rank is not None and evidence.rank < evidence.latent:
        moving = f"{evidence.rank} of {evidence.latent}"
        return f"it does not determine z: only {moving} directions of z change it"
    return "it hardly depends on z there, so it does not determine z"


def _describe_nearness(evidence: Evidence) -> str:
    left = _describe_rest(evidence)
    if evidence.is_match:
        return (
            f"{left}, but only {evidence.same} of {_count_starts(evidence)} came so near; "
            "try more (--trials)"
        )
    return f"{left}, and such a copy is poor"
