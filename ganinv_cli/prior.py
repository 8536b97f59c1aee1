"""Where latent vectors come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Uniform:
    """Each component uniform in [low, high], independently of the others."""

    low: float = -1.0
    high: float = 1.0
