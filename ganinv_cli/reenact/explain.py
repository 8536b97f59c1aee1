"""Which chain of changes and storage explains an image, by limits from the generator's pictures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ganinv_cli.images import Picture
from ganinv_cli.images.float_types import FLOAT_TYPES, find_spacing
from ganinv_cli.inversion.objective.problem import PIXEL_ROUNDING
from ganinv_cli.reenact.codec_search import FIRST_AGREEMENT, measure_agreement
from ganinv_cli.reenact.fit import Fit, Renderer, Storage, fit, measure_certainty
from ganinv_cli.reenact.flexible.find_edit import find_edit
from ganinv_cli.reenact.mixtures import fit_mixture
from ganinv_cli.reenact.search import Search
from ganinv_cli.reenact.storage import (
    EIGHT_BITS,
    WHITE,
    Codec,
    Jpeg,
    Pixels,
    average_chroma,
    measure_rms,
    round_to_pixels,
    to_luma,
)
from ganinv_cli.reenact.white_noise import find_white_level
from ganinv_cli.results import statistics

QUANTILE = 0.95  # of the excesses of own copies
MARGIN = 1.1  # times that, since z of an image is fitted and theirs is known
MIN_SHOWN = 0.5  # share of the allowed pixels that must show a known part of the picture
LEAST_SPREAD = 1.0  # grey levels around the mean colour, RMS; a blur makes less of any picture
MIN_KNOWN = 0.5  # share of z's directions that must be known, or the image is too little evidence
CENTRE_EVALUATIONS = 8
AGREEING_DRAWS = 16  # own pictures on which a codec's agreement is calibrated
SEEN_CHROMA = 4.0  # grey levels, RMS, beyond that of own pictures; less is not mentioned
GREY_CHROMA = 1.0  # grey levels, RMS, at most in a grey picture


class Explanation(NamedTuple):
    """What explains an image, or how far it is from that: columns of its certificate."""

    explained: bool
    chain: str  # words; empty for 8 bits alone
    excess: float  # grey levels, RMS
    excess_limit: float  # that own copies leave at most; NaN: white noise of any level explains it
    z_explained: np.ndarray  # (latent,)
    z_deviation: np.ndarray  # (latent,), standard error of z
    known_directions: int
    reenacted: np.ndarray  # (height, width, channels) uint8
    target: np.ndarray  # (height, width, channels) uint8, the picture that was judged
    region: np.ndarray  # (height, width), pixels that do not count
    tried: str  # how many changes and storages were tried, in words
    edited: bool  # whether it is an own picture that was changed in a way that no chain re-enacts
    mixed: bool  # whether it is an average of two own pictures


def explain_image(
    renderer: Renderer,
    picture: Picture,
    starts: np.ndarray,
    jacobian: np.ndarray,
    render_draws: Callable[[], np.ndarray],
    *,
    measure_rounding: Callable[[], float] = lambda: PIXEL_ROUNDING,
    align: bool = True,
    stored_alone: bool = False,
) -> Explanation | None:
    """Return what explains an image, from the z (starts, latent) that were found, the best first.

    `jacobian` is as for a Search. `render_draws` returns own pictures in grey levels
    (n, height, width, channels), on which the limits are calibrated, `measure_rounding` the mean
    squared error of their pixels in [-1, 1] from computing in float32. If nothing explains the
    image, it may still be an own picture that was edited (`flexible`), with the z of that. None is
    returned instead if only G(z) as it is was to be tried, `stored_alone`.
    """
    search = Search(renderer, picture, starts, jacobian, align, picture.counted_pixels)
    judge = _Judge(search, render_draws, measure_rounding)
    first = nearest = search.fit_without_change()
    for end in search.iterate_fits(first):
        if stored_alone and end.change is not first.change:
            return None
        limit = judge.find_limit(end)
        explanation = judge.explain(end, limit)
        if explanation and (end is first or _knows_most(explanation)):
            return explanation
        if end.change is first.change and end.counted is first.counted and limit >= 0:
            nearest = end
    if stored_alone:
        return None
    unexplained = judge.make_explanation(first, None, judge.find_limit(nearest))
    unexplained = unexplained._replace(excess=nearest.excess)
    return _find_likeness(judge, first, unexplained) if align else unexplained


def _find_likeness(judge: "_Judge", first: Fit, unexplained: Explanation) -> Explanation:
    """Return what else an image may be that no chain explains: an edit, or an average of two.

    If the z of an edit makes the image without a change, it is an own picture as it is.
    """
    search = judge.search
    pixels, counted = search.picture.pixels, search.counted
    rmse = Pixels(pixels).measure_excess(first.picture, first.counted)
    edit = find_edit(search.renderer, pixels, counted, first.z, rmse, is_jpeg=search.is_jpeg)
    if edit is not None and edit.known_directions >= MIN_KNOWN * len(edit.z):
        for end in search.fit_again(edit.z):
            explanation = judge.explain(end, judge.find_limit(end))
            if explanation and _knows_most(explanation):
                return explanation
        return unexplained._replace(
            edited=True,
            chain=edit.words,
            z_explained=edit.z,
            z_deviation=edit.deviation,
            known_directions=edit.known_directions,
            reenacted=edit.picture,
            region=~counted | edit.region,
        )
    if (
        search.is_jpeg
        or (mixture := fit_mixture(search.renderer, pixels, counted, first.z)) is None
    ):
        return unexplained
    picture = round_to_pixels(mixture.picture)
    return unexplained._replace(mixed=True, chain=mixture.words, reenacted=picture)


def _knows_most(explanation: Explanation) -> bool:
    return explanation.known_directions >= MIN_KNOWN * len(explanation.z_explained)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Says whether a fit explains an image: it leaves no more than it does of own pictures."""

    search: Search
    render_draws: Callable[[], np.ndarray]
    measure_rounding: Callable[[], float]

    def explain(self, end: Fit, limit: float) -> Explanation | None:
        """Return the explanation of an image by a fit, None if the excess is too large."""
        words = self.name_storage(end, limit)
        if words is None:
            return None
        return self.explain_edges(end) or self.make_explanation(end, words, limit)

    def name_storage(self, end: Fit, limit: float) -> str | None:
        """Return the words of an explanation, None if the excess is too large."""
        storage = end.storage
        shown = self.search.picture.pixels[end.counted]
        if len(shown) < MIN_SHOWN * self.search.picture.allowed_pixels.sum():
            return None
        if shown.std(0).max() < LEAST_SPREAD and end.change.describe(end.parameters):
            return None
        if end.excess <= limit:
            codec = storage.codec if isinstance(storage, Pixels) else None
            return storage.words if codec is None or self._agrees(end, codec) else None
        if isinstance(storage, Jpeg) or storage.codec or storage.stored_as in FLOAT_TYPES:
            return None
        level = find_white_level(self.search.picture.pixels, end.picture, end.counted)
        return None if level is None else f"noise of {level:.1f} grey levels"

    def _agrees(self, end: Fit, codec: Codec) -> bool:
        """Return whether the codec's errors are those that are left, as far as z is known.

        The least agreement is that of own pictures, beside which z is as unsure as here.
        """
        pixels = self.search.picture.pixels
        measured = measure_agreement(codec, pixels, end.picture, end.counted)
        if measured < FIRST_AGREEMENT:
            return False
        picture, jacobian = (
            self.search.renderer.render(end.z),
            self.search.renderer.differentiate(end.z),
        )
        by_z = end.change.differentiate(picture, jacobian, end.parameters)[: len(end.z)]
        seen = to_luma(by_z)[:, end.counted]
        random, agreements = np.random.default_rng(0), []
        for draw in self.render_draws()[:AGREEING_DRAWS]:
            own = end.change.apply(draw, end.parameters)
            noise = seen @ random.normal(0, end.excess, seen.shape[1])
            moved = own + np.tensordot(np.linalg.lstsq(seen @ seen.T, noise)[0], by_z, 1)
            stored = codec.encode(round_to_pixels(own))
            shown = moved.clip(0, WHITE), end.counted
            agreements.append(measure_agreement(codec, stored, *shown))
        return measured >= float(np.quantile(agreements, 1 - QUANTILE)) / MARGIN

    def explain_edges(self, end: Fit) -> Explanation | None:
        """Return the explanation with the edges of one colour that were left out, if it holds."""
        allowed = self.search.picture.allowed_pixels
        edges = allowed & ~self.search.counted
        if not edges.any():
            return None
        counted = end.counted | (edges & end.change.find_inside(end.parameters))
        excess = end.storage.measure_excess(end.picture, counted)
        whole = end._replace(counted=counted, excess=excess)
        limit = self.find_limit(whole)
        words = self.name_storage(whole, limit)
        judge = replace(self, search=replace(self.search, counted=allowed))
        return None if words is None else judge.make_explanation(whole, words, limit)

    def _centre(self, end: Fit, limit: float) -> Fit:
        """Return the fit to all coefficients of a JPEG, whose z is more exact, if it explains it.

        z in the cells is any that explains the JPEG; the errors of the best are those of rounding.
        """
        if not isinstance(end.storage, Jpeg):
            return end
        storage = replace(end.storage, weighted=True)
        start = end.z, end.parameters, end.counted
        centred = fit(self.search.renderer, end.change, storage, *start, CENTRE_EVALUATIONS)
        return centred if centred.excess <= limit else end

    def make_explanation(self, end: Fit, storage: str | None, limit: float) -> Explanation:
        """Return the explanation of a fit; without words of a storage it explains nothing."""
        explained = storage is not None
        end = self._centre(end, limit) if explained else end
        jacobian = self.search.jacobian
        if not np.array_equal(end.z, self.search.starts[0]):
            jacobian = self.search.renderer.differentiate(end.z)
        deviation, known = measure_certainty(
            end,
            jacobian,
            self.search.renderer.render(end.z),
            self.search.renderer.generator.prior.deviation,
        )
        # a map with parameters may leave out the rim
        counts = end.counted if explained and not len(end.parameters) else self.search.counted
        words: tuple[str, ...] = ()
        if storage is not None:
            words = (end.change.describe(end.parameters), self._name_colours(end), storage)
        return Explanation(
            explained=explained,
            chain="; ".join(word for word in words if word),
            excess=end.excess,
            excess_limit=np.nan if explained and end.excess > limit else limit,
            z_explained=end.z,
            z_deviation=deviation,
            known_directions=known,
            reenacted=end.storage.store(round_to_pixels(end.picture)).target,
            target=self.search.picture.pixels,
            region=~counts,
            tried="" if explained else self.search.attempts,
            edited=False,
            mixed=False,
        )

    def _name_colours(self, end: Fit) -> str:
        """Return what was done to the colours, if only the luma was compared; empty: nothing."""
        storage, channels = end.storage, self.search.picture.pixels.shape[2]
        if channels == 1 or (isinstance(storage, Pixels) and not storage.codec):
            return ""
        chroma = average_chroma(storage.target, end.counted)
        error = measure_rms(chroma - average_chroma(end.picture, end.counted))
        if error <= SEEN_CHROMA:  # as usual: own pictures need not be stored again
            return ""
        usual = []
        for changed, stored in self._store_draws(end):
            own = average_chroma(stored.target, end.counted) - average_chroma(changed, end.counted)
            usual.append(measure_rms(own))
        known = [each for each in usual if np.isfinite(each)]  # a change may make infinite values
        if not known or error <= MARGIN * float(np.quantile(known, QUANTILE)) + SEEN_CHROMA:
            return ""
        return "made grey" if measure_rms(chroma) < GREY_CHROMA else "colours changed"

    def _store_draws(self, end: Fit) -> Iterator[tuple[np.ndarray, Storage]]:
        """Yield own pictures, changed like this, before and after they are stored like this."""
        for draw in self.render_draws():
            copy = end.change.copy(round_to_pixels(draw), end.parameters)
            yield end.change.apply(draw, end.parameters), end.storage.store(copy)

    def find_limit(self, end: Fit) -> float:
        """Return the excess of nearly all own pictures, changed and stored like this, at their z.

        It is below 0 if too little of a JPEG counts.
        """
        if isinstance(end.storage, Jpeg) and end.storage.count_evidence(end.counted) < len(end.z):
            return -np.inf
        stored_as = end.storage.stored_as if isinstance(end.storage, Pixels) else ""
        if stored_as in FLOAT_TYPES:
            return self._find_float_limit(end)
        has_8_bits = stored_as == EIGHT_BITS or not end.storage.words
        if has_8_bits and not end.change.describe(end.parameters):
            size = end.counted.sum() * self.search.picture.pixels.shape[2]
            return statistics.rmse(statistics.rounding_residual(int(size)), int(size))
        excesses = [
            stored.measure_excess(changed, end.counted)
            for changed, stored in self._store_draws(end)
        ]
        known = [excess for excess in excesses if np.isfinite(excess)]
        usual = float(np.quantile(known, QUANTILE)) if known else 0.0
        return MARGIN * usual + end.storage.slack

    def _find_float_limit(self, end: Fit) -> float:
        """Return the RMSE in grey levels that the float type and computing in float32 leave.

        Two pictures of one z, and of one more by its last digit, have independent rounding errors.
        """
        picture = self.search.picture
        spacing = find_spacing(picture.target[end.counted], picture.float_type)
        stored = statistics.storage_residual(spacing)
        usual = statistics.rmse(stored + PIXEL_ROUNDING * spacing.size, spacing.size)
        if end.excess <= usual:
            return usual
        rounding = 2 * MARGIN**2 * self.measure_rounding()
        return max(usual, statistics.rmse(stored + rounding * spacing.size, spacing.size))
