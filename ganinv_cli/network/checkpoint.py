"""A generator as it was read: its layers, its prior and where it came from."""

from dataclasses import dataclass

from ganinv_cli.network.graph import Network
from ganinv_cli.prior import Prior


@dataclass(frozen=True)
class Checkpoint:
    """A generator that is ready for use: pictures in [-1, 1], of finite weights, from a prior."""

    network: Network
    prior: Prior
    format: str
    layout: str
    path: str
    ignored: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    convention_files: tuple[str, ...] = ()  # the files beside it that said what it does not

    @property
    def sha256(self) -> str:
        """Of the layers and their weights: equal for equal layers, whatever their file."""
        return self.network.sha256
