"""The prior of a run's z: read from its config, and in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganinv_cli.errors import ConfigError, ResultsError
from ganinv_cli.prior import Normal, Prior, Uniform, parse_prior
from ganinv_cli.statistics import Booleans, Floats

DEFAULT = Uniform()  # the paper's, and the prior of files that name none


def read_prior(config: Mapping[str, Any]) -> Prior:
    """Return the prior of a run from its config. Raises ResultsError if it is unknown."""
    name = str(config.get("prior") or DEFAULT)
    try:
        return parse_prior(name, latent=1)  # results state the share, so no default is needed
    except ConfigError:
        raise ResultsError(
            f"the results' config names the prior {name!r}, which this ganinv does not know; "
            "use the ganinv that wrote them, or a newer one"
        ) from None


def is_outside(z: Floats, prior: Prior) -> Booleans:
    """Return which components of z, of any shape, are outside the bounds beyond rounding."""
    return np.asarray((z < min(_with_float32(prior.low))) | (z > max(_with_float32(prior.high))))


def is_at_bound(z: Floats, prior: Prior) -> Booleans:
    """Return which components of z, of any shape, are at a bound, in float32, or beyond."""
    return np.asarray((z <= max(_with_float32(prior.low))) | (z >= min(_with_float32(prior.high))))


def format_range(prior: Prior) -> str:
    """Return the range of a component as text, e.g. `[-1, 1]`."""
    return f"[{prior.low:.3g}, {prior.high:.3g}]"


def describe_prior(prior: Prior) -> list[str]:
    """Return a sentence on the prior of z, or none for the paper's."""
    if prior == DEFAULT:
        return []
    if isinstance(prior, Normal):
        return [
            f"z is drawn from a normal prior with σ = {prior.sigma:g}, cut at ±{prior.high:.3g}: "
            f"this keeps {100 * prior.inside:.10g} % of a component's draws."
        ]
    return [f"z is drawn from a prior that is uniform in {format_range(prior)}."]


def _with_float32(bound: float) -> tuple[float, float]:
    """Return a bound, and the bound in float32: z in float64 may have been clamped in float32."""
    return bound, float(np.float32(bound))
