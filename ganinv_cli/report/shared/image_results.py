"""The image files of a run, and what each rule found of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganinv_cli import statistics
from ganinv_cli.clipping import RULES
from ganinv_cli.prior import Prior
from ganinv_cli.report.output.plain_numbers import finite_or_none
from ganinv_cli.report.report import Row
from ganinv_cli.report.shared.prior import read_prior
from ganinv_cli.report.shared.recoveries import Recoveries
from ganinv_cli.report.shared.run import Group
from ganinv_cli.settings.names import image_number

if TYPE_CHECKING:
    from ganinv_cli.store import Results


@dataclass(frozen=True)
class ImageResults:
    """One image file of a run, and what each rule found of it."""

    number: int
    columns: Group  # one row
    recoveries: dict[str, Recoveries]  # in the rules' order; only what has recoveries
    certificates: dict[str, Group]  # one row each, the last one made; of rules that once finished
    pixel_count: int | None  # pixels times channels that the image loss sums over
    masked: bool  # whether a mask left some out
    prior: Prior  # what z was drawn from

    @property
    def name(self) -> str:
        return self._read_text("name") or f"image {self.number}"

    @property
    def sha256(self) -> str:
        """Of the file's bytes; empty where it is not known."""
        return self._read_text("sha256")

    @property
    def handling(self) -> str:
        """What was done to the file to make it an input; empty: nothing worth saying."""
        return self._read_text("said")

    @property
    def error(self) -> str:
        """Why the file could not be read; empty when it could."""
        return self._read_text("error")

    @cached_property
    def target(self) -> NDArray[np.uint8] | None:
        """(height, width, channels), as the generator sees it."""
        return self.columns["target"][0] if "target" in self.columns and not self.error else None

    def _read_text(self, column: str) -> str:
        if column not in self.columns:
            return ""
        value = self.columns[column][0]
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def read_images(results: "Results") -> Iterator[ImageResults]:
    """In the order they were given; each is made when it is asked for, for all z may be many."""
    return (_read_image(results, name) for name in _find_image_groups(results))


def find_rules(results: "Results") -> set[str]:
    """Those that have recoveries of an image."""
    rules = (
        (name.rpartition("/")[2], group)
        for name, group in results.groups.items()
        if name.startswith("image=")
    )
    return {rule for rule, group in rules if rule in RULES and len(group["trial"])}


def iterate_recoveries(
    images: Iterable[ImageResults],
) -> Iterator[tuple[ImageResults, str, Recoveries]]:
    """Every image with each technique that has recoveries of it."""
    return (
        (image, technique, recoveries)
        for image in images
        for technique, recoveries in image.recoveries.items()
    )


def finite_psnr(image: ImageResults, recoveries: Recoveries) -> float | None:
    """Of the best, in dB; None: not known, or infinite."""
    return finite_or_none(best_psnr(image, recoveries))


def best_psnr(image: ImageResults, recoveries: Recoveries) -> float:
    """The PSNR of the best; infinite where its loss is 0, NaN where it is not known."""
    least = float(recoveries.loss[recoveries.best_row])
    return statistics.psnr(least, image.pixel_count) if image.pixel_count else np.nan


def make_error_rows(image: ImageResults) -> list[Row]:
    """Why its file could not be read; nothing where it could."""
    if not image.error:
        return []
    return [{"image": image.name, "number": image.number, "error": image.error}]


def _find_image_groups(results: "Results") -> Iterator[str]:
    for name, group in sorted(results.groups.items()):
        if name.startswith("image=") and "/" not in name and len(group["trial"]):
            yield name


def _read_image(results: "Results", name: str) -> ImageResults:
    groups = results.groups
    rules: dict[str, Recoveries] = {}
    certificates: dict[str, Group] = {}
    pixel_count = _count_pixels(results, groups[name])
    rounding = 0.0 if pixel_count is None else statistics.rounding_residual(pixel_count)
    prior = read_prior(results.attributes.get("config", {}))
    for rule in RULES:
        group = groups.get(f"{name}/{rule}")
        if group is not None and len(group["trial"]):
            rules[rule] = Recoveries(group, rounding, prior)
            certificate = groups.get(f"{name}/{rule}/certificate")
            if certificate is not None and len(certificate["trial"]):
                # A run that was extended has an earlier one too, of fewer recoveries.
                certificates[rule] = {key: values[-1:] for key, values in certificate.items()}
    number, masked = image_number(name), "pixels_counted" in results.constants
    return ImageResults(number, groups[name], rules, certificates, pixel_count, masked, prior)


def _count_pixels(results: "Results", image: Group) -> int | None:
    """A mask says how many; without one they all count."""
    if "pixels_counted" in results.constants:
        return int(results.constants["pixels_counted"])
    return int(image["target"][0].size) if "target" in image else None
