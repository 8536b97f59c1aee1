"""The search for chains that may explain an image, the cheapest first."""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter

import numpy as np

from ganinv_cli.images import Picture
from ganinv_cli.inversion.polish.least_squares import compute_gram
from ganinv_cli.reenact.candidates import CANDIDATES, Candidate, Rank
from ganinv_cli.reenact.chain import Chain, Fit, Storage
from ganinv_cli.reenact.fit import STEEP, Renderer, fit
from ganinv_cli.reenact.pixels import BLOCK, measure_rms, to_grey_levels
from ganinv_cli.reenact.regions import fit_without_region
from ganinv_cli.reenact.stages.codecs import FIRST_AGREEMENT, Codec, iterate_codecs
from ganinv_cli.reenact.stages.eight_bits import EightBits, Floats
from ganinv_cli.reenact.stages.jpeg import Jpeg, find_jpeg
from ganinv_cli.reenact.stages.subject import Changes, Subject
from ganinv_cli.reenact.stages.white_noise import find_noise

JPEG_EVALUATIONS = 40  # of J, in a fit to the cells of a JPEG
CHANGED_JPEG_EVALUATIONS = 36
CODEC_EVALUATIONS = 4
START_EVALUATIONS = 6  # from each z, of a picture that may have been moved
PLAIN_EVALUATIONS = 12  # of a fit without changes, from another z
MIDDLE_EVALUATIONS = 25  # from a z that is no worse than a wrong one
STARTS = 2  # distinct z from which moved pictures are fitted
START_SHARE = 0.7  # of a z from which such a fit begins: without it, z is at its bounds
SAME_Z = 1e-3  # ‖·‖ / latent
NEAR = 1.0  # grey levels, RMS, below which no more parameters are fitted
FAR = 45.0  # grey levels, RMS, from which neither a kernel nor a power makes the difference
HOPELESS = 60.0  # grey levels, RMS, of the best start, above which no other z is looked for
RIM = 8  # the first fit of a moved picture leaves out this part of its side at each edge
BETTER = 0.9  # error over that without a change, below which a change is tried
MOST_LOST = 16.0  # grey levels, RMS of the luma, above which no codec is tried


