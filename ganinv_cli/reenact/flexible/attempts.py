"""Fit a flexible map of G(z) to a picture from several starts, and say what it leaves.

Size does not tell an edit from a picture of another origin, but kind does: what a wrong z leaves
looks like the generator's own pictures, what an edit leaves does not.
"""

from collections.abc import Iterator
from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ganinv_cli.reenact.fit import invert_information
from ganinv_cli.reenact.flexible.flexible_fit import (
    LEAST_MEDIAN,
    NORMAL,
    MappedPicture,
    differentiate_map,
    fit_flexible,
)
from ganinv_cli.reenact.flexible.homography import Homography, make_zoom
from ganinv_cli.reenact.flexible.normalised_fit import (
    COARSE,
    FINE,
    fit_normalised,
    measure_detail,
)
from ganinv_cli.reenact.flexible.own_pictures import OwnPictures
from ganinv_cli.reenact.flexible.views import Views

MOST_STRUCTURE = 0.5  # over detail, of a fit that goes on to a map; of own pictures below 0.3
FAR_STRUCTURE = 0.8  # over detail, of the coarse fits, above which none goes on
ZOOMS = 1.0, 1.15  # of the starts
FITTED_SHARE = 0.95  # of the z of a fit, at which the next begins: it is at its bounds
ERROR_FACTOR = 3.0  # of z, over that of white noise of what is left; 1.8 to 4.1 (docs/invert.md)
CLIPPED = 3.0  # standard deviations, above which an error counts as that many
NEIGHBOURHOOD = 7  # pixels of a side, whose deviation an error is compared with
LEAST_CONTRAST = 2.0  # grey levels, which is added to it
SMALLEST, LARGEST = 1e-3, 100.0  # of shares and ratios, whose logarithms are used
LEAST_STRUCTURE = 0.01  # which is added to it
TRAITS = 5


class Traits(NamedTuple):
    """What tells an edit of an own picture from a picture that the generator cannot make."""

    structure: float  # loss of the fit to the normalised picture
    share: float  # of the squares of what is left, in the directions of the generator's pictures
    ratio: float  # RMSE without a map, over the median error that is left
    relative: float  # median of the errors over the local contrast
    uncertainty: float  # mean error of z by white noise, over the deviation of the prior

    @property
    def logarithms(self) -> np.ndarray:
        """What a rule is linear in: (TRAITS,)."""
        share = float(np.clip(self.share, SMALLEST, 1 - SMALLEST))
        ratio = float(np.clip(self.ratio, SMALLEST, LARGEST))
        small = self.relative + SMALLEST, self.structure + LEAST_STRUCTURE
        return np.log([share / (1 - share), ratio, *small, self.uncertainty + SMALLEST])


class Attempt(NamedTuple):
    """The end of the fits from one start."""

    end: MappedPicture
    deviation: np.ndarray  # (latent,), standard error of z
    known_directions: int  # of z
    traits: Traits
    is_mirrored: bool = False  # whether the picture was mirrored before it was fitted

    @property
    def z(self) -> np.ndarray:
        """(latent,), of the picture before it was mapped."""
        return self.end.x[: len(self.deviation)]

    @property
    def placement(self) -> np.ndarray:
        """(4,), parameters of the placement that is nearest to the homography."""
        return self.end.view.homography.read_placement()


def iterate_attempts(
    views: Views, z: np.ndarray, rmse: float, own: OwnPictures
) -> Iterator[Attempt]:
    """Yield the ends of fits to a picture from several starts, those that may decide alone.

    `z` (latent,) is the best one without a map, with its `rmse` in grey levels. A picture
    whose structure is far from any of the generator's `own` is given up early, and so is one with
    hardly any detail, which a map can make of every picture.
    """
    zooms = [_begin(views, zoom, own) for zoom in ZOOMS]
    x, structure = min(zooms, key=itemgetter(1))
    if structure > FAR_STRUCTURE * measure_detail(views, COARSE):
        return
    mirrored = replace(views, target=views.target[:, ::-1], counted=views.counted[:, ::-1])
    yield from _finish(views, x, rmse, own)
    yield from _finish(views, np.concatenate([z, make_zoom(1)]), rmse, own)
    for attempt in _finish(mirrored, _begin(mirrored, 1.0, own)[0], rmse, own):
        yield attempt._replace(is_mirrored=True)


def _begin(views: Views, zoom: float, own: OwnPictures) -> tuple[np.ndarray, float]:
    """Return x and the structure of a coarse fit from a guess of z behind an enlarged picture."""
    before = Homography(views.target.shape[:2], make_zoom(1 / zoom)).apply(views.target)
    low, high = (bound[: views.latent] for bound in views.bounds)
    z = own.guess.predict(before).clip(low, high)
    return fit_normalised(views, np.concatenate([z, make_zoom(zoom)]), COARSE)


def _finish(views: Views, x: np.ndarray, rmse: float, own: OwnPictures) -> Iterator[Attempt]:
    """Yield the end of a fine fit, and then of a map, from x (n,) unless the structure differs."""
    x = x.copy()
    x[: views.latent] *= FITTED_SHARE
    x, structure = fit_normalised(views, x, FINE)
    if structure <= MOST_STRUCTURE * measure_detail(views, FINE):
        x[: views.latent] *= FITTED_SHARE
        end = fit_flexible(views, x)
        if end is not None:
            yield _make_attempt(views, end, structure, rmse, own)


def _make_attempt(
    views: Views, end: MappedPicture, structure: float, rmse: float, own: OwnPictures
) -> Attempt:
    columns = np.concatenate(differentiate_map(views, end), axis=1).astype(np.float64)
    information = columns @ columns.T / (end.median / NORMAL) ** 2
    noise_error, _ = invert_information(information, views.latent, views.deviation)
    deviation, known = invert_information(
        information / ERROR_FACTOR**2, views.latent, views.deviation
    )
    spread = max(end.median / NORMAL, LEAST_MEDIAN)
    left = np.zeros(views.target.shape)
    left[end.view.counted] = end.rest.clip(-CLIPPED * spread, CLIPPED * spread)
    squares = float(np.sum(left**2))
    inside = float(np.sum((own.directions @ left.ravel().astype(np.float32)) ** 2))
    size = NEIGHBOURHOOD, NEIGHBOURHOOD, 0
    mean, square = (ndimage.uniform_filter(each, size) for each in (views.target, views.target**2))
    contrast = np.sqrt((square - mean**2).clip(0)) + LEAST_CONTRAST
    traits = Traits(
        structure=structure,
        share=inside / squares if squares else 0.0,
        ratio=rmse / end.median,
        relative=float(np.median(np.abs(end.rest) / contrast[end.view.counted])),
        uncertainty=float(noise_error.mean()) / views.deviation,
    )
    return Attempt(end, deviation, known, traits)
