"""The verdict on one image under one rule: did the generator make it?

It follows from whether a chain of changes to G(z) explains the image, from where z lies, and from
how many starts agree. It is decided once, when the run measures the image. docs/invert.md explains
the words.
"""

from typing import Literal, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE, Recoveries, format_range, is_outside
from ganinv_cli.number_format import format_number
from ganinv_cli.prior import Prior
from ganinv_cli.statistics import Booleans, Floats
from ganinv_cli.store.rows import Group

# "no verdict": nothing was re-enacted; "not finished": starts are missing.
Verdict = Literal["failed", "outside", "sibling", "ambiguous", "no verdict", "not finished", "made"]

VERSION = 2  # of the rule; a file says which one decided. 1 was the rule of ganinv 1.0
AGREEING_STARTS = 2  # that must find z if no chain of changes explains the image
AGREEING_SHARE = 1e-2  # of the least image loss, within which a start has reached it
# The z of a JPEG copy is about so many times as far from the picture's own z as if the errors of
# the copy were white noise (docs/invert.md).
ERROR_FACTOR = 3.0
MAX_ERROR_SHARE = 0.5  # of the expected distance of two draws: J knows the neighbourhood alone


class Reenactment(NamedTuple):
    """The chain of changes that comes nearest to the image, and what is left after it."""

    explained: bool  # whether the chain leaves no more than it does of the generator's own pictures
    chain: str  # in words, e.g. "saved as JPEG 75"; empty: rounded to 8 bits alone
    excess: float  # RMS in grey levels that the chain leaves
    limit: float  # of the generator's own pictures, at most
    z: Floats  # (latent,), refitted through the chain; the best one if nothing explains the image
    deviation: Floats  # (latent,) standard error of z
    known_directions: int  # with a standard error below half the prior's deviation
    stranger_rmse: Floats  # (strangers,) grey levels, of pictures that it cannot make, ascending
    has_border: bool = False  # that does not count

    @property
    def words(self) -> str:
        """The chain, and what was left out; empty: rounded to 8 bits alone."""
        return "; ".join(filter(None, [self.chain, "without its border" * self.has_border]))

    @property
    def keeps_loss(self) -> bool:
        """Whether the image loss of a start says how well it explains the image, as in white noise.

        After a change G(z) is another picture, and a JPEG has errors that are larger and not white.
        """
        return not self.chain or self.chain.startswith("noise of")


class CountedPixels(NamedTuple):
    """The pixels of an image that count."""

    number: int  # pixels times channels that the image loss sums over
    masked: bool  # whether a mask excludes some
    has_border: bool  # whether rows or columns of one colour at the edges are left out


class Judgement(NamedTuple):
    """A verdict and what it follows from."""

    verdict: Verdict
    explanation: str  # a sentence or two, without the last full stop


class FalseAlarms(NamedTuple):
    """How many strangers the generator comes as near to as to the image."""

    strangers: int  # pictures that it cannot make; 0: not measured
    as_near: int
    most: float | None  # upper end of the exact 95 % interval of their share


class Evidence(NamedTuple):
    """The numbers that decide the verdict; most are of one z: the explained or the best one."""

    reenactment: Reenactment | None  # None: not re-enacted
    rmse: float  # of the best z, in grey levels; NaN: no start has a finite one
    exact: bool  # whether the best z leaves no more of the image than rounding to 8 bits
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
    masked: bool  # whether only some pixels count

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


