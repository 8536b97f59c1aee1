"""The prior that a run drew z from, in numbers and words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganinv_cli.errors import ConfigError, ResultsError
from ganinv_cli.prior import Normal, Prior, Uniform, parse_prior
from ganinv_cli.statistics import Booleans, Floats

DEFAULT = Uniform()  # the paper's, and that of files which name none


def read_prior(config: Mapping[str, Any]) -> Prior:
    """That of the run with this config. Raises ResultsError where it is none that we know."""
    name = str(config.get("prior") or DEFAULT)
    try:
        return parse_prior(name)
    except ConfigError:
        raise ResultsError(
            f"the results' config names the prior {name!r}, which this ganinv does not know; "
            "use the ganinv that wrote them, or a newer one"
        ) from None


def is_outside(z: Floats, prior: Prior) -> Booleans:
    """Which components of z, of any shape, are outside the bounds by more than float32 rounds."""
    return np.asarray((z < min(_with_float32(prior.low))) | (z > max(_with_float32(prior.high))))


def is_at_bound(z: Floats, prior: Prior) -> Booleans:
    """Which components of z, of any shape, are at a bound, as float32 holds it, or beyond."""
    return np.asarray((z <= max(_with_float32(prior.low))) | (z >= min(_with_float32(prior.high))))


def format_range(prior: Prior) -> str:
    """[-1, 1], which each component is drawn from."""
    low, high = format_bounds(prior)
    return f"[{low}, {high}]"


def format_bounds(prior: Prior) -> tuple[str, str]:
    """Both, in words."""
    return _format_bound(prior.low), _format_bound(prior.high)


def describe_distribution(prior: Prior) -> str:
    """`uniform in [-1, 1]`, of one component."""
    if isinstance(prior, Normal):
        return f"normal with σ = {prior.sigma:g}, cut at ±{_format_bound(prior.high)}"
    return f"uniform in {format_range(prior)}"


def describe_prior(prior: Prior) -> list[str]:
    """What z is drawn from, unless that goes without saying."""
    if prior == DEFAULT:
        return []
    if isinstance(prior, Normal):
        return [
            f"z is drawn from a normal prior with σ = {prior.sigma:g}, cut at "
            f"±{_format_bound(prior.high)} (the middle {100 * prior.inside:.10g} %)."
        ]
    return [f"z is drawn from a prior that is {describe_distribution(prior)}."]


def _with_float32(bound: float) -> tuple[float, float]:
    """A bound, and as float32 holds it: z in float64 may have been clamped in float32."""
    return bound, float(np.float32(bound))


def _format_bound(bound: float) -> str:
    return f"{bound:.3g}"
