"""A generator as read from a file: layers, prior and provenance."""

from dataclasses import dataclass

from ganinv_cli.network.graph import Network
from ganinv_cli.prior import Prior


@dataclass(frozen=True)
class Checkpoint:
    """A complete generator: images in [-1, 1], finite weights, and a prior."""

    network: Network
    prior: Prior
    format: str
    layout: str
    path: str
    ignored: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    convention_files: tuple[str, ...] = ()  # files beside it that state conventions

    @property
    def sha256(self) -> str:
        """Hash of the layers and their weights; it does not depend on the file or the names."""
        return self.network.sha256
