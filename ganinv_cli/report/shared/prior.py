"""The prior that a run drew z from, in numbers and words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganinv_cli.errors import ConfigError, ResultsError
from ganinv_cli.prior import Normal, Prior, Uniform, parsed
from ganinv_cli.statistics import Booleans, Floats

USUAL = Uniform()  # the paper's, and that of files which name none


def prior_of(config: Mapping[str, Any]) -> Prior:
    """That of the run with this config. Raises ResultsError where it is none that we know."""
    said = str(config.get("prior") or USUAL)
    try:
        return parsed(said)
    except ConfigError:
        raise ResultsError(
            f"the results' config names the prior {said!r}, which this ganinv does not know; "
            "use the ganinv that wrote them, or a newer one"
        ) from None


def beyond(z: Floats, prior: Prior) -> Booleans:
    """Which components of z, of any shape, are outside the bounds by more than float32 rounds."""
    return np.asarray((z < min(_twice(prior.low))) | (z > max(_twice(prior.high))))


def at_bound(z: Floats, prior: Prior) -> Booleans:
    """Which components of z, of any shape, are at a bound, as float32 holds it, or beyond."""
    return np.asarray((z <= max(_twice(prior.low))) | (z >= min(_twice(prior.high))))


def box(prior: Prior) -> str:
    """[-1, 1], which each component is drawn from."""
    low, high = bounds(prior)
    return f"[{low}, {high}]"


def bounds(prior: Prior) -> tuple[str, str]:
    """Both, in words."""
    return _number(prior.low), _number(prior.high)


def distribution(prior: Prior) -> str:
    """`uniform in [-1, 1]`, of one component."""
    if isinstance(prior, Normal):
        return f"normal with σ = {prior.sigma:g}, cut at ±{_number(prior.high)}"
    return f"uniform in {box(prior)}"


def sentence(prior: Prior) -> list[str]:
    """What z is drawn from, unless that goes without saying."""
    if prior == USUAL:
        return []
    if isinstance(prior, Normal):
        return [
            f"z is drawn from a normal prior with σ = {prior.sigma:g}, cut at "
            f"±{_number(prior.high)} (the middle {100 * prior.inside:.10g} %)."
        ]
    return [f"z is drawn from a prior that is {distribution(prior)}."]


def _twice(bound: float) -> tuple[float, float]:
    """A bound, and as float32 holds it: z in float64 may have been clamped in float32."""
    return bound, float(np.float32(bound))


def _number(bound: float) -> str:
    return f"{bound:.3g}"
