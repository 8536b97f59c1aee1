"""What a flexible map is, in plain words."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from ganinv_cli.reenact.flexible.features import Features
from ganinv_cli.reenact.flexible.flexible_fit import NORMAL, MappedPicture
from ganinv_cli.reenact.pixels import GREY_LEVELS, WHITE

MIN_LOWERED = 0.25  # share of what G(z) leaves without a map that a named part must lower
GREY = 1.5  # grey levels, RMS of the differences of channels, at most in a grey picture
FAR = 5.0  # standard deviations, above which a pixel is of another picture
LEAST_FAR = 6.0  # grey levels
MIN_REGION = 0.01  # share of the pixels; less is not mentioned
BLURS = 2  # kernels, the first ones, that are blurs
ROTATED = 0.75  # share of the largest move of a corner that is a rotation, or it is not named
UNNAMED = "changed in a way that was not recognised"
MOVE, COLOURS, FILTER, SHADE = "move", "colours", "filter", "shade"  # the parts of a map


def describe_map(end: MappedPicture, is_mirrored: bool, region: np.ndarray) -> str:
    """Return plain words for what lowers the residual; `region` (height, width) does not count."""
    parts = ["mirrored"] if is_mirrored else []
    parts += [WORDS[part](end) for part in _select_parts(end, region)]
    return ", ".join(parts) or UNNAMED


def find_region(end: MappedPicture) -> np.ndarray:
    """Return which pixels (height, width) are of no map, and lie together."""
    errors = np.zeros(end.view.counted.shape)
    errors[end.view.counted] = np.abs(end.rest).max(1)
    far = errors > max(FAR * end.median / NORMAL, LEAST_FAR)
    region: np.ndarray = ndimage.binary_closing(ndimage.binary_opening(far, np.ones((2, 2))))
    return region if region.mean() >= MIN_REGION else np.zeros_like(region)


def _select_parts(end: MappedPicture, region: np.ndarray) -> list[str]:
    """Return the parts of the map that lower the residual, those that lower it most first.

    Each is fitted by itself to what the parts before it leave. So a part is not named that only
    makes up for an error of the others, e.g. of interpolation.
    """
    counted = end.view.counted & ~region
    wanted = (end.picture + end.rest).clip(0, WHITE)[~region[end.view.counted]]
    features = Features(end.view.seen.shape)
    places = features.places
    slices = {  # of the features; the first one is 1
        COLOURS: slice(1, places.products.stop),
        FILTER: places.filters,
        SHADE: slice(places.shades.start, places.shaded.stop),
    }

    bases = {False: end.view.picture, True: end.view.seen}  # whether moved
    computed = {moved: features.compute(base)[:, counted] for moved, base in bases.items()}

    def measure(parts: list[str]) -> float:
        """Return the mean size of what parts of the map leave."""
        mapped = bases[MOVE in parts][counted]
        rows = [slices[part] for part in parts if part != MOVE]
        if rows:
            every = computed[MOVE in parts]
            values = np.concatenate([every[:1], *(every[each] for each in rows)]).T
            mapped = mapped + values @ np.linalg.lstsq(values, wanted - mapped)[0]
        return float(np.mean(np.abs(wanted - mapped.clip(0, WHITE))))

    chosen: list[str] = []
    left = plain = measure(chosen)
    while others := [part for part in WORDS if part not in chosen]:
        lowest, part = min((measure([*chosen, part]), part) for part in others)
        if left - lowest < MIN_LOWERED * plain:
            break
        chosen, left = [*chosen, part], lowest
    return chosen


def _name_move(end: MappedPicture) -> str:
    homography = end.view.homography
    height, width = homography.size
    moves = np.stack(homography.source) - np.mgrid[:height, :width]
    most = np.hypot(*moves[:, [0, 0, -1, -1], [0, -1, 0, -1]]).max()
    matrix = np.eye(3) + np.append(homography.parameters, 0.0).reshape(3, 3)
    angle = np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1])
    turned = abs(angle) * np.hypot(height - 1, width - 1) / 2
    return "rotated" if turned > ROTATED * most else "moved or resized"


def _name_filter(end: MappedPicture) -> str:
    channels = end.weights.shape[1]
    places = Features(end.view.seen.shape).places
    filters = end.weights[places.filters].reshape(-1, channels, channels)
    return "blurred" if np.trace(filters[:BLURS].sum(0)) > 0 else "sharpened"


def _name_shade(end: MappedPicture) -> str:
    places = Features(end.view.seen.shape).places
    shades = np.zeros(3)  # to the right, to the bottom, to the edges
    brightness = float(end.features[places.colours].mean()) or GREY_LEVELS
    for place, weight in ((places.shades, 1.0), (places.shaded, brightness)):
        shades += weight * end.weights[place][:3].mean(1)
    number = int(np.argmax(np.abs(shades)))
    sides = [("left", "right"), ("top", "bottom"), ("middle", "edges")][number]
    return f"brighter at the {sides[int(shades[number] > 0)]}"


def _name_colours(end: MappedPicture) -> str:
    differences = end.picture - end.picture.mean(1, keepdims=True)
    is_grey = end.weights.shape[1] > 1 and np.sqrt(np.mean(differences**2)) < GREY
    return "made grey" if is_grey else "colours changed"


WORDS: dict[str, Callable[[MappedPicture], str]] = {
    MOVE: _name_move,
    COLOURS: _name_colours,
    FILTER: _name_filter,
    SHADE: _name_shade,
}
