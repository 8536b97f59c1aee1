"""A generator as read from a file: network, prior and provenance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganinv_cli.network.convention import Convention
from ganinv_cli.network.graph import Network
from ganinv_cli.network.norms.check import UNCHECKED, NormCheck
from ganinv_cli.network.traced_network import TracedNetwork
from ganinv_cli.prior import Prior

Origin = Mapping[str, Any]  # plain JSON: evidence that a generator is the one that was trained
UNKNOWN: Origin = {"confirmed": None, "doubt": "", "conventions": []}


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
        rows = (vars(each) for each in self.conventions)
        keys = ("name", "layer", "value", "source")
        return {
            "confirmed": self.norm_check.is_confirmed,
            "doubt": self.norm_check.doubt,
            "conventions": [{key: row[key] for key in keys} for row in rows],
        }

    @property
    def sha256(self) -> str:
        """Hash of the network and its weights; it does not depend on the file or the names."""
        return self.network.sha256
