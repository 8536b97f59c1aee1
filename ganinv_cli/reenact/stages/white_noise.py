"""Whether what a picture leaves of an image is white noise."""

import itertools
from collections.abc import Iterator

import numpy as np

from ganinv_cli.reenact.pixels import WHITE, measure_rms
from ganinv_cli.reenact.stages.eight_bits import WhiteNoise

REACH = 2  # pixels between neighbours whose correlation is tested
WHITE_LEVEL = 4.0  # largest z-score of a correlation in white noise
CLIPPED = 1.1  # largest RMSE with saturated pixels, over the level: clipping lessens errors
MIN_EXPLAINED = 0.5  # share of the variance of a noisy image that G(z) explains


def find_noise(target: np.ndarray, picture: np.ndarray, counted: np.ndarray) -> WhiteNoise | None:
    """Return the white noise that a picture leaves of a target, None if it leaves anything else.

    In white noise neither the values of near pixels and of channels are correlated, nor their
    squares; and the picture explains most of the image. Saturated pixels are left out.
    """
    used = counted[..., None] & (target > 0) & (target < WHITE)
    if 2 * used.sum() < target.size:
        return None
    difference = picture.clip(0, WHITE) - target
    rest = np.where(used, target - picture, 0)
    level = float(np.sqrt(np.sum(rest**2) / used.sum()))
    spread = np.std(target[counted].astype(np.float64), axis=0)
    if level**2 > (1 - MIN_EXPLAINED) * np.mean(spread**2):
        return None
    if measure_rms(difference[counted]) > CLIPPED * level:
        return None
    for values in (rest, np.where(used, rest**2 - level**2, 0)):
        if any(_correlate(*pair) > WHITE_LEVEL for pair in _iterate_neighbours(values)):
            return None
    return WhiteNoise(target, level)


def _iterate_neighbours(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of arrays of near pixels, and of channels, of (height, width, channels)."""
    height, width, channels = values.shape
    for down, right in itertools.product(range(REACH + 1), range(-REACH, REACH + 1)):
        if (down, right) > (0, 0):
            first = values[: height - down, max(-right, 0) : width - max(right, 0)]
            second = values[down:, max(right, 0) : width - max(-right, 0)]
            yield first, second
    for one, other in itertools.combinations(range(channels), 2):
        yield values[..., one], values[..., other]


def _correlate(one: np.ndarray, other: np.ndarray) -> float:
    """Return the z-score of a correlation; pixels at which either is 0 are left out."""
    both = (one != 0) & (other != 0)
    x, y = one[both], other[both]
    norm = float(np.sqrt(np.sum(x**2) * np.sum(y**2)))
    return float(np.sum(x * y)) / norm * float(np.sqrt(len(x))) if norm else 0.0
