"""Which chain of changes and storage explains an image, by limits from the generator's pictures."""

import json
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from ganinv_cli.images import Picture
from ganinv_cli.reenact.chain import MARGIN, QUANTILE, Fit
from ganinv_cli.reenact.fit import MIN_SHOWN, Renderer, fit, measure_certainty
from ganinv_cli.reenact.flexible.attempts import iterate_attempts
from ganinv_cli.reenact.flexible.find_edit import Edit, accepts, make_edit, make_views
from ganinv_cli.reenact.flexible.own_pictures import measure_own_pictures
from ganinv_cli.reenact.known_pictures import OwnDraws
from ganinv_cli.reenact.mixtures import NEEDED_GAIN, Mixture, find_mixture, find_second
from ganinv_cli.reenact.pixels import average_chroma, measure_rms, round_to_pixels
from ganinv_cli.reenact.search import Search
from ganinv_cli.reenact.words import describe_chain, describe_mixture
from ganinv_cli.results.store.reenactment import Reenactment

LEAST_SPREAD = 1.0  # grey levels around the mean colour, RMS; a blur makes less of any picture
MIN_KNOWN = 0.5  # share of z's directions that must be known, or the image is too little evidence
CENTRE_EVALUATIONS = 8
SEEN_CHROMA = 4.0  # grey levels, RMS, beyond that of own pictures; less is not mentioned


def explain_image(
    renderer: Renderer,
    picture: Picture,
    starts: np.ndarray,
    jacobian: np.ndarray,
    own: OwnDraws,
    *,
    aligns: bool = True,
    stored_alone: bool = False,
) -> Reenactment | None:
    """Return what explains an image, from the z (starts, latent) that were found, the best first.

    `jacobian` and `aligns` are as for a Search, and limits are those of the `own` pictures. If
    nothing explains the image, it may still be an own picture that was edited (`flexible`), with
    the z of that, or an average of two. None is returned instead if only G(z) as it is was to be
    tried, `stored_alone`.
    """
    search = Search(renderer, picture, starts, jacobian, aligns, picture.counted_pixels)
    judge = _Judge(search, own)
    first = unchanged = nearest = search.fit_without_change()
    for unchanged in search.iterate_unchanged(first):
        limit = unchanged.chain.storage.find_limit(unchanged, own)
        found = judge.explain(unchanged)
        if found and (unchanged is first or _knows_most(found)):
            return found
        if limit >= 0:
            nearest = unchanged
    if stored_alone:
        return None
    for end in search.iterate_changed(first, unchanged):
        if (found := judge.explain(end)) and _knows_most(found):
            return found
    unexplained = judge.describe_fit(first)._replace(
        excess=nearest.excess,
        excess_limit=nearest.chain.storage.find_limit(nearest, own),
        tried=search.count_chains(),
    )
    return _find_likeness(judge, first, unexplained) if aligns else unexplained


def _find_likeness(judge: "_Judge", first: Fit, unexplained: Reenactment) -> Reenactment:
    """Return what else an image may be that no chain explains: an edit, or an average of two.

    The z of an edit is also a start from which chains are searched.
    """
    search = judge.search
    renderer, pixels, counted = search.renderer, search.picture.pixels, search.counted
    rmse = measure_rms((first.picture - pixels)[first.counted])
    if views := make_views(renderer, pixels, counted):
        known = renderer.generator.reuse(measure_own_pictures)
        for attempt in iterate_attempts(views, first.z, rmse, known):
            ends = []
            for end in search.iterate_from(attempt.z, attempt.placement):
                if (found := judge.explain(end)) and _knows_most(found):
                    return found
                ends.append(end)
            is_known = attempt.known_directions >= MIN_KNOWN * len(first.z)
            if is_known and accepts(renderer, attempt, is_jpeg=search.is_jpeg):
                second = judge.find_hidden_average(ends)
                if second is None:
                    return _describe_edit(unexplained, make_edit(views, attempt), counted)
                if judge.explains(second.end):
                    return _describe_mixture(unexplained, second)
    if search.is_jpeg:
        return unexplained
    mixture = find_mixture(renderer, judge.own, pixels, counted, first.z)
    return unexplained if mixture is None else _describe_mixture(unexplained, mixture)


def _describe_edit(unexplained: Reenactment, edit: Edit, counted: np.ndarray) -> Reenactment:
    return unexplained._replace(
        edited=True,
        chain=edit.words,
        z_explained=edit.z,
        z_deviation=edit.deviation,
        known_directions=edit.known_directions,
        reenacted=edit.picture,
        region=~counted | edit.region,
    )


def _describe_mixture(unexplained: Reenactment, mixture: Mixture) -> Reenactment:
    return unexplained._replace(
        mixed=True,
        chain=describe_mixture(mixture),
        reenacted=round_to_pixels(mixture.end.picture),
    )


