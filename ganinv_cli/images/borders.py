"""Uniform borders of an image, which a generator's own picture got later."""

import numpy as np

LOSSLESS_TOLERANCE = 1  # grey levels, of a border of one colour
JPEG_TOLERANCE = 12
MIN_LEFT = 0.5  # share of the picture; with wider borders, there is none

Border = tuple[int, int, int, int]  # rows and columns at the top, right, bottom and left


def find_border(pixels: np.ndarray, is_jpeg: bool) -> Border:
    """Return how many rows and columns at each edge have one colour, of (height, width, channels).

    All are 0 if less than MIN_LEFT of the picture would be left.
    """
    tolerance = JPEG_TOLERANCE if is_jpeg else LOSSLESS_TOLERANCE
    values = pixels.astype(np.int64)
    turned = [np.rot90(values, turns) for turns in range(4)]  # each edge in turn is at the top
    top, right, bottom, left = (_count_rows(each, tolerance) for each in turned)
    height, width, _ = pixels.shape
    rest = max(height - top - bottom, 0) * max(width - left - right, 0)
    return (top, right, bottom, left) if rest >= MIN_LEFT * height * width else (0, 0, 0, 0)


def mask_border(pixels: np.ndarray, border: Border) -> np.ndarray:
    """Return which pixels (height, width) are inside the border."""
    height, width, _ = pixels.shape
    top, right, bottom, left = border
    inside = np.zeros((height, width), np.bool_)
    inside[top : height - bottom, left : width - right] = True
    return inside


def _count_rows(values: np.ndarray, tolerance: int) -> int:
    """Return the number of first rows in which no value is far from the median of the first."""
    colour = np.median(values[0], axis=0)
    uniform = (np.abs(values - colour) <= tolerance).all((1, 2))
    return int(np.argmin(uniform)) if not uniform.all() else len(values)
