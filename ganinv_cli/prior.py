"""Where latent vectors come from."""

from dataclasses import dataclass
from typing import Any


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
