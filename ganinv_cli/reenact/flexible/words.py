"""What a flexible map is, in plain words."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from ganinv_cli.reenact.flexible.features import MIDDLE, Features
from ganinv_cli.reenact.flexible.flexible_fit import NORMAL, MappedPicture
from ganinv_cli.reenact.storage import WHITE

SEEN = 2 / WHITE  # RMS of what a part of the map changes; less is not mentioned
SEEN_MOVE = 1.0  # pixels, of a corner
GREY = 1.5 / WHITE  # RMS of the differences of channels, at most in a grey picture
FAR = 5.0  # standard deviations, above which a pixel is of another picture
LEAST_FAR = 6 / WHITE
MIN_REGION = 0.01  # share of the pixels; less is not mentioned
BLURS = 2  # kernels, the first ones, that are blurs
UNNAMED = "changed in a way that is not named"


def describe_map(end: MappedPicture, is_mirrored: bool, region: np.ndarray) -> str:
    """Return the nearest plain words; `region` (height, width) is what is not of the map."""
    parts = ["mirrored"] if is_mirrored else []
    height, width = end.view.homography.size
    moves = np.stack(end.view.homography.source) - np.mgrid[:height, :width]
    if np.abs(moves[:, [0, 0, -1, -1], [0, -1, 0, -1]]).max() > SEEN_MOVE:
        parts.append("moved or resized")
    parts += _describe_weights(end)
    return ", ".join(parts) or ("" if region.any() else UNNAMED)


def find_region(end: MappedPicture) -> np.ndarray:
    """Return which pixels (height, width) are of no map, and lie together."""
    errors = np.zeros(end.view.counted.shape)
    errors[end.view.counted] = np.abs(end.rest).max(1)
    far = errors > max(FAR * end.median / NORMAL, LEAST_FAR)
    region: np.ndarray = ndimage.binary_closing(ndimage.binary_opening(far, np.ones((2, 2))))
    return region if region.mean() >= MIN_REGION else np.zeros_like(region)


def _describe_weights(end: MappedPicture) -> Iterator[str]:
    channels = end.weights.shape[1]
    shape = (*end.view.counted.shape, channels)
    places = Features(shape).places
    filters = end.weights[places.filters].reshape(-1, channels, channels)
    if _measure(end, places.filters) > SEEN:
        yield "blurred" if np.trace(filters[:BLURS].sum(0)) > 0 else "sharpened"
    shades = np.zeros(3)  # to the right, to the bottom, to the edges
    brightness = float(end.features[places.colours].mean()) or MIDDLE
    for place, weight in ((places.shades, 1.0), (places.shaded, brightness)):
        shades += weight * end.weights[place][:3].mean(1)
    shaded = slice(places.shades.start, places.shaded.stop)
    if _measure(end, shaded) > SEEN:
        number = int(np.argmax(np.abs(shades)))
        sides = [("left", "right"), ("top", "bottom"), ("middle", "edges")][number]
        yield f"brighter at the {sides[int(shades[number] > 0)]}"
    differences = end.picture - end.picture.mean(1, keepdims=True)
    if channels > 1 and np.sqrt(np.mean(differences**2)) < GREY:
        yield "made grey"
    elif _measure_colours(end, places.colours, places.products) > SEEN:
        yield "colours changed"


def _measure(end: MappedPicture, part: slice) -> float:
    """Return the RMS of what a part of the map adds, but for its mean."""
    added = end.features[part].T @ end.weights[part]
    return float(np.sqrt(np.mean((added - added.mean(0)) ** 2)))


def _measure_colours(end: MappedPicture, colours: slice, products: slice) -> float:
    """Return the RMS by which the map of each pixel alone changes it."""
    alone = slice(0, products.stop)
    mapped = end.features[alone].T @ end.weights[alone]
    return float(np.sqrt(np.mean((mapped - MIDDLE - end.features[colours].T) ** 2)))