def judge(evidence: Evidence, prior: Prior) -> Judgement:
    """Return the verdict on an image, with its words."""
    verdict = decide(evidence)
    return Judgement(verdict, explain(verdict, evidence, prior))


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict on an image of which all starts have ended."""
    if not np.isfinite(evidence.rmse):
        return "failed"
    again = evidence.reenactment
    if again.explained if again else evidence.exact:
        if evidence.is_never_drawn:
            return "outside"
        return "ambiguous" if evidence.rivals or not evidence.determines_z else "made"
    if again is None:
        return "no verdict"
    alarms = evidence.false_alarms
    is_nearest = alarms.strangers > 0 and alarms.as_near == 0
    agrees = evidence.plausible and evidence.same >= AGREEING_STARTS
    return "sibling" if agrees and is_nearest else "outside"


def gather_evidence(
    recoveries: Recoveries, certificate: Group | None, pixels: CountedPixels
) -> Evidence:
    """Return the evidence on an image, from its starts under one rule.

    `certificate` has the columns, of one row, that were measured at the best z; None: none were.
    """
    reenactment = read_reenactment(certificate, pixels)
    singular_values = read_singular_values(certificate)
    prior, best, labels = recoveries.prior, recoveries.best_row, recoveries.labels
    latent = int(recoveries.z.shape[1])
    rank = None
    if singular_values is not None:
        rank = int(statistics.rank(singular_values, pixels.number))
    under_label = (
        np.ones(len(recoveries.loss), np.bool_) if labels is None else labels == labels[best]
    )
    loss = float(recoveries.loss[best])
    noise_error = _estimate_noise_error(loss, pixels.number, singular_values, latent)
    most = MAX_ERROR_SHARE * statistics.expected_distance(latent, prior) * latent
    z_error = min(ERROR_FACTOR * noise_error, most)
    *_, plausible = _locate(recoveries.z, prior, z_error)
    reached = statistics.is_lowest(recoveries.loss, AGREEING_SHARE, recoveries.rounding_loss)
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
        rmse=statistics.rmse(loss, pixels.number),
        exact=loss <= recoveries.rounding_loss,
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
        too_few_pixels=pixels.masked and pixels.number <= latent,
        rank=rank,
        latent=latent,
        masked=pixels.masked,
    )


def read_reenactment(certificate: Group | None, pixels: CountedPixels) -> Reenactment | None:
    """Return the re-enactment in the columns of a certificate; None if it has none."""
    if certificate is None or "explained" not in certificate:
        return None
    row = {name: values[0] for name, values in certificate.items()}
    strangers = row.get("stranger_rmse", np.zeros(0))
    return Reenactment(
        bool(row["explained"]),
        bytes(row["chain"]).decode(errors="replace"),
        float(row["excess"]),
        float(row["excess_limit"]),
        row["z_explained"].astype(np.float64),
        row["z_deviation"].astype(np.float64),
        int(row["known_directions"]),
        strangers[np.isfinite(strangers)],
        pixels.has_border,
    )


def read_singular_values(certificate: Group | None) -> Floats | None:
    """Return the singular values of J at the best z, (latent,) float64; None if not known."""
    if certificate is None:
        return None
    values: Floats = certificate["singular_values"][0].astype(np.float64)
    return values if np.isfinite(values).all() else None


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


def _estimate_noise_error(
    loss: float, pixels: int, singular_values: Floats | None, latent: int
) -> float:
    """Return how far z is from the right one, ‖·‖, if what is left of the image is white noise.

    It is √(variance · Σ 1 / s²) with the variance loss / (pixels − latent); 0 if that is not known.
    """
    if singular_values is None or pixels <= latent or not 0 < loss < np.inf:
        return 0.0
    with np.errstate(divide="ignore"):  # a direction of z that changes nothing: an infinite error
        return float(np.sqrt(loss / (pixels - latent) * np.sum(1 / singular_values**2)))


def _assign_clusters(recoveries: Recoveries, reached: Booleans, tolerance: float) -> Floats:
    """Return a number for each z that reached the least loss, equal for equal z; else -1."""
    clusters = np.full(len(reached), -1)
    clusters[reached] = recoveries.assign_clusters(reached, tolerance)
    return clusters


def explain(verdict: Verdict, evidence: Evidence, prior: Prior) -> str:
    """Return the verdict on an image in words, without a full stop."""
    if verdict == "failed":
        return "no start ended at a picture of finite numbers"
    subject = "these pixels" if evidence.masked else "this picture"
    if verdict == "no verdict":
        return (
            f"no z was found that makes {subject} as PNG, and changes of it could not be tried: J "
            "has too many or infinite numbers, or batch norms couple the images"
        )
    again = evidence.reenactment
    words = f"; {again.words}" if again and again.words else ""
    nearness = _describe_nearness(evidence)
    if verdict == "made":
        known = again.known_directions if again else evidence.latent
        if known < evidence.latent:
            nearness += f"; it determines {known} of the {evidence.latent} directions of z"
        return f"the generator made {subject}{words}. {nearness}"
    if verdict == "ambiguous":
        reason = _describe_ambiguity(evidence)
        return f"the generator makes {subject}, but {reason}{words}. {nearness}"
    nearness += _describe_strangers(evidence)
    if verdict == "sibling":
        return f"a sibling of the generator may have made {subject}, but not itself. {nearness}"
    if not evidence.is_never_drawn or evidence.false_alarms.as_near:
        return f"no z was found that makes {subject}. {nearness}"
    return (
        f"no z that may be drawn makes {subject}: {_describe_position(evidence, prior)}. {nearness}"
    )


def _describe_nearness(evidence: Evidence) -> str:
    again = evidence.reenactment
    if again is None:
        left = format_number(evidence.rmse)
        return f"{left} grey levels are left, no more than rounding to 8 bits leaves"
    return (
        f"{format_number(again.excess)} grey levels are left (of its own pictures, up to "
        f"{format_number(again.limit)})"
    )


def _describe_strangers(evidence: Evidence) -> str:
    again, alarms = evidence.reenactment, evidence.false_alarms
    if again is None or alarms.most is None:
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
