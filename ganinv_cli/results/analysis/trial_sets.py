"""The results of a run as a grid: the trials of each case under each rule, and what they say.

Reports, programs and files of latent vectors read results here, and nowhere else.
"""

import re
from collections.abc import Mapping
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
from ganinv_cli.results.analysis.evidence import Evidence, gather_evidence, read_value
from ganinv_cli.results.analysis.recoveries import Recoveries, read_prior
from ganinv_cli.results.analysis.verdict import OWN_VERDICTS, Judgement
from ganinv_cli.results.statistics import Booleans, Floats
from ganinv_cli.results.store import Image
from ganinv_cli.results.store.columns import ANSWERED, ERROR, RECOVERIES, TRIAL, Verdict
from ganinv_cli.results.store.rows import NO_ROWS, Group, decode_text, slice_rows, split_by_image
from ganinv_cli.settings.names import COMPARED, IMAGES, name_certificates, name_images, name_starts

if TYPE_CHECKING:
    from ganinv_cli.results.store import Results

Pixels = NDArray[np.uint8]  # (height, width, channels)


class Number(NamedTuple):
    """A number that a case is, e.g. a variance of noise."""

    name: str
    value: float


Case = Image | Number | None  # an image, a number, or none in a run of one case
_NUMBERED = re.compile(r"([\w-]+)=([\d.e+-]+)")  # the group of a case that is a number


@dataclass(frozen=True, eq=False)
class TrialSet:
    """The trials of a case under a rule, at least one, and what is known of them."""

    case: Case
    rule: str
    group: str  # name of the group in the file
    columns: Group
    # if they are known: "z_true" (trials, latent), "label" and "cramer_rao" (trials,)
    truth: Mapping[str, NDArray[Any]]
    certificate: Group | None  # one row; of an image whose trials had ended
    prior: Prior  # of z
    at_any_update: bool = False  # whether the least error of z counts, as in the paper's code
    threshold: float = THRESHOLD  # of the error of z, below which it is recovered
    exercised: bool = True  # False: the rule never acted, and these are the trials of none
    prefix: str = ""  # of the columns that are read at the end of the trial, or of its first start

    @cached_property
    def first(self) -> "TrialSet":
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
        return len(self.columns[TRIAL])

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
        """The certificate if it is of all trials; a run may have been extended since."""
        made = self.certificate
        return made if made and made["recoveries"][0] == self.trials else None

    @cached_property
    def evidence(self) -> Evidence:
        """What the verdict on the image follows from."""
        return gather_evidence(self.recoveries, self.whole_certificate, self.image.size)

    @cached_property
    def judgement(self) -> Judgement:
        """The verdict that the run stored."""
        certificate = self.whole_certificate
        if certificate is None:
            return Judgement("not finished", "it is not judged yet; the same command goes on")
        if error := decode_text(certificate, ERROR):
            return Judgement("failed", error)
        verdict = decode_text(certificate, "verdict") or "no verdict"
        return Judgement(cast("Verdict", verdict), decode_text(certificate, "explanation"))

    @property
    def best_z(self) -> Floats:
        """(latent,): refitted through the changes that explain the image, or most of it."""
        again = self.evidence.reenactment
        best = self.recoveries.z[self.recoveries.best_row]
        is_changed = again is not None and (again.explained or self.judgement.verdict == "edited")
        return again.z_explained if again and is_changed else best

    @property
    def z_deviation(self) -> Floats:
        """(latent,): standard error of each component; NaN unless the image is the generator's."""
        again = self.evidence.reenactment
        if again is None or self.judgement.verdict not in OWN_VERDICTS:
            return np.full(self.evidence.latent, np.nan)
        return again.z_deviation

    def read_certificate(self, column: str) -> Any:
        """Return what is in a column of the certificate of all trials; None if it is not there."""
        certificate = self.whole_certificate or {}
        return read_value(certificate, column) if column in certificate else None

    @property
    def target(self) -> Pixels:
        """The picture that was judged: the image, or a square of its file."""
        again = self.evidence.reenactment
        return self.image.target if again is None else np.asarray(again.target)

    @property
    def region(self) -> Booleans | None:
        """(height, width): the pixels that do not count for the verdict; None for none."""
        region = self.read_certificate("region")
        return None if region is None or not region.any() else np.asarray(region > 0)

    @property
    def reconstruction(self) -> Pixels | None:
        """G(z), after what explains the image, if something does; None: starts have not ended."""
        is_explained = any(map(self.read_certificate, ("explained", "edited", "mixed")))
        pixels: Pixels | None = self.read_certificate(
            "reenacted" if is_explained else "reconstruction"
        )
        return pixels


