"""Whether a picture that no chain explains is an own picture that was edited, and its z."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.reenact.fit import Renderer
from ganinv_cli.reenact.flexible.attempts import Attempt
from ganinv_cli.reenact.flexible.features import Features
from ganinv_cli.reenact.flexible.homography import PARAMETERS
from ganinv_cli.reenact.flexible.name_map import describe_map, find_region
from ganinv_cli.reenact.flexible.rule import find_rule
from ganinv_cli.reenact.flexible.views import Views
from ganinv_cli.reenact.pixels import round_to_pixels

VALUES_PER_UNKNOWN = 8  # of a picture, at least, or a flexible map follows anything


class Edit(NamedTuple):
    """What was done to an own picture, as far as a flexible map says it."""

    z: np.ndarray  # (latent,)
    deviation: np.ndarray  # (latent,), standard error of z
    known_directions: int
    words: str
    picture: np.ndarray  # (height, width, channels) uint8, mapped
    region: np.ndarray  # (height, width), which pixels are of no map


def make_views(renderer: Renderer, pixels: np.ndarray, counted: np.ndarray) -> Views | None:
    """Return what pixels (height, width, channels) uint8 are fitted as.

    `counted` (height, width) are the pixels to explain. None: they are few values for so many
    unknowns, which would follow anything.
    """
    features = Features(pixels.shape).count * pixels.shape[2]
    unknowns = renderer.generator.latent + PARAMETERS + features
    if counted.sum() * pixels.shape[2] < VALUES_PER_UNKNOWN * unknowns:
        return None
    return Views(renderer, pixels.astype(np.float64), counted)


def accepts(renderer: Renderer, attempt: Attempt, *, is_jpeg: bool) -> bool:
    """Return whether a fit is that of an own picture that was edited, by what it leaves."""
    precision = renderer.step_precision
    return renderer.generator.reuse(find_rule, precision, is_jpeg=is_jpeg).accepts(attempt.traits)


def make_edit(views: Views, attempt: Attempt) -> Edit:
    """Return what was done to an own picture, by an accepted fit."""
    end = attempt.end
    region = find_region(end)
    words = describe_map(end, attempt.is_mirrored, region)
    direction = -1 if attempt.is_mirrored else 1
    counted, region = end.view.counted[:, ::direction], region[:, ::direction]
    mapped = np.zeros(views.target.shape)
    mapped[end.view.counted] = end.picture
    picture = np.where(counted[..., None], mapped[:, ::direction], views.target)
    return Edit(
        z=attempt.z,
        deviation=attempt.deviation,
        known_directions=attempt.known_directions,
        words=words,
        picture=round_to_pixels(picture),
        region=region,
    )
