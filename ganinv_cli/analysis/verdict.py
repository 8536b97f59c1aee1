"""The verdict on one image under one rule: did the generator make it?

It follows from whether a chain of changes to G(z) explains the image, from where z lies, and from
how many starts agree. docs/invert.md explains the words.
"""

from typing import Literal, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.image_results import ImageResults, Reenactment
from ganinv_cli.analysis.prior import format_range, is_outside
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE, Recoveries
from ganinv_cli.images.copies import ROUNDED
from ganinv_cli.number_format import format_number
from ganinv_cli.prior import Prior
from ganinv_cli.statistics import Booleans, Floats

# The last two are words of ganinv 1.0, for files without re-enactment.
Verdict = Literal["failed", "outside", "sibling", "ambiguous", "made", "implausible", "near"]

MATCH_QUALITY = 75  # JPEG quality of the farthest copy that ganinv 1.0 took for the picture itself
AGREEING_STARTS = 2  # that must find z if no chain of changes explains the image
REACHED_SHARE = 1e-2  # of the least image loss, within which a start has reached it
# The z of a JPEG copy is about so many times as far from the picture's own z as if the errors of
# the copy were white noise (docs/invert.md).
ERROR_FACTOR = 3.0
MAX_ERROR_SHARE = 0.5  # of the expected distance of two draws: J knows the neighbourhood alone


class FalseAlarms(NamedTuple):
    """How many strangers the generator comes as near to as to the image."""

    strangers: int  # pictures that it cannot make; 0: not measured
    as_near: int
    most: float | None  # upper end of the exact 95 % interval of their share


