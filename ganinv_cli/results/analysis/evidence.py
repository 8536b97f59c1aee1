"""The evidence on one image under one rule: the numbers that decide the verdict."""

from typing import Any, NamedTuple, get_type_hints

import numpy as np

from ganinv_cli.prior import Prior
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.recoveries import SAME_Z_TOLERANCE, Recoveries, is_outside
from ganinv_cli.results.statistics import Booleans, Floats
from ganinv_cli.results.store.reenactment import Reenactment
from ganinv_cli.results.store.rows import Group

AGREEING_STARTS = 2  # that must find z if no chain of changes explains the image
AGREEING_SHARE = 1e-2  # of the least image loss, within which a start has reached it
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
    within_rounding: bool  # whether the best z leaves no more of the image than rounding to 8 bits
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
    change_plausible: bool  # whether that of the edit may be
    too_few_pixels: bool  # whether no more pixels count than z has components
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
    def agrees(self) -> bool:
        """Whether most of the starts found the best z; no verdict follows from it."""
        return self.starts >= AGREEING_STARTS and 2 * self.same > self.starts

    @property
    def is_edited(self) -> bool:
        """Whether it is an own picture that was edited, with a z that may be drawn."""
        return self.reenactment is not None and self.reenactment.edited and self.change_plausible

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


def gather_evidence(recoveries: Recoveries, certificate: Group | None, size: int) -> Evidence:
    """Return the evidence on an image, from its starts under one rule.

    `certificate` has the columns, of one row, that were measured at the best z; None: none were.
    `size` is how many pixels times channels count.
    """
    reenactment = read_reenactment(certificate, size)
    singular_values = read_singular_values(certificate)
    prior, best, under_label = recoveries.prior, recoveries.best_row, recoveries.has_best_label
    latent = int(recoveries.z.shape[1])
    rank = None
    if singular_values is not None:
        rank = int(statistics.rank(singular_values, size))
    loss = float(recoveries.loss[best])
    noise_error = _estimate_noise_error(loss, size, singular_values, latent)
    distance = statistics.expected_distance(latent, prior) * latent
    most = MAX_ERROR_SHARE * distance
    z_error = min(ERROR_FACTOR * noise_error, most)
    *_, plausible = _locate(recoveries.z, prior, z_error)
    reached = statistics.is_lowest(recoveries.loss, AGREEING_SHARE, recoveries.rounding_loss)
    clusters = _assign_clusters(recoveries, reached, max(SAME_Z_TOLERANCE, z_error / latent))
    same = reached & (clusters == clusters[best])
    rivals = len(np.unique(clusters[reached & plausible & ~same]))
    z = recoveries.z[best]
    if reenactment is not None and reenactment.explained:
        z, noise_error = reenactment.z_explained, float(np.linalg.norm(reenactment.z_deviation))
        rivals = rivals if reenactment.keeps_loss else 0
    near_change = z if reenactment is None else reenactment.z_explained
    *_, change_plausible = _locate(near_change[None], prior, most)
    position = _locate(z[None], prior, min(ERROR_FACTOR * noise_error, most))
    inside, norm, may_be_drawn = (values[0] for values in position)
    return Evidence(
        reenactment=reenactment,
        rmse=statistics.rmse(loss, size),
        within_rounding=loss <= recoveries.rounding_loss,
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
        change_plausible=bool(change_plausible[0]),
        too_few_pixels=size <= latent,
        rank=rank,
        latent=latent,
    )


def read_reenactment(certificate: Group | None, size: int) -> Reenactment | None:
    """Return the re-enactment in the columns of a certificate; None if it has none."""
    if certificate is None or np.isnan(certificate.get("excess", np.array([np.nan]))[0]):
        return None
    types = get_type_hints(Reenactment)
    values = {name: read_value(certificate, name) for name in types}
    flags = {name: bool(value) for name, value in values.items() if types[name] is bool}
    again = Reenactment(**(values | flags))
    counted = int(np.sum(again.region == 0)) * again.target.shape[-1]
    strangers = again.stranger_rmse[np.isfinite(again.stranger_rmse)]
    # more values count if edges of one colour are the generator's own
    keeps_loss = again.keeps_loss and counted >= size
    return again._replace(stranger_rmse=strangers, keeps_loss=keeps_loss)


def read_value(row: Group, column: str) -> Any:
    """Return the value that a group of one row has in a column: a number, a text or an array."""
    value = row[column][0]
    if np.ndim(value):
        return value
    number_or_text = value.item()
    is_text = isinstance(number_or_text, bytes)
    return number_or_text.decode(errors="replace") if is_text else number_or_text


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
