"""Random edits, for the limits of the rule: a map of colours, a filter, a move, grain, a region."""

import numpy as np
from scipy import ndimage

from ganinv_cli.images.decode import compress
from ganinv_cli.reenact.flexible.homography import PARAMETERS, Homography, make_zoom
from ganinv_cli.reenact.pixels import WHITE, round_to_pixels

QUALITIES = 70, 96  # of a JPEG
MOST_EDITS = 3


def edit_at_random(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a picture (height, width, channels) uint8 after one to three edits of other kinds."""
    edits = [_map_colours, _filter, _move, _add_grain, _cover]
    count = 1 + int(random.integers(2)) * int(random.integers(1, MOST_EDITS))
    for number in random.choice(len(edits), count, replace=False):
        picture = round_to_pixels(edits[number](picture.astype(np.float64), random))
    return picture


def store_at_random(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a picture uint8 as a JPEG of a random quality stores it."""
    return compress(picture, quality=int(random.integers(*QUALITIES)))


def _map_colours(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Contrast, saturation, a power, a tint, a curve, and sometimes a shade or few levels."""
    channels = picture.shape[-1]
    values = (picture / WHITE) ** np.exp(random.normal(0, 0.15, channels))
    values = 0.5 + random.uniform(0.8, 1.3) * (values - 0.5) + random.normal(0, 0.04, channels)
    grey = values.mean(-1, keepdims=True)
    values = grey + random.uniform(0.3, 1.5) * (values - grey)
    values = values + random.normal(0, 0.03) * np.sin(2 * np.pi * values)
    if random.random() < 0.3:
        height, width = picture.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        values = values * (1 - random.uniform(0.1, 0.4) * (x**2 + y**2) / 2)[..., None]
    if random.random() < 0.2:
        levels = int(random.integers(16, 65))
        values = np.rint(values * levels) / levels
    return np.asarray(WHITE * values)


def _filter(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A blur, a sharpening, a median, or a reduction and enlargement."""
    kind, radius = random.integers(4), random.uniform(0.4, 1.0) * picture.shape[1] / 32
    smooth = ndimage.gaussian_filter(picture, (radius, radius, 0), mode="nearest")
    if kind == 0:
        return np.asarray(smooth)
    if kind == 1:
        return np.asarray(picture + random.uniform(0.3, 1.5) * (picture - smooth))
    if kind == 2:
        return np.asarray(ndimage.median_filter(picture, (3, 3, 1), mode="nearest"))
    small = random.uniform(0.5, 0.8)
    size = [small, small, 1]
    reduced = ndimage.zoom(ndimage.gaussian_filter(picture, (0.5, 0.5, 0)), size, order=1)
    back = np.array(picture.shape) / reduced.shape
    return np.asarray(ndimage.zoom(reduced, back, order=2, grid_mode=True, mode="nearest"))


def _move(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A crop that is enlarged, with a shift, a rotation and a perspective."""
    parameters = make_zoom(random.uniform(1.0, 1.25)) + random.normal(0, 0.02, PARAMETERS)
    return Homography(picture.shape[:2], parameters).apply(picture)


def _add_grain(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    noise = random.normal(0, 1, (*picture.shape[:2], int(random.choice([1, picture.shape[-1]]))))
    coarse = ndimage.gaussian_filter(noise, (random.uniform(0, 0.7),) * 2 + (0,))
    return np.asarray(picture + random.uniform(2, 8) * coarse / coarse.std())


def _cover(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A rectangle of one colour, or of a blur."""
    height, width = picture.shape[:2]
    size = [max(2, int(random.uniform(0.1, 0.4) * side)) for side in (height, width)]
    top, left = (
        int(random.integers(side - part)) for side, part in zip((height, width), size, strict=True)
    )
    place = slice(top, top + size[0]), slice(left, left + size[1])
    covered = picture.copy()
    blurred = ndimage.gaussian_filter(picture, (height / 10, width / 10, 0))
    is_flat = random.random() < 0.5
    covered[place] = random.uniform(0, WHITE, picture.shape[-1]) if is_flat else blurred[place]
    return covered
