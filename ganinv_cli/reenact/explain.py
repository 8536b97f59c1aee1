"""Search for the change and the storage that explain an image, the cheapest first."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.linalg import lstsq

from ganinv_cli import statistics
from ganinv_cli.images import TargetImage
from ganinv_cli.reenact.changes import (
    KERNELS,
    Alignment,
    Change,
    Resampling,
    iterate_enlargements,
    round_to_pixels,
)
from ganinv_cli.reenact.fit import Fit, Renderer, fit, measure_certainty
from ganinv_cli.reenact.storage import (
    Jpeg,
    Pixels,
    Storage,
    find_jpeg,
    find_white_level,
)

MARGIN = 1.1  # times the largest excess of own copies
MIN_KNOWN = 0.5  # share of z's directions that must be known, or the image is no evidence
EVALUATIONS = {
    **{"JPEG": 40, "enlargement": 12, "start": 6, "alignment": 12, "kernel": 8},
    **{"aligned JPEG": 36, "centre": 8},
}
ALIGNED_STARTS = 2  # distinct z from which alignments are fitted
START_SHARE = 0.7  # of a z from which an alignment is fitted: without it, z is at its bounds
SAME_Z = 1e-3  # ‖·‖ / latent
RIM = 8  # the first alignment leaves out this part of the picture's side at each edge
BETTER = 0.9  # predicted error, over that without a change, below which a change is tried


class Explanation(NamedTuple):
    """What explains an image, or how far it is from an explanation."""

    explained: bool
    chain: str  # words; empty for 8 bits alone
    excess: float  # grey levels, RMS
    excess_limit: float  # that own copies leave at most
    z: np.ndarray  # (latent,)
    deviation: np.ndarray  # (latent,), standard error of z
    known_directions: int
    picture: np.ndarray  # (height, width, channels) uint8


def explain(
    renderer: Renderer,
    image: TargetImage,
    counted: np.ndarray,
    starts: np.ndarray,
    jacobian: np.ndarray,
    render_draws: Callable[[], np.ndarray],
    *,
    align: bool = True,
) -> Explanation:
    """Return what explains an image, from the z (starts, latent) that were found, the best first.

    `counted` (height, width) are the pixels that count. `jacobian` (latent, height, width,
    channels) is at the best, in grey levels. `render_draws` returns own pictures in grey levels
    (n, height, width, channels), on which the limits are calibrated.
    """
    search = _Search(renderer, image, counted, starts, jacobian, render_draws)
    first = nearest = search.fit_without_change()
    for end in search.iterate_fits(first, align):
        if end.change is first.change:
            nearest = end
        words = search.judge(end)
        if words is not None:
            explanation = search.make_explanation(search.centre(end), words)
            if not explanation.chain or explanation.known_directions >= MIN_KNOWN * len(end.z):
                return explanation
    limit = search.find_limit(nearest)
    unexplained = search.make_explanation(first, None)
    return unexplained._replace(excess=nearest.excess, excess_limit=limit)


@dataclass(frozen=True, eq=False)
class _Search:
    renderer: Renderer
    image: TargetImage
    counted: np.ndarray
    starts: np.ndarray
    jacobian: np.ndarray
    render_draws: Callable[[], np.ndarray]

    def fit_without_change(self) -> Fit:
        return self._fit(self._no_change, Pixels(self.image.pixels), self.starts[0], None, 0)

    def iterate_fits(self, first: Fit, align: bool) -> Iterator[Fit]:
        """Yield fits of more and more costly chains; the last step of each is its storage."""
        yield first
        enlarged, jpeg = self.image.enlarged, self._jpeg
        if jpeg is not None:
            yield self._fit(first.change, jpeg, first.z, None, EVALUATIONS["JPEG"])
        enlargements = [
            *iterate_enlargements(self._shape, enlarged=enlarged, tables=self.image.tables)
        ]
        errors = [self._predict(first, each) for each in (self._no_change, *enlargements)]
        best = int(np.argmin(errors))
        storage = jpeg or Pixels(self.image.pixels)
        if errors[best] < BETTER * errors[0]:
            evaluations = EVALUATIONS["JPEG" if jpeg else "enlargement"]
            yield self._fit(enlargements[best - 1], storage, first.z, None, evaluations)
        if align and jpeg:  # its luma says little about colours
            end = self._align(Alignment(self._shape, mixes_colours=False))
            yield self._fit(end.change, jpeg, end.z, end.parameters, EVALUATIONS["aligned JPEG"])
        elif align:
            yield self._choose_kernel(self._align(Alignment(self._shape)))

    def judge(self, end: Fit) -> str | None:
        """Return the words of an explanation, None if the excess is too large."""
        if end.excess <= self.find_limit(end):
            return end.storage.words
        if isinstance(end.storage, Jpeg):
            return None
        level = find_white_level(self.image.pixels, end.picture, end.counted)
        return None if level is None else f"noise of {level:.1f} grey levels"

    def centre(self, end: Fit) -> Fit:
        """Return the fit to all coefficients of a JPEG, whose z is more exact, if it explains it.

        z in the cells is any that explains the JPEG; the errors of the best are those of rounding.
        """
        if not isinstance(end.storage, Jpeg):
            return end
        storage, evaluations = replace(end.storage, weighted=True), EVALUATIONS["centre"]
        centred = self._fit(end.change, storage, end.z, end.parameters, evaluations)
        return centred if centred.excess <= self.find_limit(centred) else end

    def make_explanation(self, end: Fit, storage: str | None) -> Explanation:
        """Return the explanation of a fit; without words of a storage it explains nothing."""
        explained = storage is not None
        jacobian = self.jacobian
        if not np.array_equal(end.z, self.starts[0]):
            jacobian = self.renderer.differentiate(end.z)
        deviation, known = measure_certainty(
            end,
            jacobian,
            self.renderer.render(end.z),
            self.renderer.generator.prior.deviation,
        )
        words = (end.change.describe(end.parameters), storage)
        limit = self.find_limit(end)
        return Explanation(
            explained,
            "; ".join(word for word in words if word) if explained else "",
            end.excess,
            max(limit, end.excess) if explained else limit,
            end.z,
            deviation,
            known,
            round_to_pixels(end.picture),
        )

    @functools.cached_property
    def _jpeg(self) -> Jpeg | None:
        tables = self.image.tables if self.image.enlarged == 1 else ()
        return find_jpeg(self.image.pixels, self.counted, tables, len(self.starts[0]))

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.renderer.generator.image_shape

    @property
    def _no_change(self) -> Resampling:
        return Resampling(self._shape)

    def _fit(
        self,
        change: Change,
        storage: Storage,
        z: np.ndarray,
        parameters: np.ndarray | None,
        evaluations: int,
        inside: np.ndarray | None = None,
    ) -> Fit:
        start = change.start if parameters is None else parameters
        # a JPEG may hide the way: fits that hardly came nearer have led to its right z
        gives_up = bool(evaluations) and self._jpeg is None
        return fit(
            self.renderer,
            change,
            storage,
            z,
            start,
            self.counted,
            evaluations,
            inside,
            gives_up=gives_up,
        )

    def _align(self, change: Alignment) -> Fit:
        """Return the best fit of an alignment to the pixels that are not at the edges."""
        height, width, _ = self._shape
        inner = np.zeros((height, width), np.bool_)
        inner[height // RIM : -(height // RIM), width // RIM : -(width // RIM)] = True
        pixels = Pixels(self.image.pixels)
        ends = [
            self._fit(change, pixels, START_SHARE * z, None, EVALUATIONS["start"], inner)
            for z in self._select_starts()
        ]
        end = min(ends, key=lambda each: _measure_error(each, inner))
        return self._fit(change, pixels, end.z, end.parameters, EVALUATIONS["alignment"], inner)

    def _choose_kernel(self, end: Fit) -> Fit:
        """Return the fit of an alignment with the best kernel to all pixels that show a part."""
        jacobian = self.renderer.differentiate(end.z)
        changes = [Alignment(self._shape, kernel) for kernel in KERNELS]
        best = min(changes, key=lambda each: self._predict(end, each, jacobian))
        return self._fit(best, end.storage, end.z, end.parameters, EVALUATIONS["kernel"])

    def _select_starts(self) -> list[np.ndarray]:
        selected: list[np.ndarray] = []
        for z in self.starts:
            distances = [np.linalg.norm(z - other) / len(z) for other in selected]
            if len(selected) < ALIGNED_STARTS and min(distances, default=1.0) > SAME_Z:
                selected.append(z)
        return selected

    def _predict(self, end: Fit, change: Change, jacobian: np.ndarray | None = None) -> float:
        """Return the RMSE that a fit would reach with another change if G were linear."""
        parameters = end.parameters if len(end.parameters) == len(change.start) else change.start
        at_z = self.jacobian if jacobian is None else jacobian
        picture = self.renderer.render(end.z)
        storage = Pixels(self.image.pixels)
        counted = self.counted & change.find_inside(parameters)
        if not counted.any():
            return np.inf
        changed = change.apply(picture, parameters)
        rest = storage.subtract(changed, counted)
        derivatives = change.differentiate(picture, at_z, parameters)
        matrix = storage.differentiate(changed, derivatives, counted).T
        left = rest - matrix @ lstsq(matrix, rest, rcond=None)[0]
        return float(np.sqrt(np.mean(left**2)))

    def find_limit(self, end: Fit) -> float:
        """Return the largest excess of own pictures, changed and stored like this, at their z."""
        if isinstance(end.storage, Pixels) and not end.change.describe(end.parameters):
            size = end.counted.sum() * self._shape[2]
            return statistics.rmse(statistics.rounding_residual(int(size)), int(size))
        excesses = []
        for draw in self.render_draws():
            stored = end.storage.store(end.change.copy(round_to_pixels(draw), end.parameters))
            changed = end.change.apply(draw, end.parameters)
            excesses.append(stored.measure_excess(changed, end.counted))
        known = [excess for excess in excesses if np.isfinite(excess)]
        return MARGIN * max(known, default=0.0) + end.storage.slack


def _measure_error(end: Fit, inner: np.ndarray) -> float:
    return end.storage.measure_excess(end.picture, end.counted & inner)
