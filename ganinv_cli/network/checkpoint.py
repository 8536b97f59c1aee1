"""A generator as read from a file: network, prior and provenance."""

from dataclasses import dataclass
from typing import Any

from ganinv_cli.network.convention import Convention
from ganinv_cli.network.graph import Network
from ganinv_cli.network.norms.check import UNCHECKED, NormCheck
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.prior import Prior


@dataclass(frozen=True)
class Origin:
    """Evidence that a generator is the one that was trained."""

    check: NormCheck = UNCHECKED
    conventions: tuple[Convention, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, for results files."""
        return {
            "confirmed": self.check.is_confirmed,
            "doubt": self.check.doubt,
            "conventions": [
                {"name": each.name, "layer": each.layer, "value": each.value, "source": each.source}
                for each in self.conventions
            ],
        }


UNKNOWN = Origin()


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
    notes: tuple[str, ...] = ()  # properties that limit what can be recovered, one clause each
    conventions: tuple[Convention, ...] = ()  # from z to the image
    norm_check: NormCheck = UNCHECKED  # set by `norms.cached_check`
    convention_files: tuple[str, ...] = ()  # files beside it that state conventions

    @property
    def has_layers(self) -> bool:
        """Whether the layers are known, so that it can be computed in any precision."""
        return isinstance(self.network, Network)

    @property
    def origin(self) -> Origin:
        """Evidence that it is the generator that was trained."""
        return Origin(self.norm_check, self.conventions)

    @property
    def sha256(self) -> str:
        """Hash of the network and its weights; it does not depend on the file or the names."""
        return self.network.sha256
