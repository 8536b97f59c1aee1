"""Explain a picture by a square of its file: of a screenshot, a page with margins, a collage."""

from collections.abc import Callable

import numpy as np

from ganinv_cli.images import Picture
from ganinv_cli.reenact.changes import Change
from ganinv_cli.reenact.explain import Explanation
from ganinv_cli.reenact.fit import Fit, Renderer, fit
from ganinv_cli.reenact.resampling import Resizing
from ganinv_cli.reenact.search import EVALUATIONS, find_middle
from ganinv_cli.reenact.storage import Pixels
from ganinv_cli.results.analysis.evidence import SQUARE

FAR = 20.0  # grey levels, RMS, that a z of a square leaves; above, only the first is searched

Explain = Callable[[Picture, np.ndarray, np.ndarray], Explanation | None]


def explain_crops(
    renderer: Renderer,
    picture: Picture,
    starts: np.ndarray,
    explain: Explain,
    unexplained: Explanation,
) -> Explanation:
    """Return what explains one of a picture's crops, or says its edit: the first that has that.

    `starts` (starts, latent) are the z of the whole picture, which hardly help: z of a crop is
    fitted from the middle. `explain` takes a picture, its starts and J at the first, in grey
    levels, as `explain_image` does. If no crop is explained, return `unexplained`, that of the
    whole picture, with the number of crops.
    """
    for number, crop in enumerate(picture.crops):
        start = _fit_middle(renderer, crop, starts)
        if number and start.excess > FAR:
            continue
        found = explain(crop, start.z[None], renderer.differentiate(start.z))
        if found is not None and (found.explained or found.edited):
            return _name_crop(found, crop, picture)
    if not picture.crops:
        return unexplained
    count = len(picture.crops)
    squares = "1 square" if count == 1 else f"{count} squares"
    return unexplained._replace(tried=f"{unexplained.tried}, {squares} of the file")


def _fit_middle(renderer: Renderer, crop: Picture, starts: np.ndarray) -> Fit:
    change, middle = Change(Resizing(crop.pixels.shape)), find_middle(renderer, starts)
    return fit(
        renderer,
        change,
        Pixels(crop.pixels),
        middle,
        change.start,
        crop.counted_pixels,
        EVALUATIONS["middle"],
        gives_up=True,
    )


def _name_crop(found: Explanation, crop: Picture, picture: Picture) -> Explanation:
    """Return the explanation of a crop, whose chain begins with its place in the file."""
    top, left = crop.corner
    side = round(picture.pixels.shape[1] * crop.enlarged)
    words = f"{SQUARE} {left},{top},{side} of the file"
    left_out = 100 * np.mean(found.region & crop.allowed_pixels)
    rest = f"but for {left_out:.0f} % of it" if left_out else ""
    return found._replace(chain="; ".join(filter(None, (words, found.chain, rest))))
