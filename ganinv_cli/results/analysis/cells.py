"""The results of a run as a grid: the trials of each case under each rule, and what they say.

Reports, programs and files of latent vectors read results here, and nowhere else.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.clipping import RULES
from ganinv_cli.noise import get_noise
from ganinv_cli.outcome import THRESHOLD, Outcome
from ganinv_cli.prior import Prior
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.evidence import Evidence, gather_evidence
from ganinv_cli.results.analysis.recoveries import Recoveries, read_prior
from ganinv_cli.results.analysis.verdict import OWN_VERDICTS, Judgement, Verdict, judge
from ganinv_cli.results.statistics import Booleans, Floats
from ganinv_cli.results.store import NamedImage
from ganinv_cli.results.store.rows import Group
from ganinv_cli.settings.names import image_group, image_number, is_image_group, name_images

if TYPE_CHECKING:
    from ganinv_cli.results.store import Results

Pixels = NDArray[np.uint8]  # (height, width, channels)
ImageKey = tuple[int, str]  # number and name; an image of two names has two


@dataclass(frozen=True, eq=False)
class Image:
    """An image file of a run."""

    number: int  # in the run, from 0
    name: str  # of its file, in the command or as stored
    sha256: str  # of the file's bytes; empty if it is not stored
    changes: str  # changes made to the file to make it an input; empty for none worth a note
    error: str  # why the file could not be read; empty if it was read
    columns: Group  # one row
    size: int  # pixels times channels that count

    @property
    def key(self) -> ImageKey:
        return self.number, self.name

    @property
    def target(self) -> Pixels:
        """The image at the generator's size."""
        return np.asarray(self.columns["target"][0])


class Number(NamedTuple):
    """A number that a case is, e.g. a variance of noise."""

    name: str
    value: float


Case = Image | Number | None  # an image, a number, or none in a run of one case
_NUMBERED = re.compile(r"(?!image=)([\w-]+)=([\d.e+-]+)")  # the group of a case that is a number


@dataclass(frozen=True, eq=False)
class Cell:
    """The trials of a case under a rule, at least one, and what is known of them."""

    case: Case
    rule: str
    columns: Group
    truth: Mapping[str, NDArray[Any]]  # "label" and "cramer_rao" (trials,), if they are known
    certificate: Group | None  # one row, the newest; of an image whose trials had ended
    prior: Prior  # of z
    gradients_shared: float  # each trial's share of what the run spent once
    at_any_update: bool = False  # whether the least error of z counts, as in the paper's code
    threshold: float = THRESHOLD  # of the error of z, below which it is recovered
    prefix: str = ""  # of the columns that are read at the end of the trial, or of its first start

    @cached_property
    def first(self) -> "Cell":
        """The same trials, at the end of their first starts."""
        return replace(self, prefix="first/")

    @property
    def image(self) -> Image:
        return cast("Image", self.case)

    @property
    def number(self) -> Number:
        return cast("Number", self.case)

    @property
    def trials(self) -> int:
        return len(self.columns["trial"])

    def has(self, column: str) -> bool:
        return self.prefix + column in self.columns

    def read(self, column: str) -> NDArray[Any]:
        return self.columns[self.prefix + column]

    @cached_property
    def errors(self) -> Floats:
        """‖z − z_true‖² / latent, (trials,) float64; infinite if z is not finite.

        Leaving out such a trial would reward the failure. With `at_any_update` they are the least
        errors. These are known of whole trials, so a first start that was followed by a restart
        counts by its end.
        """
        errors = self.read("z_error")
        if self.at_any_update:
            least = self.columns.get("z_error_least", errors)
            is_last = self.columns["restarts"] == 0
            errors = np.where(is_last, least, errors) if self.prefix else least
        return np.where(np.isnan(errors), np.inf, errors.astype(np.float64))

    @property
    def is_recovered(self) -> Booleans:
        return statistics.is_recovered(self.errors, self.threshold)

    @cached_property
    def outcomes(self) -> NDArray[np.integer]:
        return self.read("outcome")

    @property
    def has_converged(self) -> Booleans:
        return np.asarray(self.outcomes == Outcome.converged)

    @cached_property
    def recoveries(self) -> Recoveries:
        """The trials of an image: which converged, and to how many minima."""
        rounding = statistics.rounding_residual(self.image.size)
        best = int(self.whole_certificate["best"][0]) if self.whole_certificate else None
        return Recoveries(self.columns, rounding, self.prior, best)

    @property
    def best_psnr(self) -> float:
        """PSNR of the best recovery in dB; infinite if its loss is 0."""
        loss = float(self.recoveries.loss[self.recoveries.best_row])
        return statistics.psnr(loss, self.image.size)

    @property
    def whole_certificate(self) -> Group | None:
        """The certificate if it is of all trials; an extended run also has an earlier one."""
        newest = self.certificate
        return newest if newest and newest["recoveries"][0] == self.trials else None

    @cached_property
    def evidence(self) -> Evidence:
        """What the verdict on the image follows from."""
        return gather_evidence(self.recoveries, self.whole_certificate, self.image.size)

    @cached_property
    def judgement(self) -> Judgement:
        """The verdict that the run stored.

        A file that has what it follows from, but is older than stored verdicts, gets it here.
        """
        certificate = self.whole_certificate
        if certificate is None:
            return Judgement("not finished", "it is not re-enacted yet; the same command goes on")
        if verdict := _decode_text(certificate, "verdict"):
            return Judgement(cast("Verdict", verdict), _decode_text(certificate, "explanation"))
        if "explained" not in certificate:
            return Judgement("no verdict", "the file is of ganinv 1.0; run it again")
        return judge(self.evidence, self.prior)

    @property
    def best_z(self) -> Floats:
        """(latent,): refitted through the changes that explain the image, or most of it."""
        again = self.evidence.reenactment
        best = self.recoveries.z[self.recoveries.best_row]
        is_changed = again is not None and (again.explained or self.judgement.verdict == "edited")
        return again.z if again and is_changed else best

    @property
    def z_deviation(self) -> Floats:
        """(latent,): standard error of each component; NaN unless the image is the generator's."""
        again = self.evidence.reenactment
        if again is None or self.judgement.verdict not in OWN_VERDICTS:
            return np.full(self.evidence.latent, np.nan)
        return again.deviation

    @property
    def region(self) -> Booleans | None:
        """(height, width): the pixels that do not count for the verdict; None for none."""
        certificate = self.whole_certificate
        if certificate is None or "region" not in certificate or not certificate["region"].any():
            return None
        return np.asarray(certificate["region"][0] > 0)

    @property
    def reconstruction(self) -> Pixels | None:
        """G(z), after the chain if it explains the image; None if some starts have not ended."""
        certificate = self.whole_certificate
        if certificate is None:
            return None
        explained = "explained" in certificate and certificate["explained"][0]
        return np.asarray(certificate["reenacted" if explained else "reconstruction"][0])