class Evidence(NamedTuple):
    """The numbers that decide the verdict; most are of one z: the explained or the best one."""

    reenactment: Reenactment | None  # None: not re-enacted
    rmse: float  # of the best z, in grey levels; NaN: no start has a finite one
    copy: int | None  # JPEG quality of the nearest copies that lose as much; None: none of them
    starts: int  # under the label of the best z
    reached: int  # of these, starts at the least image loss
    same: int  # of these, starts that found the best z
    rivals: int  # other z at the least loss, under any label, that may be drawn
    z_error: float  # distance ‖·‖ from the right z that is explained by what is left of the image
    vague: bool  # whether noise of what is left would explain half the distance of two draws
    outside: int  # components beyond a bound
    inside: bool  # whether the right z may be inside the bounds
    norm: float  # ‖·‖ of the nearest z inside the bounds
    norm_range: tuple[float, float]  # of ‖z‖ over draws from the prior
    plausible: bool  # whether the right z may be drawn
    too_few_pixels: bool  # whether a mask leaves no more pixels than z has components
    rank: int | None  # of J; None: not known
    latent: int

    @property
    def ignores_norm(self) -> bool:
        """Whether the generator seems to use the direction of z alone, as StyleGAN's does."""
        return self.rank == self.latent - 1 and self.inside

    @property
    def is_never_drawn(self) -> bool:
        """Whether no z at the least loss may be drawn."""
        return not self.plausible and not self.rivals and not self.ignores_norm

    @property
    def determines_z(self) -> bool:
        """Whether the pixels that count determine z, as far as is known."""
        full_rank = self.rank is None or self.rank >= self.latent
        return full_rank and not self.too_few_pixels and not self.vague

    @property
    def false_alarms(self) -> FalseAlarms:
        rmse = self.reenactment.stranger_rmse if self.reenactment else np.zeros(0)
        as_near = int(np.sum(rmse <= self.rmse))
        most = statistics.clopper_pearson(as_near, len(rmse)).high if len(rmse) else None
        return FalseAlarms(len(rmse), as_near, most)


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict on an image; that of ganinv 1.0 if it was not re-enacted."""
    if not np.isfinite(evidence.rmse):
        return "failed"
    if evidence.reenactment is None:
        return _decide_1_0(evidence)
    if evidence.reenactment.explained:
        if evidence.is_never_drawn:
            return "outside"
        return "ambiguous" if evidence.rivals or not evidence.determines_z else "made"
    alarms = evidence.false_alarms
    is_nearest = alarms.strangers > 0 and alarms.as_near == 0
    agrees = evidence.plausible and evidence.same >= AGREEING_STARTS
    return "sibling" if agrees and is_nearest else "outside"


def _decide_1_0(evidence: Evidence) -> Verdict:
    copy = evidence.copy
    if copy is None:
        return "outside"
    if copy != ROUNDED and copy < MATCH_QUALITY:
        return "near" if evidence.plausible or evidence.rivals else "outside"
    if evidence.is_never_drawn:
        return "implausible"
    if evidence.rivals or not evidence.determines_z:
        return "ambiguous"
    needed = 1 if copy == ROUNDED else min(AGREEING_STARTS, evidence.starts)
    return "made" if evidence.same >= needed else "near"


def gather_evidence(
    image: ImageResults,
    rule: str,
    singular_values: Floats | None,
    rank: int | None,
    reenactment: Reenactment | None,
) -> Evidence:
    """Return the evidence on an image; singular values and rank are of J at the best z.

    They are None if they are not known.
    """
    recoveries = image.recoveries[rule]
    prior, best, labels = recoveries.prior, recoveries.best_row, recoveries.labels
    latent = int(recoveries.z.shape[1])
    under_label = (
        np.ones(len(recoveries.loss), np.bool_) if labels is None else labels == labels[best]
    )
    loss = float(recoveries.loss[best])
    noise_error = _estimate_noise_error(image, rule, singular_values)
    most = MAX_ERROR_SHARE * statistics.expected_distance(latent, prior) * latent
    z_error = min(ERROR_FACTOR * noise_error, most)
    *_, plausible = _locate(recoveries.z, prior, z_error)
    reached = statistics.is_lowest(recoveries.loss, REACHED_SHARE, image.rounding_loss)
    clusters = _assign_clusters(recoveries, reached, max(SAME_Z_TOLERANCE, z_error / latent))
    same = reached & (clusters == clusters[best])
    rivals = len(np.unique(clusters[reached & plausible & ~same]))
    z = recoveries.z[best]
    if reenactment is not None and reenactment.explained:
        z, noise_error = reenactment.z, float(np.linalg.norm(reenactment.deviation))
        rivals = rivals if reenactment.keeps_loss else 0
    position = _locate(z[None], prior, min(ERROR_FACTOR * noise_error, most))
    inside, norm, may_be_drawn = (values[0] for values in position)
    return Evidence(
        reenactment=reenactment,
        rmse=statistics.rmse(loss, image.pixel_count),
        copy=image.find_nearest_copy(loss),
        starts=int(np.sum(under_label)),
        reached=int(np.sum(reached & under_label)),
        same=int(np.sum(same)),
        rivals=rivals,
        z_error=z_error,
        vague=noise_error >= most,
        outside=int(np.sum(is_outside(z, prior))),
        inside=bool(inside),
        norm=float(norm),
        norm_range=statistics.find_norm_range(prior, latent),
        plausible=bool(may_be_drawn),
        too_few_pixels=image.masked and image.pixel_count <= latent,
        rank=rank,
        latent=latent,
    )


def _locate(z: Floats, prior: Prior, z_error: float) -> tuple[Booleans, Floats, Booleans]:
    """Return where z (n, latent) lie that are up to `z_error`, ‖·‖, from the right ones.

    For each: whether the right z may be inside the bounds, ‖·‖ of the nearest z inside, and whether
    the right z may be drawn.
    """
    nearest_inside = z.clip(prior.low, prior.high)
    inside = np.linalg.norm(z - nearest_inside, axis=1) <= z_error
    norms = np.linalg.norm(nearest_inside, axis=1)
    low, high = statistics.find_norm_range(prior, z.shape[1])
    return inside, norms, inside & (low <= norms) & (norms <= high)


def _estimate_noise_error(image: ImageResults, rule: str, singular_values: Floats | None) -> float:
    """Return how far z is from the right one, ‖·‖, if what is left of the image is white noise.

    It is √(variance · Σ 1 / s²) with the variance loss / (pixels − latent); 0 if that is not known.
    """
    recoveries = image.recoveries[rule]
    latent, pixels = recoveries.z.shape[1], image.pixel_count
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


def explain(verdict: Verdict, evidence: Evidence, prior: Prior, masked: bool) -> str:
    """Return the verdict on an image in words, without a full stop.

    `masked`: only some pixels count.
    """
    if verdict == "failed":
        return "no start ended at a picture of finite numbers"
    subject = "these pixels" if masked else "this picture"
    again = evidence.reenactment
    if again is None:
        return "it was not re-enacted, and this is the verdict of ganinv 1.0"
    words = f"; {again.words}" if again.words else ""
    nearness = (
        f"{format_number(again.excess)} grey levels are left (of its own pictures, up to "
        f"{format_number(again.limit)})"
    )
    if verdict == "made":
        known = f"{again.known_directions} of the {evidence.latent} directions of z"
        part = f"; it determines {known}" if again.known_directions < evidence.latent else ""
        return f"the generator made {subject}{words}. {nearness}{part}"
    if verdict == "ambiguous":
        reason = _describe_ambiguity(evidence)
        return f"the generator makes {subject}, but {reason}{words}. {nearness}"
    nearness += _describe_strangers(evidence, again)
    if verdict == "sibling":
        return f"a sibling of the generator may have made {subject}, but not itself. {nearness}"
    if not evidence.is_never_drawn or evidence.false_alarms.as_near:
        return f"no z was found that makes {subject}. {nearness}"
    return (
        f"no z that may be drawn makes {subject}: {_describe_position(evidence, prior)}. {nearness}"
    )


def _describe_strangers(evidence: Evidence, again: Reenactment) -> str:
    alarms = evidence.false_alarms
    if alarms.most is None:
        return ""
    rmse, least = format_number(evidence.rmse), format_number(again.stranger_rmse[0])
    count = f"{alarms.as_near} of {alarms.strangers} are as near"
    return (
        f". Without a change the RMSE is {rmse}, of strangers {least} or more: {count} (at most "
        f"{100 * alarms.most:.0f} % of all)"
    )


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
