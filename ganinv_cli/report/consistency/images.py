"""The image files of a run, and what each rule found of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.prior import Prior
from ganinv_cli.report.consistency.minima import Recoveries
from ganinv_cli.report.shared.prior import prior_of
from ganinv_cli.report.shared.run import Group
from ganinv_cli.settings.names import RULES, image_number

if TYPE_CHECKING:
    from ganinv_cli.store import Results


@dataclass(frozen=True)
class Image:
    """One image file of a run, and what each rule found of it."""

    number: int
    columns: Group  # one row
    rules: dict[str, Recoveries]  # in the rules' order; only what has recoveries
    certificates: dict[str, Group]  # one row each, the last one made; of rules that once finished
    counted: int | None  # pixels times channels that the image loss sums over
    masked: bool  # whether a mask left some out
    prior: Prior  # what z was drawn from

    @property
    def name(self) -> str:
        return self._words("name") or f"image {self.number}"

    @property
    def sha256(self) -> str:
        """Of the file's bytes; empty where it is not known."""
        return self._words("sha256")

    @property
    def said(self) -> str:
        """What was done to the file to make it an input; empty: nothing worth saying."""
        return self._words("said")

    @property
    def error(self) -> str:
        """Why the file could not be read; empty when it could."""
        return self._words("error")

    @cached_property
    def target(self) -> NDArray[np.uint8] | None:
        """(height, width, channels), as the generator sees it."""
        return self.columns["target"][0] if "target" in self.columns and not self.error else None

    def _words(self, column: str) -> str:
        if column not in self.columns:
            return ""
        value = self.columns[column][0]
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def images(results: "Results") -> Iterator[Image]:
    """In the order they were given; each is made when it is asked for, for all z may be many."""
    return (_image(results, name) for name in _names(results))


def techniques(results: "Results") -> set[str]:
    """Those that have recoveries of an image."""
    rules = (
        (name.rpartition("/")[2], group)
        for name, group in results.groups.items()
        if name.startswith("image=")
    )
    return {rule for rule, group in rules if rule in RULES and len(group["trial"])}


def by_rule(given: Iterable[Image]) -> Iterator[tuple[Image, str, Recoveries]]:
    """Every image with each technique that has recoveries of it."""
    return (
        (image, technique, recoveries)
        for image in given
        for technique, recoveries in image.rules.items()
    )


def _names(results: "Results") -> Iterator[str]:
    for name, group in sorted(results.groups.items()):
        if name.startswith("image=") and "/" not in name and len(group["trial"]):
            yield name


def _image(results: "Results", name: str) -> Image:
    groups = results.groups
    rules: dict[str, Recoveries] = {}
    certificates: dict[str, Group] = {}
    counted = _counted(results, groups[name])
    rounding = 0.0 if counted is None else statistics.rounding_residual(counted)
    prior = prior_of(results.attributes.get("config", {}))
    for rule in RULES:
        group = groups.get(f"{name}/{rule}")
        if group is not None and len(group["trial"]):
            rules[rule] = Recoveries(group, rounding, prior)
            certificate = groups.get(f"{name}/{rule}/certificate")
            if certificate is not None and len(certificate["trial"]):
                # A run that was extended has an earlier one too, of fewer recoveries.
                certificates[rule] = {key: values[-1:] for key, values in certificate.items()}
    number, masked = image_number(name), "pixels_counted" in results.constants
    return Image(number, groups[name], rules, certificates, counted, masked, prior)


def _counted(results: "Results", image: Group) -> int | None:
    """A mask says how many; without one they all count."""
    if "pixels_counted" in results.constants:
        return int(results.constants["pixels_counted"])
    return int(image["target"][0].size) if "target" in image else None