def read_cells(results: "Results") -> list[Cell]:
    """Return the cells that have trials: images as shown, numbers in order, rules in order."""
    config = results.attributes.get("config", {})
    prior, any_update = read_prior(config), config.get("success") == "ever"
    shared = share_gradients(results)
    cells = []
    for group_name, case in _list_cases(results):
        for rule in RULES:
            name = f"{group_name}/{rule}".removeprefix("/")
            columns = results.groups.get(name)
            if columns is not None and len(columns["trial"]):
                truth = _join_truth(results, columns["trial"])
                certificate = _read_certificate(results, name)
                cell = Cell(
                    case,
                    rule,
                    columns,
                    truth,
                    certificate,
                    prior,
                    shared,
                    any_update,
                    results.threshold,
                )
                cells.append(cell)
    return cells


def read_images(results: "Results") -> list[Image]:
    """Return the images in the order they were given, also those that could not be read.

    An image that was given under two names comes twice. Names have folders if others need them.
    """
    stored = {
        image_number(name): NamedImage(image_number(name), "")
        for name, group in sorted(results.groups.items())
        if is_image_group(name) and len(group["trial"])
    }
    shown = stored.values() if results.selection is None else results.selection
    present = [image for image in shown if image.number in stored]
    columns = [results.groups[image_group(image.number)] for image in present]
    paths = [
        image.name or _decode_text(of, "name") for image, of in zip(present, columns, strict=True)
    ]
    return [
        Image(
            image.number,
            name,
            _decode_text(of, "sha256"),
            _decode_text(of, "changes"),
            _decode_text(of, "error"),
            of,
            _count_pixel_values(results, of),
        )
        for image, name, of in zip(present, name_images(paths), columns, strict=True)
    ]


def share_gradients(results: "Results") -> float:
    """Return each trial's share of the gradients that the run spent once.

    All trials of the file share alike, of whatever rule, level and image; 0 without a trial.
    """
    trials = sum(len(group["trial"]) for group in results.groups.values() if "seconds" in group)
    return float(results.constants.get("shared_gradients", 0)) / max(trials, 1)


def _list_cases(results: "Results") -> Iterator[tuple[str, Case]]:
    """Yield each case with the name of its group; of levels, the least noise first."""
    yield "", None
    places = {name.rpartition("/")[0] for name in results.groups}
    numbered = [found for place in places if (found := _NUMBERED.fullmatch(place))]
    cases = ((found[0], Number(found[1], float(found[2]))) for found in numbered)
    noise = get_noise(results.attributes.get("config", {}))
    yield from sorted(cases, key=lambda pair: pair[1].value, reverse=not noise.more_is_worse)
    yield from ((image_group(image.number), image) for image in read_images(results))


def _read_certificate(results: "Results", name: str) -> Group | None:
    rows = results.groups.get(f"{name}/certificate")
    if rows is None or not len(rows["trial"]):
        return None
    return {column: values[-1:] for column, values in rows.items()}


def _join_truth(results: "Results", trials: NDArray[np.integer]) -> dict[str, Floats]:
    """Return the columns of the root group for these trials, (trials,) float64; NaN: not there."""
    root = results.groups.get("", {})
    columns = [name for name in ("label", "cramer_rao") if name in root]
    joined = {name: np.full(len(trials), np.nan) for name in columns}
    if joined:
        _, there, here = np.intersect1d(root["trial"], trials, True, return_indices=True)
        for name, values in joined.items():
            values[here] = root[name][there]
    return joined


def _decode_text(columns: Group, name: str) -> str:
    """Return a text of a group of one row; empty if the file has no such column."""
    return bytes(columns[name][0]).decode(errors="replace") if name in columns else ""


def _count_pixel_values(results: "Results", image: Group) -> int:
    """Return how many pixels times channels of an image count."""
    size = image["target"][0].size
    if "pixels_counted" not in image:  # ganinv 1.0 had only a mask, of all images
        return int(results.constants.get("pixels_counted", size))
    return int(image["pixels_counted"][0])
