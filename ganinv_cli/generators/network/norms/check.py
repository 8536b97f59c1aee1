"""Check by the statistics in batch norms that a generator is the one that was trained.

A batch norm stores the moving mean and variance of its input during training. They depend on the
layers before it and on the prior. If a layer or the prior is not the one of the training, the
moments of the next norm's input differ from the stored statistics.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

# contradicted: with another scale of z they fit; unexplained: with none
Status = Literal["confirmed", "contradicted", "unexplained", "unsettled", "unchecked"]

# largest discrepancy at which a norm's statistics fit. Right networks have up to .08, wrong priors
# 1.1, wrong activations .12 and more, except leaky_relu:0.01 for relu: see
# docs/checkpoints-statistics.md
FITS_BELOW = 0.12
MAX_SCALE_STEPS = 8
SCALE_TOLERANCE = 0.01  # relative change of a variance at which the scale of z is found
MAX_SCALE = 1e6
SAME_SCALE = 0.03  # relative difference of two scales that are named as one
UNSETTLED = "they may be unsettled (saved early in training, or averaged over many steps)"


class Moments(NamedTuple):
    """Statistics of a norm's input."""

    mean: np.ndarray  # (channels,)
    variance: np.ndarray  # (channels,)


class Discrepancy(NamedTuple):
    """Differences between measured and stored statistics of a norm, each a median over channels."""

    variance: float  # |log(measured variance / stored variance)|
    mean: float  # |measured mean - stored mean| / stored standard deviation

    @property
    def total(self) -> float:
        """The sum of both differences."""
        return self.variance + self.mean

    @property
    def fits(self) -> bool:
        """Whether the stored statistics are consistent with this network."""
        return bool(self.total <= FITS_BELOW)  # false for NaN


class StoredNorm(NamedTuple):
    """A batch norm with the statistics that it stores."""

    name: str
    moments: Moments


Measure = Callable[[float], list[Moments]]  # scale of z -> moments of the input of each norm


class NormRow(NamedTuple):
    """How well the stored statistics of a norm fit its input."""

    name: str
    discrepancy: Discrepancy


@dataclass(frozen=True)
class NormCheck:
    """The result for a generator: confirmed, or why not."""

    status: Status
    rows: tuple[NormRow, ...] = ()  # from z to the image
    doubt: str = ""  # a clause about the generator, "its …"; empty if there is none

    @property
    def is_confirmed(self) -> bool | None:
        """Whether the statistics fit this network and prior; None: there are none."""
        return None if self.status == "unchecked" else self.status == "confirmed"


UNCHECKED = NormCheck("unchecked")


def are_initial(stored: Moments) -> bool:
    """Return whether a norm's stored statistics are as before training, so say nothing."""
    return bool(np.all(stored.mean == 0) and np.all(stored.variance == 1))


def compare_moments(measured: Moments, stored: Moments) -> Discrepancy:
    """Return the discrepancy of measured moments.

    Channels without variance in either are left out; NaN if none is left.
    """
    ratio, shift = compare_channels(measured, stored)
    known = np.isfinite(ratio)
    if not known.any():
        return Discrepancy(float("nan"), float("nan"))
    return Discrepancy(*(float(np.median(np.abs(each[known]))) for each in (ratio, shift)))


def compare_channels(measured: Moments, stored: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Return log(variance / stored variance) and the difference of the means, both (channels,).

    The unit of the second is the stored standard deviation. Either may be infinite or NaN.
    """
    with np.errstate(all="ignore"):
        ratio = np.log(measured.variance, dtype=np.float64)
        ratio -= np.log(stored.variance, dtype=np.float64)  # a quotient may overflow
        difference = measured.mean.astype(np.float64) - stored.mean
        return ratio, difference / np.sqrt(stored.variance, dtype=np.float64)


def compare_norms(norms: Sequence[StoredNorm], measure: Measure, deviation: float) -> NormCheck:
    """Compare stored with measured statistics; if they differ, find a scale of z that fits.

    `norms` has at least one; `deviation` is the standard deviation of a component of z.
    """
    measured = measure(1.0)
    rows = _compare_all(norms, measured)
    contradicted = [place for place, row in enumerate(rows) if not row.discrepancy.fits]
    if not contradicted:
        return NormCheck("confirmed", rows)
    if all(are_initial(norms[place].moments) for place in contradicted):
        doubt = "its moving averages never settled (means 0 and variances 1 as initialised)"
        return NormCheck("unsettled", rows, doubt)
    scale = 1.0
    for _ in range(MAX_SCALE_STEPS if contradicted[0] == 0 else 0):
        # one step is enough if the first norm's input is linear in z, up to the same shift
        ratio, _ = compare_channels(measured[0], norms[0].moments)
        known = ratio[np.isfinite(ratio)]
        step = float(np.median(known)) if known.size else 0.0
        scale *= float(np.exp(-step / 2))
        if abs(step) < SCALE_TOLERANCE or not 1 / MAX_SCALE < scale < MAX_SCALE:
            break
        measured = measure(scale)
    if all(row.discrepancy.fits for row in _compare_all(norms, measured)):
        return NormCheck("contradicted", rows, _describe_prior(scale * deviation, scale))
    return NormCheck("unexplained", rows, _describe_contradiction(rows, contradicted))


def _compare_all(norms: Sequence[StoredNorm], measured: Sequence[Moments]) -> tuple[NormRow, ...]:
    return tuple(
        NormRow(norm.name, compare_moments(moments, norm.moments))
        for norm, moments in zip(norms, measured, strict=True)
    )


def _describe_prior(deviation: float, scale: float) -> str:
    usual = {"uniform:-1,1": 3**-0.5, "normal": 1.0}
    near = [name for name, each in usual.items() if abs(deviation / each - 1) < SAME_SCALE]
    prior = near[0] if near else f"normal:{deviation:.3g}, or {UNSETTLED}"
    return (
        f"its batch norms were trained with another prior: z of {scale:.3g} times the scale fits, "
        f"e.g. --prior {prior}"
    )


def _describe_contradiction(rows: Sequence[NormRow], contradicted: Sequence[int]) -> str:
    cause = f"{UNSETTLED}, or a layer differs from the program that was trained"
    if contradicted[0] == 0:
        return f"no prior fits its moving averages: {cause}"
    names = ", ".join(rows[place].name for place in contradicted[:3])
    more = len(contradicted) - 3
    where = f"{names} and {more} more" if more > 0 else names
    return f"its moving averages at {where} do not match the inputs of these norms: {cause}"
