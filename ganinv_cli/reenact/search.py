"""The search for chains of changes and storages that may explain an image, the cheapest first."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from ganinv_cli.images import Picture
from ganinv_cli.images.float_types import find_spacing
from ganinv_cli.inversion.objective.problem import PIXEL_ROUNDING
from ganinv_cli.inversion.polish.least_squares import compute_gram
from ganinv_cli.reenact.changes import Change
from ganinv_cli.reenact.codec_search import (
    FIRST_AGREEMENT,
    MOST_LOST,
    find_errors,
    iterate_codecs,
    measure_agreement,
)
from ganinv_cli.reenact.colours import Colours
from ganinv_cli.reenact.fit import GREY_LEVELS, Fit, Renderer, Storage, fit
from ganinv_cli.reenact.placement import RESIZING_KERNELS, TURNED_KERNELS, Placement, is_turned
from ganinv_cli.reenact.regions import fit_without_region
from ganinv_cli.reenact.resampling import Filter, Resizing, iterate_resizings, make_mirror
from ganinv_cli.reenact.storage import BLOCK, EIGHT_BITS, Codec, Jpeg, Pixels, find_jpeg

EVALUATIONS = {  # of J, by kind of fit
    "as it is": 0,
    "JPEG": 40,
    "change": 12,
    "start": 6,
    "kernel": 12,
    "changed JPEG": 36,
    "middle": 25,
    "codec": 4,
}
ANGLE, POWER, *SHADE = range(3, 7)  # places of parameters of a placement that are fitted last
ALIGNED_STARTS = 2  # distinct z from which alignments are fitted
START_SHARE = 0.7  # of a z from which an alignment is fitted: without it, z is at its bounds
SAME_Z = 1e-3  # ‖·‖ / latent
NEAR = 1.0  # grey levels, RMS, below which no more parameters are fitted
FAR = 45.0  # grey levels, RMS, from which neither a kernel nor a power makes the difference
HOPELESS = 60.0  # grey levels, RMS, of the best start, above which no other z is looked for
RIM = 8  # the first alignment leaves out this part of the picture's side at each edge
BETTER = 0.9  # predicted error, over that without a change, below which a change is tried
FITTED = 4  # changes that are fitted, of those that are better


@dataclass(frozen=True, eq=False)
class Search:
    """Fits to an image from the z (starts, latent) that were found, the best first.

    `jacobian` (latent, height, width, channels) is at the best, in grey levels. `align` says
    whether to move and to recolour. `counted` (height, width) are the pixels to explain.
    """

    renderer: Renderer
    picture: Picture
    starts: np.ndarray
    jacobian: np.ndarray
    align: bool
    counted: np.ndarray

    def fit_without_change(self) -> Fit:
        """Return the fit that is compared as 8 bits; floats are not rounded for that."""
        if self._floats is None:
            return self._fit("as it is", self._no_change, self._pixels, self.starts[0])
        storage = Pixels(self._floats.target, stored_as=EIGHT_BITS)
        precise = replace(self.renderer, precision=self.picture.target.dtype.name)
        change, cost = self._no_change, EVALUATIONS["as it is"]
        return fit(precise, change, storage, self.starts[0], change.start, self.counted, cost)

    def iterate_fits(self, first: Fit) -> Iterator[Fit]:
        """Yield fits of more and more costly chains; the last step of each is its storage.

        Floats are tried in their own type first, then as 8 bits; changes are of rounded ones.
        """
        if self._floats is not None:
            yield first._replace(storage=self._floats)
        yield first
        ends = [first]
        if self._jpeg is not None:
            ends = [self._refit("JPEG", first, self._jpeg)]
            yield ends[0]
        for end in self._iterate_changes(first):
            yield end
            if self._jpeg is not None:
                if not self._is_nearer(end, first):
                    continue
                end = self._refit("changed JPEG", end, self._jpeg)
                yield end
            ends.append(end)
        unchanged, nearest = ends[0], min(ends, key=attrgetter("excess"))
        for end in self._fit_codec(unchanged):
            if not self._is_nearer(nearest, end):  # else errors like the codec's are no evidence
                yield end
        if self._is_nearer(nearest, unchanged):
            yield from self._fit_codec(nearest)
        if (region := self._leave_out_region(first)) is not None:
            yield from region.fit_again(region.starts[0])

    def fit_again(self, z: np.ndarray) -> Iterator[Fit]:
        """Yield the fits without a change from a better z (latent,)."""
        end = self._fit("change", self._no_change, self._pixels, z)
        yield end
        if self._jpeg is not None:
            yield self._refit("JPEG", end, self._jpeg)

    @property
    def attempts(self) -> str:
        """How many changes and storages are tried, in words."""
        storages = len({each.kind for each in iterate_codecs(self.picture.pixels, self._jpeg)})
        count = 2 + storages  # 8 bits and white noise
        count += (self._jpeg is not None) + (self._floats is not None)
        return f"{len(self._changes) + 1} changes, {count} storages"

    def _iterate_changes(self, first: Fit) -> Iterator[Fit]:
        """Yield the fits of changes to pixels; that of the mirror image only if it is nearer."""
        for change in self._rank_changes(first):
            yield self._fit_change(change, first)
        if first.excess > HOPELESS:
            return
        change = Change(make_mirror(self._shape))
        end = self._fit("middle", change, self._pixels, self._middle, gives_up=True)
        if end.excess < BETTER * first.excess:
            yield end

    @functools.cached_property
    def _changes(self) -> list[Change]:
        """All changes but the mirror image, that of placement and colours last."""
        enlarged, tables = self.picture.enlarged, self.picture.tables
        changes = [
            *map(Change, iterate_resizings(self._shape, enlarged=enlarged, tables=tables)),
            *(Change(Filter(self._shape, is_gaussian)) for is_gaussian in (True, False)),
        ]
        if self.align:  # the luma of a JPEG says little about colours
            colours = Colours(self._shape[2], mixes=self._jpeg is None)
            changes.append(Change(Placement(self._shape, enlarged=enlarged), colours))
        return changes

    def _rank_changes(self, first: Fit) -> list[Change]:
        """Return the changes to fit, by the error that a linear generator would leave."""
        errors = [self._predict(first, change) for change in (self._no_change, *self._changes)]
        order = [int(n) - 1 for n in np.argsort(errors) if n and errors[n] < BETTER * errors[0]]
        if self.align and len(self._changes) - 1 not in order:
            order.append(len(self._changes) - 1)  # it is large where a prediction says little
        best: dict[tuple[str, ...], Change] = {}  # of each kind, since their fits end alike
        for place in order:
            best.setdefault(self._changes[place].kind, self._changes[place])
        return list(best.values())[:FITTED]

    def _fit_change(self, change: Change, first: Fit) -> Fit:
        if isinstance(change.pixels, Placement):
            end = self._align(change)
            return self._choose_kernel(end) if end.excess < FAR and not self._jpeg else end
        return self._fit("change", change, self._pixels, first.z)

    def _fit_codec(self, end: Fit) -> Iterator[Fit]:
        """Yield the fit with the codec whose errors are most like those that are left, if any."""
        if self._measure_luma(end) > MOST_LOST:
            return
        pixels, codecs = self.picture.pixels, [*iterate_codecs(self.picture.pixels, self._jpeg)]
        coded = self._refit("codec", end, self._luma)
        best, agreement = None, FIRST_AGREEMENT
        while codecs:
            shown = coded.picture, coded.counted
            found = [(measure_agreement(codec, pixels, *shown), codec) for codec in codecs]
            now, codec = max(found, key=itemgetter(0))
            if now <= agreement:
                break
            agreement, storage = now, Pixels(pixels, codec)
            best = coded._replace(storage=storage, excess=storage.measure_excess(*shown))
            cleared = Pixels(pixels - find_errors(codec, coded.picture), codec)
            coded = self._refit("codec", coded, cleared)
        if best is not None:
            yield best

    def _refit(self, kind: str, end: Fit, storage: Storage) -> Fit:
        """Return the fit of the same change with another storage."""
        return self._fit(kind, end.change, storage, end.z, end.parameters)

    def _is_nearer(self, end: Fit, other: Fit) -> bool:
        return self._measure_luma(end) < BETTER * self._measure_luma(other)

    def _measure_luma(self, end: Fit) -> float:
        """Return the RMSE of the luma that a fit leaves, in grey levels."""
        return self._luma.measure_excess(end.picture, end.counted)

    def _leave_out_region(self, first: Fit) -> "Search | None":
        """Return the search on the pixels that a z explains, if the others lie together."""
        starts = [first.z]
        if first.excess < HOPELESS:
            starts.append(self._middle)  # it is no worse than a wrong z
        storage, error = self._pixels, 0.0
        if self._jpeg is not None:  # it changes colours more than the luma
            storage, error = self._luma, self._jpeg.error
        for start in starts:
            found = fit_without_region(
                self.renderer,
                first.change,
                storage,
                self.counted,
                start,
                self.picture.fewest_pixels,
                error,
            )
            if found is not None:
                z, counted = found
                return replace(self, starts=z[None], counted=counted)
        return None

    @functools.cached_property
    def _middle(self) -> np.ndarray:
        """A z that is no worse than a wrong one."""
        return find_middle(self.renderer, self.starts)

    @functools.cached_property
    def _jpeg(self) -> Jpeg | None:
        tables = self.picture.tables if self.picture.enlarged == 1 else ()
        down, right = (-start % BLOCK for start in self.picture.corner)
        needed = len(self.starts[0])
        return find_jpeg(self.picture.pixels, self.counted, tables, (down, right), needed)

    @property
    def is_jpeg(self) -> bool:
        """Whether the pixels show a JPEG, or the file is one."""
        return self._jpeg is not None or bool(self.picture.tables)

    @functools.cached_property
    def _pixels(self) -> Pixels:
        return Pixels(self.picture.pixels)

    @functools.cached_property
    def _floats(self) -> Pixels | None:
        """The values of an array of floats, in their type; None if 8 bits hold the picture."""
        floats, float_type = self.picture.floats, self.picture.float_type
        if floats is None:
            return None
        rounding = np.mean(find_spacing(floats, float_type) ** 2) / 12
        rounding += PIXEL_ROUNDING if floats.dtype == np.float32 else 0.0
        grey_levels = (floats.astype(np.float64) + 1) * GREY_LEVELS
        return Pixels(grey_levels, None, float(rounding * GREY_LEVELS**2), float_type)

    @functools.cached_property
    def _luma(self) -> Pixels:
        return Pixels(self.picture.pixels, Codec())

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.renderer.generator.image_shape

    @functools.cached_property
    def _no_change(self) -> Change:
        return Change(Resizing(self._shape))

    def _fit(
        self,
        kind: str,
        change: Change,
        storage: Storage,
        z: np.ndarray,
        parameters: np.ndarray | None = None,
        **options: Any,
    ) -> Fit:
        """Return a fit of a kind of EVALUATIONS; `options` are those of `fit`."""
        start = z, change.start if parameters is None else parameters
        # a JPEG may hide the way: fits that hardly came nearer have led to its right z
        cost = EVALUATIONS[kind]
        options = {"gives_up": cost > 0 and self._jpeg is None} | options
        return fit(self.renderer, change, storage, *start, self.counted, cost, **options)

    def _align(self, change: Change) -> Fit:
        """Return the best fit of a placement to the pixels that are not at the edges."""
        height, width, _ = self._shape
        inner = np.zeros((height, width), np.bool_)
        inner[height // RIM : -(height // RIM), width // RIM : -(width // RIM)] = True
        held, storage = [POWER, *SHADE], self._pixels
        stages = [held, []]
        if self._jpeg:  # colours show the way, but not the end; neither tells a small rotation
            held, stages, storage = [ANGLE, *held], [[ANGLE, *SHADE]], self._luma
        ends = [
            self._fit("start", change, self._pixels, START_SHARE * z, inside=inner, held=held)
            for z in self._select_starts()
        ]
        end = min(ends, key=lambda each: _measure_error(each, inner))
        for places in stages:
            options = {"inside": inner, "held": places}
            end = self._fit("change", change, storage, end.z, end.parameters, **options)
            if not NEAR < _measure_error(end, inner) < FAR:
                break
        return end

    def _choose_kernel(self, end: Fit) -> Fit:
        """Return the fit of a placement with the best kernel to all pixels that show a part."""
        jacobian = self.renderer.differentiate(end.z)
        kernels = TURNED_KERNELS if is_turned(end.parameters) else RESIZING_KERNELS
        changes = [
            Change(Placement(self._shape, each, self.picture.enlarged), end.change.colours)
            for each in kernels
        ]
        errors = [self._predict(end, each, jacobian) for each in changes]
        start = end.storage, end.z, end.parameters
        return self._fit("kernel", changes[int(np.argmin(errors))], *start)

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
        storage = self._pixels
        counted = self.counted & change.find_inside(parameters)
        if not counted.any():
            return np.inf
        changed = change.apply(picture, parameters)
        rest = storage.subtract(changed, counted)
        derivatives = change.differentiate(picture, at_z, parameters)
        columns = storage.differentiate(changed, derivatives, counted)
        along = np.linalg.lstsq(compute_gram(columns), columns @ rest, rcond=None)[0]
        left = rest - along @ columns
        return float(np.sqrt(np.mean(left**2)))


def find_middle(renderer: Renderer, starts: np.ndarray) -> np.ndarray:
    """Return z = 0 (latent,), or a part of the best of some z if G is constant around 0."""
    middle = np.zeros_like(starts[0])
    is_constant = not renderer.differentiate(middle).any()
    return np.asarray(START_SHARE * starts[0]) if is_constant else middle


def _measure_error(end: Fit, inner: np.ndarray) -> float:
    return end.storage.measure_excess(end.picture, end.counted & inner)
