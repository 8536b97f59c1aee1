"""Where latent vectors come from."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from ganinv_cli.errors import ConfigError

INSIDE = 0.99  # share of a normal prior's draws that lie within its bounds


@dataclass(frozen=True)
class Uniform:
    """Each component uniform in [low, high], independently of the others."""

    low: float = -1.0
    high: float = 1.0

    def outside(self, z: Any) -> Any:
        """Which components are at or beyond a bound, inclusive as in the paper's code."""
        return (z <= self.low) | (z >= self.high)

    def quantile(self, share: Any) -> Any:
        """The value below which `share`, in (0, 1), of the draws lie: turns uniform bits into z.

        Takes and returns an array or a tensor of any shape.
        """
        return self.low + (self.high - self.low) * share

    def __str__(self) -> str:
        """As `parsed` reads it."""
        return f"uniform:{self.low:g},{self.high:g}"


@dataclass(frozen=True)
class Normal:
    """Each component normal with mean 0, cut at the bounds within which `inside` of it lie.

    Cutting gives the clipping rules bounds, and a redraw is one from the prior that was cut (cf.
    Egan et al. 2018).
    """

    sigma: float = 1.0
    inside: float = INSIDE

    @cached_property
    def high(self) -> float:
        """The upper bound: 2.576 σ where 99 % are inside."""
        return self.sigma * float(ndtri((1 + self.inside) / 2))

    @property
    def low(self) -> float:
        """The lower bound."""
        return -self.high

    def outside(self, z: Any) -> Any:
        """Which components are at or beyond a bound."""
        return (z <= self.low) | (z >= self.high)

    def quantile(self, share: Any) -> Any:
        """The value below which `share`, in (0, 1), of the draws lie: turns uniform bits into z."""
        below = float(ndtr(self.low / self.sigma))
        inside = below + (1 - 2 * below) * share
        if isinstance(inside, float | np.ndarray):
            return self.sigma * ndtri(inside)
        import tensorflow as tf  # in the body: who has a tensor has it already

        return self.sigma * tf.math.ndtri(inside)

    def __str__(self) -> str:
        """As `parsed` reads it."""
        return f"normal:{self.sigma:g},{self.inside:g}"


Prior = Uniform | Normal


def parsed(text: str) -> Prior:
    """`uniform` or `uniform:LOW,HIGH`; `normal`, `normal:SIGMA` or `normal:SIGMA,INSIDE`.

    Raises ConfigError.
    """
    name, _, numbers = text.partition(":")
    try:
        given = [float(part) for part in numbers.split(",")] if numbers else []
        return _KNOWN[name.strip()](*given)
    except (KeyError, ValueError, TypeError):
        raise ConfigError(
            f"prior {text!r} is none: give uniform or uniform:LOW,HIGH, or normal, normal:SIGMA or "
            "normal:SIGMA,INSIDE with the share of its draws that the bounds keep, such as "
            "normal:1,0.99"
        ) from None


def _uniform(low: float = -1.0, high: float = 1.0) -> Uniform:
    if not -math.inf < low < high < math.inf:
        raise ValueError("bounds the wrong way round")
    return Uniform(low, high)


def _normal(sigma: float = 1.0, inside: float = INSIDE) -> Normal:
    if not (0 < sigma < math.inf and 0 < inside < 1):
        raise ValueError("no deviation, or no share")
    return Normal(sigma, inside)


_KNOWN: dict[str, Callable[..., Prior]] = {"uniform": _uniform, "normal": _normal}
