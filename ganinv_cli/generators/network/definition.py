"""The definition of a generator: network, prior and provenance, and how each convention is known.

Statistics of batch norms decide an inferred value of a convention against all others; it is
confirmed if it is also the usual value. Pictures decide between two last strides.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from ganinv_cli.generators.network.graph import Network, PixelRange, TracedNetwork
from ganinv_cli.generators.network.norms.check import UNCHECKED, NormCheck
from ganinv_cli.prior import Prior

Source = Literal["file", "given", "inferred", "confirmed", "pictures", "assumed"]
Origin = Mapping[str, Any]  # plain JSON: evidence that a generator is the one that was trained
MOST_BEYOND = 2  # largest pixel, over that of pictures of a few random z
UNKNOWN: Origin = {"confirmed": None, "doubt": "", "conventions": []}


class Alternative(NamedTuple):
    """Another value of a convention, and how well the stored statistics fit it."""

    value: str
    discrepancy: float | None  # None: its pictures are smoother


@dataclass(frozen=True)
class Convention:
    """A property that a file may not state: its value, and how that is known."""

    name: str  # of the option that gives it, e.g. "activation"
    layer: str  # name in the file; empty for the whole generator
    value: str  # as the option takes it, e.g. "leaky_relu:0.2"
    source: Source
    discrepancy: float | None = None  # of the next norm's statistics, see `norms.check`
    # the second best value, if others were tried; of a given value one that fits better
    runner_up: Alternative | None = None

    @property
    def better_value(self) -> str:
        """The value that fits better than the given one; empty if none does."""
        return self.runner_up.value if self.source == "given" and self.runner_up else ""


@dataclass(frozen=True)
class Definition:
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
    norm_check: NormCheck = UNCHECKED  # set by `formats.cached_check`
    # least and largest pixel in pictures of draws, if no function bounds them; by the same check
    seen_range: PixelRange | None = None
    draws: np.ndarray | None = field(default=None, compare=False)  # of z, (n, latent) float32
    convention_files: tuple[str, ...] = ()  # files beside it that state conventions

    @property
    def reach(self) -> float:
        """Largest absolute value that a pixel is believed to have, 1 if a function bounds it."""
        return MOST_BEYOND * max(1.0, *map(abs, self.seen_range)) if self.seen_range else 1.0

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


def summarize_inferred(conventions: Iterable[Convention]) -> str:
    """Return the inferred and confirmed values in one line, as "prior normal:1; strides 2,2"."""
    values: dict[str, list[str]] = {}
    for each in conventions:
        if each.source in ("inferred", "confirmed"):
            values.setdefault(each.name, []).append(each.value)
    return "; ".join(
        f"{name} {values[name][0] if len({*values[name]}) == 1 else ','.join(values[name])}"
        for name in values
    )


def describe_assumptions(definition: Definition) -> Iterator[str]:
    """Yield what a user should know before a run: conventions inferred or assumed, and notes."""
    for file in definition.convention_files:
        yield f"{definition.path}: conventions are taken from {file}"
    if inferred := summarize_inferred(definition.conventions):
        yield f"{definition.path}: inferred from its batch norms: {inferred}"
    if definition.assumed:
        yield f"{definition.path} does not say, and so is assumed:"
    for clause in definition.assumed:
        yield f"  {clause}"
    for clause in definition.notes:
        yield f"{definition.path}: {clause}"
