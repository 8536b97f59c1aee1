"""Read the image files of a run, and the recoveries of each by clipping rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Group, Pixels, share_gradients
from ganinv_cli.analysis.prior import read_prior
from ganinv_cli.analysis.recoveries import Recoveries
from ganinv_cli.analysis.verdict import (
    CountedPixels,
    Evidence,
    Judgement,
    Verdict,
    gather_evidence,
    judge,
)
from ganinv_cli.clipping import RULES
from ganinv_cli.prior import Prior
from ganinv_cli.settings.names import image_group, image_number, is_image_group, name_images
from ganinv_cli.store import NamedImage

if TYPE_CHECKING:
    from ganinv_cli.store import Results

ImageKey = tuple[int, str]  # number and name; an image of two names has two


@dataclass(frozen=True)
class ImageResults:
    """One image file of a run, and its recoveries by clipping rule."""

    number: int
    name: str  # of its file, in the command or as stored
    columns: Group  # one row
    recoveries: dict[str, Recoveries]  # in the rules' order; only rules that have recoveries
    certificates: dict[str, Group]  # one row each, the newest; of rules that have finished
    pixels: CountedPixels
    prior: Prior  # of z
    gradients_shared: float  # each recovery's share of what the run spent once

    @property
    def key(self) -> ImageKey:
        return self.number, self.name

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes; empty if it is not stored."""
        return _read_text(self.columns, "sha256")

    @property
    def handling(self) -> str:
        """Changes made to the file to make it an input, in words; empty for none worth a note."""
        return _read_text(self.columns, "said")

    @property
    def error(self) -> str:
        """Why the file could not be read; empty if it was read."""
        return _read_text(self.columns, "error")

    @property
    def pixel_count(self) -> int:
        """Pixels times channels that the image loss sums over."""
        return self.pixels.number

    @property
    def rounding_loss(self) -> float:
        """Image loss that rounding to 8 bits leaves at most."""
        return statistics.rounding_residual(self.pixel_count)

    def find_certificate(self, rule: str) -> Group | None:
        """Return the certificate of a rule if it is of all its recoveries, else None."""
        certificate = self.certificates.get(rule)
        return certificate if _is_whole(certificate, self.recoveries[rule].group) else None

    def gather_evidence(self, rule: str) -> Evidence:
        """Return the evidence for the verdict under a rule."""
        return gather_evidence(self.recoveries[rule], self.find_certificate(rule), self.pixels)

    def read_judgement(self, rule: str, evidence: Evidence) -> Judgement:
        """Return the verdict that the run stored under a rule.

        A file that has what it follows from, but is older than stored verdicts, gets it here.
        """
        certificate = self.find_certificate(rule)
        if certificate is None:
            return Judgement("not finished", "some starts have not ended; let the run go on")
        if verdict := _read_text(certificate, "verdict"):
            return Judgement(cast("Verdict", verdict), _read_text(certificate, "explanation"))
        if "explained" not in certificate:
            return Judgement("no verdict", "the file is of ganinv 1.0; run it again")
        return judge(evidence, self.recoveries[rule].prior)

    @cached_property
    def target(self) -> Pixels:
        """The target image at the generator's size (height, width, channels)."""
        return np.asarray(self.columns["target"][0])


def read_images(results: "Results") -> Iterator[ImageResults]:
    """Yield the images in the order they were given, one at a time: all z may not fit in memory.

    An image that was given under two names comes twice. Names have folders if others need them.
    """
    stored = {
        image_number(name): NamedImage(image_number(name), "")
        for name, group in sorted(results.groups.items())
        if is_image_group(name) and len(group["trial"])
    }
    shown = stored.values() if results.selection is None else results.selection
    present = [image for image in shown if image.number in stored]
    paths = [
        each.name or _read_text(results.groups[image_group(each.number)], "name")
        for each in present
    ]
    named = zip(present, name_images(paths), strict=True)
    return (_read_image(results, image._replace(name=name)) for image, name in named)


def get_reconstruction(certificate: Group) -> Pixels:
    """Return G(z), after the chain if it explains the image (height, width, channels)."""
    explained = "explained" in certificate and certificate["explained"][0]
    return np.asarray(certificate["reenacted" if explained else "reconstruction"][0])


def find_rules(results: "Results") -> set[str]:
    """Return the clipping rules that have recoveries of an image."""
    rules = (
        (name.rpartition("/")[2], group)
        for name, group in results.groups.items()
        if name.startswith("image=")
    )
    return {rule for rule, group in rules if rule in RULES and len(group["trial"])}


def best_psnr(image: ImageResults, recoveries: Recoveries) -> float:
    """Return the PSNR of the best recovery in dB; infinite if its loss is 0."""
    return statistics.psnr(float(recoveries.loss[recoveries.best_row]), image.pixel_count)


def _read_image(results: "Results", image: NamedImage) -> ImageResults:
    groups, name = results.groups, image_group(image.number)
    rules: dict[str, Recoveries] = {}
    certificates: dict[str, Group] = {}
    pixels = _count_pixels(results, groups[name])
    rounding = statistics.rounding_residual(pixels.number)
    prior = read_prior(results.attributes.get("config", {}))
    for rule in RULES:
        group = groups.get(f"{name}/{rule}")
        if group is None or not len(group["trial"]):
            continue
        certificate = groups.get(f"{name}/{rule}/certificate")
        if certificate is not None and len(certificate["trial"]):
            # An extended run also has an earlier certificate, of fewer recoveries.
            certificates[rule] = {key: values[-1:] for key, values in certificate.items()}
        newest = certificates.get(rule)
        best = int(newest["best"][0]) if newest and _is_whole(newest, group) else None
        rules[rule] = Recoveries(group, rounding, prior, best)
    return ImageResults(
        *(*image, groups[name], rules, certificates, pixels, prior),
        gradients_shared=share_gradients(results),
    )


def _is_whole(certificate: Group | None, group: Group) -> bool:
    return certificate is not None and certificate["recoveries"][0] == len(group["trial"])


def _read_text(columns: Group, name: str) -> str:
    """Return a text of a group of one row; empty if the file has no such column."""
    return bytes(columns[name][0]).decode(errors="replace") if name in columns else ""


def _count_pixels(results: "Results", image: Group) -> CountedPixels:
    """Return the pixels that count: not the border, or by the mask."""
    border = image["border"][0] if "border" in image else np.zeros(4, np.int64)
    if "pixels_counted" in results.constants:
        return CountedPixels(int(results.constants["pixels_counted"]), True, bool(border.any()))
    height, width, channels = image["target"][0].shape
    top, right, bottom, left = border
    inside = int((height - top - bottom) * (width - left - right) * channels)
    return CountedPixels(inside, False, bool(border.any()))
