"""Whether a picture that no chain explains is an own picture that was edited, and its z."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.reenact.fit import Renderer
from ganinv_cli.reenact.flexible.attempts import Attempt, iterate_attempts
from ganinv_cli.reenact.flexible.features import Features
from ganinv_cli.reenact.flexible.homography import PARAMETERS
from ganinv_cli.reenact.flexible.own_pictures import measure_own_pictures
from ganinv_cli.reenact.flexible.rule import find_rule
from ganinv_cli.reenact.flexible.views import Views
from ganinv_cli.reenact.flexible.words import describe_map, find_region
from ganinv_cli.reenact.storage import WHITE, round_to_pixels

VALUES_PER_UNKNOWN = 8  # of a picture, at least, or a flexible map follows anything


class Edit(NamedTuple):
    """What was done to an own picture, as far as a flexible map says it."""

    z: np.ndarray  # (latent,)
    deviation: np.ndarray  # (latent,), standard error of z
    known_directions: int
    words: str
    picture: np.ndarray  # (height, width, channels) uint8, mapped
    region: np.ndarray  # (height, width), which pixels are of no map


def find_edit(
    renderer: Renderer,
    pixels: np.ndarray,
    counted: np.ndarray,
    z: np.ndarray,
    rmse: float,
    *,
    is_jpeg: bool,
) -> Edit | None:
    """Return the edit of an own picture that pixels (height, width, channels) are, if they are one.

    `counted` (height, width) are the pixels to explain, `z` (latent,) is the best one without a
    change, with its RMSE in grey levels, and `is_jpeg` says whether the pixels show a JPEG. A
    picture with few values for so many unknowns is not tried.
    """
    generator = renderer.generator
    unknowns = generator.latent + PARAMETERS + Features(pixels.shape).count * pixels.shape[2]
    if counted.sum() * pixels.shape[2] < VALUES_PER_UNKNOWN * unknowns:
        return None
    views = Views(renderer, pixels / WHITE, counted)
    for attempt in iterate_attempts(views, z, rmse, generator.reuse(measure_own_pictures)):
        rule = generator.reuse(find_rule, renderer.step_precision, is_jpeg=is_jpeg)
        if rule.accepts(attempt.traits):
            return _make_edit(views, attempt)
    return None


def _make_edit(views: Views, attempt: Attempt) -> Edit:
    end = attempt.end
    region = find_region(end)
    words = describe_map(end, attempt.is_mirrored, region)
    direction = -1 if attempt.is_mirrored else 1
    counted, region = end.view.counted[:, ::direction], region[:, ::direction]
    mapped = np.zeros(views.target.shape)
    mapped[end.view.counted] = end.picture
    picture = np.where(counted[..., None], mapped[:, ::direction], views.target) * WHITE
    return Edit(
        z=end.x[: views.latent],
        deviation=attempt.deviation,
        known_directions=attempt.known_directions,
        words=words,
        picture=round_to_pixels(picture),
        region=region,
    )
