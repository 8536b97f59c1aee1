"""Explain a picture, or a square of its file: of a screenshot, a page with margins, a collage."""

from collections.abc import Callable

import numpy as np

from ganinv_cli.images import Picture
from ganinv_cli.reenact.chain import Chain, Fit
from ganinv_cli.reenact.fit import STEEP, Renderer, fit
from ganinv_cli.reenact.search import MIDDLE_EVALUATIONS, find_middle
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.reenact.words import describe_left_out, describe_square, join
from ganinv_cli.results.store.reenactment import Reenactment

FAR = 20.0  # grey levels, RMS, that a z of a square leaves; above, only the first is searched

Explain = Callable[[Picture, np.ndarray, np.ndarray], Reenactment | None]


def explain_file(
    renderer: Renderer,
    picture: Picture,
    starts: np.ndarray,
    jacobian: np.ndarray,
    explain: Explain,
    *,
    may_crop: bool,
) -> Reenactment | None:
    """Return what explains a picture, or else the first of its crops that has an explanation.

    `explain` takes a picture, its z (starts, latent) and J at the first, in grey levels, as
    `explain_image` does, and may return None. The starts of the whole picture hardly help with a
    crop, whose z is fitted from the middle.
    """
    found = explain(picture, starts, jacobian)
    if found is None:
        return None
    if may_crop and not found.explained:
        for number, crop in enumerate(picture.crops):
            start = _fit_middle(renderer, crop, starts)
            if number and start.excess > FAR:
                continue
            part = explain(crop, start.z[None], renderer.compute_jacobian(start.z))
            if part is not None and (part.explained or part.edited):
                return _name_square(part, crop, picture)
        found = found._replace(squares=len(picture.crops))
    everywhere = np.ones_like(found.region)
    left_out = describe_left_out(found.region, everywhere, "the pixels")
    return found._replace(chain=join(found.chain, left_out))


def _fit_middle(renderer: Renderer, crop: Picture, starts: np.ndarray) -> Fit:
    chain, middle = Chain((), EightBits(crop.pixels)), find_middle(renderer, starts)
    given = middle, chain.start, crop.counted_pixels, MIDDLE_EVALUATIONS
    return fit(renderer, chain, *given, steep=STEEP)


def _name_square(part: Reenactment, crop: Picture, picture: Picture) -> Reenactment:
    """Return the explanation of a crop, whose chain begins with its place in the file."""
    square = describe_square(crop.corner, round(picture.pixels.shape[1] * crop.enlarged))
    left_out = describe_left_out(part.region, crop.allowed_pixels, "it")
    chain = join(square, part.chain, left_out)
    return part._replace(chain=chain, is_square=True, squares=len(picture.crops))