@dataclass(frozen=True, eq=False)
class Search:
    """Fits to an image from the z (starts, latent) that were found, the best first.

    `jacobian` (latent, height, width, channels) is at the best, in grey levels. `aligns` says
    whether to move and to recolour. `counted` (height, width) are the pixels to explain, and
    `middle` (latent,) is a z that is no worse than a wrong one; None: it is looked for.
    `placement` (4,) are the parameters from which it is fitted; None: nothing is known of it.
    """

    renderer: Renderer
    picture: Picture
    starts: np.ndarray
    jacobian: np.ndarray
    aligns: bool
    counted: np.ndarray
    middle: np.ndarray | None = None
    placement: np.ndarray | None = None

    def fit_without_change(self) -> Fit:
        """Return the fit that is compared as 8 bits; floats are not rounded for that."""
        renderer, storage = self.renderer, self._pixels
        if (floats := self.picture.floats) is not None:
            renderer = replace(renderer, precision=floats.dtype.name)
            storage = EightBits(to_grey_levels(floats), of_floats=True)
        chain = Chain((), storage)
        return fit(renderer, chain, self.starts[0], chain.start, self.counted, 0)

    def iterate_unchanged(self, first: Fit) -> Iterator[Fit]:
        """Yield the fits of how the picture may have been stored without a change.

        Floats are tried in their own type first, then as 8 bits.
        """
        if (floats := self.picture.floats) is not None:
            yield first._replace(chain=Chain((), Floats(floats, self.picture.float_type)))
        yield first
        if self.jpeg is not None:
            yield self._refit(first, self.jpeg, JPEG_EVALUATIONS)

    def iterate_changed(self, first: Fit, unchanged: Fit) -> Iterator[Fit]:
        """Yield fits of more and more costly chains; the last step of each is its storage.

        `unchanged` is the last fit without a change. Changes are of pixels of 8 bits. White noise
        is last, since a fit with another change may leave less.
        """
        changed = []
        for end in self._iterate_changes(first):
            changed.append(end)
            yield end
        stored = changed if self.jpeg is None else [e for e in changed if e.chain.storage.loses]
        nearest = min([unchanged, *stored], key=attrgetter("excess"))
        for end in self._fit_codec(unchanged):
            if not self._is_nearer(nearest, end):  # else errors like the codec's are no evidence
                yield end
        if self._is_nearer(nearest, unchanged):
            yield from self._fit_codec(nearest)
        if (region := self._leave_out_region(first)) is not None:
            yield from region.fit_again(region.starts[0])
        yield from self._find_noise([first, *sorted(changed, key=attrgetter("excess"))])

    def iterate_from(self, z: np.ndarray, placement: np.ndarray) -> Iterator[Fit]:
        """Yield fits from another z (latent,) of a picture that was perhaps moved like that."""
        search = replace(
            self,
            starts=z[None],
            jacobian=self.renderer.compute_jacobian(z),
            middle=z,
            placement=placement,
        )
        ends = [*search.fit_again(z)]
        yield from ends
        for end in search._iterate_changes(ends[0]):
            yield end
            ends.append(end)
        yield from search._find_noise(ends)

    def fit_again(self, z: np.ndarray) -> Iterator[Fit]:
        """Yield the fits without a change from a better z (latent,)."""
        end = self._fit(Chain((), self._pixels), z, PLAIN_EVALUATIONS)
        yield end
        if self.jpeg is not None:
            yield self._refit(end, self.jpeg, JPEG_EVALUATIONS)

    def count_chains(self) -> int:
        """Return how many chains there are, with every storage of a change as its own."""
        storages = 2 + len({each.kind for each in iterate_codecs(self.picture.pixels, self.jpeg)})
        storages += (self.jpeg is not None) + (self.picture.floats is not None)
        return storages * (1 + sum(len(each) for _, each in self._changes))

    @property
    def is_jpeg(self) -> bool:
        """Whether the pixels show a JPEG, or the file is one."""
        return self.jpeg is not None or bool(self.picture.tables)

    @functools.cached_property
    def jpeg(self) -> Jpeg | None:
        """How JPEG stored the picture; None: nothing shows that it did."""
        tables = self.picture.tables if self.picture.enlarged == 1 else ()
        down, right = (-start % BLOCK for start in self.picture.corner)
        needed = len(self.starts[0])
        return find_jpeg(self.picture.pixels, self.counted, tables, (down, right), needed)

    def _iterate_changes(self, first: Fit) -> Iterator[Fit]:
        """Yield the fits of changes to pixels, and then to the cells of a JPEG if one is nearer."""
        for candidate, changes in self._rank_changes(first):
            end = self._fit_changes(candidate, changes, first)
            if end is None:
                continue
            yield end
            if self.jpeg is not None and self._is_nearer(end, first):
                yield self._refit(end, self.jpeg, CHANGED_JPEG_EVALUATIONS)

    def _find_noise(self, ends: list[Fit]) -> Iterator[Fit]:
        """Yield the fits that leave white noise alone, if that is less than those before leave."""
        least = np.inf
        for end in (each for each in ends if each.chain.storage.kind == EightBits.kind):
            noise = find_noise(self.picture.pixels, end.picture, end.counted)
            if noise and noise.level < BETTER * least:
                least = noise.level
                yield end._replace(chain=end.chain.store_as(noise), excess=noise.level)

    @functools.cached_property
    def _changes(self) -> list[tuple[Candidate, list[Changes]]]:
        subject = Subject(self.picture, self.jpeg, self.aligns)
        return [(candidate, [*candidate.iterate(subject)]) for candidate in CANDIDATES]

    def _rank_changes(self, first: Fit) -> list[tuple[Candidate, Changes]]:
        """Return the changes to fit, by the error that a linear generator would leave.

        Of each candidate it is the best, since fits of the others end alike.
        """
        ranked: list[tuple[float, Candidate, Changes]] = []
        unchanged = self._predict(first, first.chain.changes)
        for candidate, options in self._changes:
            if candidate.rank is Rank.last:
                ranked += [(np.inf, candidate, changes) for changes in options]
            elif options:
                errors = [self._predict(first, changes) for changes in options]
                least = int(np.argmin(errors))
                if candidate.rank is Rank.always or errors[least] < BETTER * unchanged:
                    ranked.append((errors[least], candidate, options[least]))
        return [each[1:] for each in sorted(ranked, key=itemgetter(0))]

    def _fit_changes(self, candidate: Candidate, changes: Changes, first: Fit) -> Fit | None:
        """Return the fit of changes; None: the last candidate is not nearer than no change."""
        chain = Chain(changes, self._pixels)
        if candidate.rank is Rank.last:
            if first.excess > HOPELESS:
                return None
            end = self._fit(chain, self._middle, candidate.evaluations, steep=STEEP)
            return end if end.excess < BETTER * first.excess else None
        if candidate.moves:
            end = self._align(chain, candidate.evaluations)
        else:
            end = self._fit(chain, first.z, candidate.evaluations)
        if end.excess >= FAR or self.jpeg is not None:
            return end
        return self._choose_variant(end, candidate.evaluations)

    def _align(self, chain: Chain, evaluations: int) -> Fit:
        """Return the best fit of a moved picture to the pixels that are not at the edges.

        The colours of a JPEG show the way, but not the end.
        """
        height, width = self.counted.shape
        inner = np.zeros((height, width), np.bool_)
        inner[height // RIM : -(height // RIM), width // RIM : -(width // RIM)] = True

        def measure_error(end: Fit) -> float:
            return end.chain.storage.measure_excess(end.picture, end.counted & inner)

        starts, parameters = [START_SHARE * z for z in self._select_starts()], chain.start
        if self.placement is not None:
            size = len(chain.changes[0].start)
            starts, parameters[:size] = [self.starts[0]], self.placement[:size]
        options = {"inside": inner, "held": chain.late}
        end = min(
            (self._fit(chain, z, START_EVALUATIONS, parameters, **options) for z in starts),
            key=measure_error,
        )
        storage = self._luma if self.jpeg else self._pixels
        for held in ([],) if self.jpeg else (chain.late, []):
            end = self._refit(end, storage, evaluations, inside=inner, held=held)
            if not NEAR < measure_error(end) < FAR:
                break
        return end

    def _choose_variant(self, end: Fit, evaluations: int) -> Fit:
        """Return the fit with the best variants of the changes to all pixels that show a part."""
        options = [
            stage.list_variants(values) or [stage]
            for stage, values in end.chain.divide(end.parameters)
        ]
        variants = [*itertools.product(*options)]
        if len(variants) == 1:
            return end
        jacobian = self.renderer.compute_jacobian(end.z)
        errors = [self._predict(end, changes, jacobian) for changes in variants]
        chain = Chain(variants[int(np.argmin(errors))], end.chain.storage)
        return self._fit(chain, end.z, evaluations, end.parameters)

    def _fit_codec(self, end: Fit) -> Iterator[Fit]:
        """Yield the fit with the codec whose errors are most like those that are left, if any."""
        if self._measure_luma(end) > MOST_LOST:
            return
        codecs = [*iterate_codecs(self.picture.pixels, self.jpeg)]
        coded = self._refit(end, self._luma, CODEC_EVALUATIONS)
        best, agreement = None, FIRST_AGREEMENT
        while codecs:
            shown = coded.picture, coded.counted
            found = [(codec.measure_agreement(*shown), codec) for codec in codecs]
            now, codec = max(found, key=itemgetter(0))
            if now <= agreement:
                break
            agreement = now
            chain, excess = coded.chain.store_as(codec), codec.measure_excess(*shown)
            best = coded._replace(chain=chain, excess=excess)
            cleared = replace(codec, target=codec.target - codec.find_errors(coded.picture))
            coded = self._refit(coded, cleared, CODEC_EVALUATIONS)
        if best is not None:
            yield best

    def _leave_out_region(self, first: Fit) -> "Search | None":
        """Return the search on the pixels that a z explains, if the others lie together."""
        starts = [first.z]
        if first.excess < HOPELESS:
            starts.append(self._middle)
        storage, error = self._pixels, 0.0
        if self.jpeg is not None:  # it changes colours more than the luma
            storage, error = self._luma, self.jpeg.error
        for start in starts:
            fewest = self.picture.fewest_pixels
            found = fit_without_region(self.renderer, storage, self.counted, start, fewest, error)
            if found is not None:
                z, counted = found
                return replace(self, starts=z[None], counted=counted)
        return None

    def _is_nearer(self, end: Fit, other: Fit) -> bool:
        return self._measure_luma(end) < BETTER * self._measure_luma(other)

    def _measure_luma(self, end: Fit) -> float:
        """Return the RMSE of the luma that a fit leaves, in grey levels."""
        return self._luma.measure_excess(end.picture, end.counted)

    @functools.cached_property
    def _middle(self) -> np.ndarray:
        return find_middle(self.renderer, self.starts) if self.middle is None else self.middle

    @functools.cached_property
    def _pixels(self) -> Storage:
        return EightBits(self.picture.pixels)

    @functools.cached_property
    def _luma(self) -> Storage:
        return Codec(self.picture.pixels)

    def _fit(
        self,
        chain: Chain,
        z: np.ndarray,
        evaluations: int,
        parameters: np.ndarray | None = None,
        **options: object,
    ) -> Fit:
        """Return a fit from z; `options` are those of `fit`."""
        start = chain.start if parameters is None else parameters
        # a JPEG or a staircase may hide the way: fits that hardly came nearer led to the right z
        steep = STEEP if self.jpeg is None and chain.is_smooth else np.inf
        given = {"steep": steep, **options}
        return fit(self.renderer, chain, z, start, self.counted, evaluations, **given)  # type: ignore[arg-type]

    def _refit(self, end: Fit, storage: Storage, evaluations: int, **options: object) -> Fit:
        """Return the fit of the same changes with another storage."""
        chain = end.chain.store_as(storage)
        return self._fit(chain, end.z, evaluations, end.parameters, **options)

    def _select_starts(self) -> list[np.ndarray]:
        selected: list[np.ndarray] = []
        for z in self.starts:
            distances = [np.linalg.norm(z - other) / len(z) for other in selected]
            if len(selected) < STARTS and min(distances, default=1.0) > SAME_Z:
                selected.append(z)
        return selected

    def _predict(self, end: Fit, changes: Changes, jacobian: np.ndarray | None = None) -> float:
        """Return the RMSE that a fit would reach with other changes if G were linear."""
        chain = Chain(changes, self._pixels)
        parameters = end.parameters if len(end.parameters) == len(chain.start) else chain.start
        at_z = self.jacobian if jacobian is None else jacobian
        picture = self.renderer.render(end.z)
        counted = self.counted & chain.find_inside(self.counted.shape, parameters)
        if not counted.any():
            return np.inf
        changed = chain.apply(picture, parameters)
        rest = chain.storage.subtract(changed, counted)
        derivatives = chain.differentiate(picture, at_z, parameters)
        columns = chain.storage.differentiate(changed, derivatives, counted)
        along = np.linalg.lstsq(compute_gram(columns), columns @ rest, rcond=None)[0]
        return measure_rms(rest - along @ columns)


def find_middle(renderer: Renderer, starts: np.ndarray) -> np.ndarray:
    """Return z = 0 (latent,), or a part of the best of some z if G is constant around 0."""
    middle = np.zeros_like(starts[0])
    is_constant = not renderer.compute_jacobian(middle).any()
    return np.asarray(START_SHARE * starts[0]) if is_constant else middle