def _knows_most(found: Reenactment) -> bool:
    return found.mixed or found.known_directions >= MIN_KNOWN * len(found.z_explained)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Says whether a fit explains an image: it leaves no more than it does of own pictures."""

    search: Search
    own: OwnDraws

    def explain(self, end: Fit) -> Reenactment | None:
        """Return the explanation of an image by a fit, None if the excess is too large.

        What a lossy chain explains may be an average of two pictures, which is then said.
        """
        if not self.explains(end):
            return None
        judge, whole = self._include_edges(end)
        whole = judge._centre(whole)
        found = judge.describe_fit(whole, is_explained=True)
        if not found.loses or not _knows_most(found):
            return found
        second = find_second(self.search.renderer, self.own, whole)
        if second is None:
            return found
        return _describe_mixture(found._replace(explained=False, stages=""), second)

    def find_hidden_average(self, ends: list[Fit]) -> Mixture | None:
        """Return the average that leaves half of the squared error of one picture, or less.

        Both go through the lossy chain of the nearest of some fits, which do not explain the image.
        """
        lossy = [each for each in ends if each.chain.loses(each.parameters)]
        measured = [e for e in lossy if not np.isnan(e.chain.storage.find_limit(e, self.own))]
        if not measured:
            return None
        nearest = min(measured, key=attrgetter("excess"))
        second = find_second(self.search.renderer, self.own, nearest)
        if second is None or second.end.excess**2 > (1 - NEEDED_GAIN) * nearest.excess**2:
            return None
        return second

    def explains(self, end: Fit) -> bool:
        """Return whether a fit leaves no more than it does of own pictures."""
        shown, storage = self.search.picture.pixels[end.counted], end.chain.storage
        if len(shown) < MIN_SHOWN * self.search.picture.allowed_pixels.sum():
            return False
        if shown.std(0).max() < LEAST_SPREAD and end.chain.list_done(end.parameters):
            return False
        return storage.accepts(end, storage.find_limit(end, self.own), self.own)

    def _include_edges(self, end: Fit) -> tuple["_Judge", Fit]:
        """Return the fit with the edges of one colour that were left out, if it explains them."""
        allowed = self.search.picture.allowed_pixels
        edges = allowed & ~self.search.counted
        if edges.any():
            inside = end.chain.find_inside(allowed.shape, end.parameters)
            counted = end.counted | (edges & inside)
            excess = end.chain.storage.measure_excess(end.picture, counted)
            whole = end._replace(counted=counted, excess=excess)
            if self.explains(whole):
                return replace(self, search=replace(self.search, counted=allowed)), whole
        return self, end

    def _centre(self, end: Fit) -> Fit:
        """Return the fit to all that the storage keeps, whose z is more exact, if it holds."""
        chain = end.chain.store_as(end.chain.storage.centre())
        if chain.storage is end.chain.storage:
            return end
        start = end.z, end.parameters, end.counted
        centred = fit(self.search.renderer, chain, *start, CENTRE_EVALUATIONS)
        limit = end.chain.storage.find_limit(end, self.own)
        return centred if centred.excess <= limit else end

    def describe_fit(self, end: Fit, *, is_explained: bool = False) -> Reenactment:
        """Return what is known of an image by a fit, which perhaps explains it."""
        chain, search = end.chain, self.search
        jacobian = search.jacobian
        if not np.array_equal(end.z, search.starts[0]):
            jacobian = search.renderer.compute_jacobian(end.z)
        before = search.renderer.render(end.z)
        deviation, known = measure_certainty(
            end,
            chain.differentiate(before, jacobian, end.parameters),
            search.renderer.generator.prior.deviation,
        )
        done = chain.list_done(end.parameters)
        stages = [[stage.kind, values.tolist()] for stage, values in done]
        stages.append([chain.storage.kind, [*chain.storage.parameters]])
        # a map with parameters may leave out the rim
        counts = end.counted if is_explained and not len(end.parameters) else search.counted
        return Reenactment(
            explained=is_explained,
            stages=json.dumps(stages) if is_explained else "",
            chain=describe_chain(end, self._has_other_colours(end)) if is_explained else "",
            excess=end.excess,
            excess_limit=chain.storage.find_limit(end, self.own),
            z_explained=end.z,
            z_deviation=deviation,
            known_directions=known,
            reenacted=round_to_pixels(chain.storage.store(round_to_pixels(end.picture)).target),
            target=search.picture.pixels,
            region=~counts,
            tried=0,
            squares=0,
            keeps_loss=not done and chain.storage.keeps_colours,
            loses=is_explained and chain.loses(end.parameters),
            is_square=False,
        )

    def _has_other_colours(self, end: Fit) -> bool:
        """Return whether the chroma is not that of own pictures, if only the luma was compared."""
        storage, channels = end.chain.storage, self.search.picture.pixels.shape[2]
        if channels == 1 or storage.keeps_colours:
            return False
        chroma = average_chroma(storage.target, end.counted)
        error = measure_rms(chroma - average_chroma(end.picture, end.counted))
        if error <= SEEN_CHROMA:  # as usual: own pictures need not be stored again
            return False
        usual = []
        for changed, stored in self.own.copy_like(end):
            own = average_chroma(stored.target, end.counted) - average_chroma(changed, end.counted)
            usual.append(measure_rms(own))
        known = [each for each in usual if np.isfinite(each)]  # a change may make infinite values
        most = MARGIN * float(np.quantile(known, QUANTILE)) + SEEN_CHROMA if known else np.inf
        return error > most