def read_trial_sets(results: "Results") -> list[TrialSet]:
    """Return the trial sets that have trials: images as shown, numbers in order, rules in order."""
    groups = results.groups
    trial_sets = [
        _make_trial_set(results, number, rule, name, groups[name])
        for place, number in _list_numbers(results)
        for rule in RULES
        if (name := f"{place}/{rule}".removeprefix("/")) in groups and len(groups[name][TRIAL])
    ]
    starts, certificates = (
        {rule: split_by_image(groups.get(name(rule), NO_ROWS)) for rule in RULES}
        for name in (name_starts, name_certificates)
    )
    for image in read_images(results):
        for rule in RULES:
            if rows := starts[rule].get(image.number):
                made = certificates[rule].get(image.number)
                rows = count_answering(rows, made)
                trial_sets.append(
                    _make_trial_set(results, image, rule, name_starts(rule), rows, made)
                )
    return _mark_idle(trial_sets)


def read_compared(results: "Results") -> TrialSet | None:
    """Return the trials of the solver that `recover` compares with; None if there are none."""
    name = f"{COMPARED}/none"
    rows = results.groups.get(name, NO_ROWS)
    if not len(rows[TRIAL]):
        return None
    return replace(_make_trial_set(results, None, "none", name, rows), at_any_update=False)


def _make_trial_set(
    results: "Results",
    case: Case,
    rule: str,
    group: str,
    columns: Group,
    certificate: Group | None = None,
) -> TrialSet:
    config = results.attributes.get("config", {})
    prior, any_update = read_prior(config), config.get("success") == "ever"
    truth = _join_truth(results, columns[TRIAL])
    known = truth, certificate, prior, any_update, results.threshold
    return TrialSet(case, rule, group, columns, *known)


def _mark_idle(trial_sets: list[TrialSet]) -> list[TrialSet]:
    """Mark those as not exercised whose rule never acted, and whose trials none ran."""
    marked, without = [], None
    for trial_set in trial_sets:
        without = trial_set if trial_set.rule == "none" else without
        if trial_set is not without and without and trial_set.case == without.case:
            is_copy = np.isin(trial_set.columns[TRIAL], without.columns[TRIAL]).all()
            trial_set = replace(
                trial_set, exercised=bool(trial_set.read("acted").any() or not is_copy)
            )
        marked.append(trial_set)
    return marked


def count_answering(starts: Group, certificate: Group | None) -> Group:
    """Return the starts of an image that count: if it is answered, those of its certificate."""
    if certificate is None or not certificate.get(ANSWERED, [0])[0]:
        return starts
    return slice_rows(starts, slice(np.searchsorted(starts[TRIAL], certificate[RECOVERIES][0])))


def read_images(results: "Results") -> list[Image]:
    """Return the images in the order they were given, also those that could not be read.

    An image that was given under two names comes twice. Names have folders if others need them.
    """
    rows = split_by_image(results.groups.get(IMAGES, NO_ROWS))
    shown = results.selection
    if shown is None:
        shown = tuple(Image(number, decode_text(row, "name")) for number, row in rows.items())
    present = [image for image in shown if image.number in rows]
    names = name_images([image.name for image in present])
    return [
        Image(image.number, name, rows[image.number])
        for image, name in zip(present, names, strict=True)
    ]


def _list_numbers(results: "Results") -> list[tuple[str, Number | None]]:
    """Return each case that is not an image with the name of its group; the least noise first."""
    places = {name.rpartition("/")[0] for name in results.groups}
    numbered = [found for place in places if (found := _NUMBERED.fullmatch(place))]
    cases = [(found[0], Number(found[1], float(found[2]))) for found in numbered]
    noise = get_noise(results.attributes.get("config", {}))
    cases.sort(key=lambda pair: pair[1].value, reverse=not noise.more_is_worse)
    return [("", None), *cases]


def _join_truth(results: "Results", trials: NDArray[np.integer]) -> dict[str, Floats]:
    """Return the columns of the root group for these trials, float64; NaN: not there."""
    root = results.groups.get("", {})
    columns = [name for name in ("z_true", "label", "cramer_rao") if name in root]
    joined = {name: np.full((len(trials), *root[name].shape[1:]), np.nan) for name in columns}
    if joined:
        _, there, here = np.intersect1d(root[TRIAL], trials, True, return_indices=True)
        for name, values in joined.items():
            values[here] = root[name][there]
    return joined
