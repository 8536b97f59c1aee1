"""Read the image files of a run, and the recoveries of each by clipping rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Group, Pixels, share_gradients
from ganinv_cli.analysis.prior import read_prior
from ganinv_cli.analysis.recoveries import Recoveries
from ganinv_cli.clipping import RULES
from ganinv_cli.images.copies import ROUNDED
from ganinv_cli.prior import Prior
from ganinv_cli.settings.names import image_group, image_number, is_image_group, name_images
from ganinv_cli.statistics import Floats
from ganinv_cli.store import NamedImage

if TYPE_CHECKING:
    from ganinv_cli.store import Results

ImageKey = tuple[int, str]  # number and name; an image of two names has two


class Reenactment(NamedTuple):
    """The chain of changes that comes nearest to the image, and what is left after it."""

    explained: bool  # whether the chain leaves no more than it does of the generator's own pictures
    chain: str  # in words, e.g. "saved as JPEG 75"; empty: rounded to 8 bits alone
    excess: float  # RMS in grey levels that the chain leaves
    limit: float  # of the generator's own pictures, at most
    z: Floats  # (latent,), refitted through the chain; the best one if nothing explains the image
    deviation: Floats  # (latent,) standard error of z
    known_directions: int  # with a standard error below half the prior's deviation
    stranger_rmse: Floats  # (strangers,) grey levels, of pictures that it cannot make, ascending
    has_border: bool = False  # that does not count

    @property
    def words(self) -> str:
        """The chain, and what was left out; empty: rounded to 8 bits alone."""
        return "; ".join(filter(None, [self.chain, "without its border" * self.has_border]))

    @property
    def keeps_loss(self) -> bool:
        """Whether the image loss of a start says how well it explains the image, as in white noise.

        After a change G(z) is another picture, and a JPEG has errors that are larger and not white.
        """
        return not self.chain or self.chain.startswith("noise of")


@dataclass(frozen=True)
class ImageResults:
    """One image file of a run, and its recoveries by clipping rule."""

    number: int
    name: str  # of its file, in the command or as stored
    columns: Group  # one row
    recoveries: dict[str, Recoveries]  # in the rules' order; only rules that have recoveries
    certificates: dict[str, Group]  # one row each, the newest; of rules that have finished
    pixel_count: int  # pixels times channels that the image loss sums over
    masked: bool  # whether a mask excludes some pixels
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

    @cached_property
    def copy_losses(self) -> dict[int, float]:
        """Largest image loss of copies of the generator's own pictures, by their JPEG quality.

        From the nearest to the farthest; ROUNDED alone if the file has no measurement.
        """
        if "copy_loss" not in self.columns or not np.isfinite(self.columns["copy_loss"][0]).all():
            return {ROUNDED: self.rounding_loss}
        qualities, losses = self.columns["copy_quality"][0], self.columns["copy_loss"][0]
        return dict(
            zip(qualities.tolist(), np.maximum(losses, self.rounding_loss).tolist(), strict=True)
        )

    def find_nearest_copy(self, loss: float) -> int | None:
        """Return the JPEG quality of the nearest copies that lose as much; None: none of them."""
        return next((quality for quality, most in self.copy_losses.items() if loss <= most), None)

    @property
    def has_border(self) -> bool:
        """Whether rows or columns of one colour at the edges do not count."""
        return "border" in self.columns and bool(self.columns["border"].any())

    @property
    def rounding_loss(self) -> float:
        """Image loss that rounding to 8 bits leaves at most."""
        return statistics.rounding_residual(self.pixel_count)

    def find_certificate(self, rule: str) -> Group | None:
        """Return the certificate of a rule, if it is of the current best z."""
        certificate, recoveries = self.certificates.get(rule), self.recoveries[rule]
        if certificate is None:
            return None
        is_current = certificate["best"][0] == recoveries.group["trial"][recoveries.best_row]
        return certificate if is_current else None

    def read_reenactment(self, rule: str) -> Reenactment | None:
        """Return the re-enactment in the certificate of a rule; None if it has none."""
        certificate = self.find_certificate(rule)
        if certificate is None or "explained" not in certificate:
            return None
        row = {name: values[0] for name, values in certificate.items()}
        strangers = row.get("stranger_rmse", np.zeros(0))
        return Reenactment(
            bool(row["explained"]),
            bytes(row["chain"]).decode(errors="replace"),
            float(row["excess"]),
            float(row["excess_limit"]),
            row["z_explained"].astype(np.float64),
            row["z_deviation"].astype(np.float64),
            int(row["known_directions"]),
            strangers[np.isfinite(strangers)],
            self.has_border,
        )

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
    pixel_count = _count_pixels(results, groups[name])
    rounding = statistics.rounding_residual(pixel_count)
    prior = read_prior(results.attributes.get("config", {}))
    for rule in RULES:
        group = groups.get(f"{name}/{rule}")
        if group is not None and len(group["trial"]):
            rules[rule] = Recoveries(group, rounding, prior)
            certificate = groups.get(f"{name}/{rule}/certificate")
            if certificate is not None and len(certificate["trial"]):
                # An extended run also has an earlier certificate, of fewer recoveries.
                certificates[rule] = {key: values[-1:] for key, values in certificate.items()}
    masked = "pixels_counted" in results.constants
    return ImageResults(
        *(*image, groups[name], rules, certificates, pixel_count, masked, prior),
        gradients_shared=share_gradients(results),
    )


def _read_text(columns: Group, name: str) -> str:
    """Return a text of a group of one row."""
    return bytes(columns[name][0]).decode(errors="replace")


def _count_pixels(results: "Results", image: Group) -> int:
    """Return the pixels times channels that the loss sums over: not the border, or by the mask."""
    if "pixels_counted" in results.constants:
        return int(results.constants["pixels_counted"])
    height, width, channels = image["target"][0].shape
    top, right, bottom, left = image["border"][0] if "border" in image else (0, 0, 0, 0)
    return int((height - top - bottom) * (width - left - right) * channels)
