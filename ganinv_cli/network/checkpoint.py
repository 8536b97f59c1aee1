"""A generator as read from a file: network, prior and provenance."""

from dataclasses import dataclass

from ganinv_cli.network.convention import Convention
from ganinv_cli.network.graph import Network
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.prior import Prior


@dataclass(frozen=True)
class Checkpoint:
    """A complete generator: images in [-1, 1], finite weights, and a prior."""

    network: Network | TracedNetwork
    prior: Prior
    format: str
    layout: str
    path: str
    ignored: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # properties that limit what can be recovered, a clause each
    conventions: tuple[Convention, ...] = ()  # from z to the image
    convention_files: tuple[str, ...] = ()  # files beside it that state conventions

    @property
    def has_layers(self) -> bool:
        """Whether the layers are known, so that it can be computed in any precision."""
        return isinstance(self.network, Network)

    @property
    def sha256(self) -> str:
        """Hash of the network and its weights; it does not depend on the file or the names."""
        return self.network.sha256
