"""The distribution of z, and its bounds."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy  # which imports its parts when they are used

from ganinv_cli.errors import ConfigError

WHOLE_SHARE = 0.99  # share of draws of z with all components inside a normal's default bounds
INSIDE_SHARE_RANGE = (
    1e-3,
    1 - 1e-7,
)  # limits of the share of a component's draws; in float32, others would round to 0 or 1
MAX_COMPONENT = 1e3  # absolute value of a component of z; beyond it, a trial has diverged
BEYOND_DRAWS = 1.25  # of the largest of some draws, which others may exceed
MIN_SPREAD = 1e-6  # between the bounds, relative to the larger one or 1: what float32 resolves


@dataclass(frozen=True)
class Uniform:
    """Each component uniform in [low, high], independently of the others."""

    low: float = -1.0
    high: float = 1.0

    def is_outside(self, z: Any) -> Any:
        """Return which components are at or beyond a bound, inclusive as in the paper's code."""
        return (z <= self.low) | (z >= self.high)

    def quantile(self, share: Any) -> Any:
        """Return the quantile at `share` in (0, 1), which turns uniform numbers into draws of z.

        Takes and returns an array or a tensor of any shape.
        """
        return self.low + (self.high - self.low) * share

    @property
    def deviation(self) -> float:
        """The standard deviation of a component."""
        return (self.high - self.low) / math.sqrt(12)

    @property
    def variance(self) -> float:
        """The variance of a component inside the bounds."""
        return (self.high - self.low) ** 2 / 12

    def share_below(self, z: np.ndarray) -> np.ndarray:
        """Return the share of draws of a component below z, for float64 z of any shape."""
        return np.clip((z - self.low) / (self.high - self.low), 0, 1)

    def __str__(self) -> str:
        """Return the text that `parse_prior` reads."""
        return f"uniform:{format_exactly(self.low)},{format_exactly(self.high)}"


@dataclass(frozen=True)
class Normal:
    """Each component normal with mean 0, truncated at bounds that contain the share `inside`.

    Truncation gives the clipping rules their bounds; redraws are from the truncated prior (cf. Egan
    et al. 2018).
    """

    sigma: float
    inside: float  # share of the draws of one component
    lengths: tuple[float, float] | None = None  # least and most of z; None: as independent draws

    @cached_property
    def high(self) -> float:
        """The upper bound, e.g. 3.891 σ if 99.99 % are inside."""
        return self.sigma * float(scipy.special.ndtri((1 + self.inside) / 2))

    @property
    def deviation(self) -> float:
        """The standard deviation of a component that is not truncated."""
        return self.sigma

    @property
    def variance(self) -> float:
        bound = self.high / self.sigma
        density = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi)
        return self.sigma**2 * (1 - 2 * bound * density / self.inside)

    @property
    def low(self) -> float:
        return -self.high

    def is_outside(self, z: Any) -> Any:
        return (z <= self.low) | (z >= self.high)

    def quantile(self, share: Any) -> Any:
        below = float(scipy.special.ndtr(self.low / self.sigma))
        inside = below + (1 - 2 * below) * share
        if isinstance(inside, float | np.ndarray):
            return np.clip(self.sigma * scipy.special.ndtri(inside), self.low, self.high)
        import tensorflow as tf  # here: settings load without TensorFlow

        return tf.clip_by_value(self.sigma * tf.math.ndtri(inside), self.low, self.high)

    def share_below(self, z: np.ndarray) -> np.ndarray:
        below = float(scipy.special.ndtr(self.low / self.sigma))
        share: np.ndarray = np.clip(
            (scipy.special.ndtr(z / self.sigma) - below) / (1 - 2 * below), 0, 1
        )
        return share

    def __str__(self) -> str:
        numbers = self.sigma, self.inside, *(self.lengths or ())
        return f"normal:{','.join(map(format_exactly, numbers))}"


Prior = Uniform | Normal


def format_exactly(number: float) -> str:
    """Return the shortest text that is read back as the same number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def make_normal(latent: int, sigma: float = 1.0) -> Normal:
    """Return the normal prior with bounds that contain 99 % of all draws of z (latent,).

    Every component must be inside, so the share for one component is .99 ** (1 / latent), .9999 for
    latent = 100. 1 minus this share is rounded to two digits, so that the prior's text is short.
    """
    outside = float(f"{-math.expm1(math.log(WHOLE_SHARE) / latent):.1e}")
    return Normal(sigma, round(1 - outside, 9))


def fit_normal(draws: np.ndarray) -> Normal:
    """Return the normal prior for draws of z (n, latent), which need not be independent.

    Its deviation is that of the components around 0. Bounds and lengths are a quarter beyond those
    of the draws.
    """
    sigma = float(f"{np.sqrt(np.mean(draws.astype(np.float64) ** 2)):.4g}")
    bound = BEYOND_DRAWS * np.abs(draws).max() / sigma
    usual = make_normal(draws.shape[1], sigma)
    inside = max(usual.inside, round(float(2 * scipy.special.ndtr(bound) - 1), 9))
    norms = np.linalg.norm(draws, axis=1)
    lengths = norms.min() / BEYOND_DRAWS, norms.max() * BEYOND_DRAWS
    low, high = (float(f"{each:.4g}") for each in lengths)
    return Normal(sigma, min(inside, INSIDE_SHARE_RANGE[1]), (low, high))


def parse_prior(text: str, latent: int) -> Prior:
    """Return the prior of a text such as `uniform:LOW,HIGH` or `normal:SIGMA,INSIDE`.

    The numbers are optional. Without INSIDE, the share follows from `latent`, the size of z. Raises
    ConfigError.
    """
    name, _, numbers = (part.strip() for part in text.partition(":"))
    advice = (
        "give uniform or uniform:LOW,HIGH, or normal, normal:SIGMA or normal:SIGMA,INSIDE; INSIDE "
        "is the probability that one component is inside the bounds, above 0 and below 1, such as "
        f"normal:1,0.999; bounds are at least {MIN_SPREAD:g} apart and at most {MAX_COMPONENT:g}"
    )
    if name not in _PRIORS:
        advice = "give normal" if name.startswith("gauss") else "give uniform or normal"
    lengths: tuple[float, float] | None = None
    try:
        given = [float(part) for part in numbers.split(",")] if numbers else []
        if name == "uniform" and len(given) == 2 and given[0] > given[1]:
            advice = f"LOW comes first, as in uniform:{given[1]:g},{given[0]:g}"
        is_cut_by_default = name == "normal" and len(given) < 2
        if name == "normal" and len(given) == 4:
            given, lengths = given[:2], (given[2], given[3])
        prior = make_normal(latent, *given) if is_cut_by_default else _PRIORS[name](*given)
        if lengths and isinstance(prior, Normal):
            prior = replace(prior, lengths=lengths)
        least, most = INSIDE_SHARE_RANGE
        has_share = isinstance(prior, Uniform) or least <= prior.inside <= most
        largest, spread = max(1.0, -prior.low, prior.high), prior.high - prior.low
        if not (has_share and largest <= MAX_COMPONENT and spread >= MIN_SPREAD * largest):
            raise ValueError("bounds the wrong way round, too near or too far, or no share")
        return prior
    except (KeyError, ValueError, TypeError):
        raise ConfigError(f"{text!r} is not a prior of z: {advice}") from None


_PRIORS: dict[str, Callable[..., Prior]] = {"uniform": Uniform, "normal": Normal}
