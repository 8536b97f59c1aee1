"""What sampled pictures say about conventions: a grid of dots, or half of the range unused."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ganinv_cli.generators.formats.complete import parse_range
from ganinv_cli.generators.network.definition import Convention

SAMPLES = 16  # pictures
# Squared difference of neighbours over that of pixels two apart. Of trained generators it is at
# most .67, also two apart over four; with a wrong stride of 2 it is from .93 to 20.
SMOOTH, CHECKERED = 0.75, 0.9
NEARLY_ALL = 0.98  # of the values
SLACK = 0.05  # of pixels in [-1, 1], beyond half of the range


class PictureFacts(NamedTuple):
    """Numbers of sampled pictures, which are in [-1, 1] unless a value is out of range."""

    neighbours: float  # squared difference at distance 1 over that at 2
    farther: float  # the same at 2 over 4
    low: float  # quantile that nearly all values exceed
    high: float  # quantile that nearly none exceeds
    least: float
    most: float


def measure_pictures(pictures: np.ndarray) -> PictureFacts:
    """Return the numbers of pictures (n, height, width, channels); NaN if one is not finite."""
    if not np.isfinite(pictures).all():
        return PictureFacts(*[np.nan] * 6)
    low, high = np.quantile(pictures, (1 - NEARLY_ALL, NEARLY_ALL))
    ratios = compare_neighbours(pictures), compare_neighbours(pictures, 2)
    return PictureFacts(
        *ratios, float(low), float(high), float(pictures.min()), float(pictures.max())
    )


def compare_neighbours(pictures: np.ndarray, distance: int = 1) -> float:
    """Return the ratio of squared differences at a distance and at twice that; NaN if all is flat.

    It is NaN for pictures that are too small, too.
    """
    if min(pictures.shape[1:3]) <= 2 * distance:
        return np.nan
    near, far = (
        np.square(pictures[:, n:] - pictures[:, :-n]).mean()
        + np.square(pictures[:, :, n:] - pictures[:, :, :-n]).mean()
        for n in (distance, 2 * distance)
    )
    with np.errstate(all="ignore"):
        return float(near / far)


def describe_pictures(facts: PictureFacts, conventions: Sequence[Convention]) -> tuple[str, ...]:
    """Return a clause for each convention that the pictures make doubtful, with its option."""
    clauses = []
    strides = [row for row in conventions if row.name == "strides"]
    is_open = strides and strides[-1].source == "assumed" and strides[-1].value == "2"
    if is_open and facts.neighbours > CHECKERED and facts.farther < SMOOTH:
        others = ",".join([*(row.value for row in strides[:-1]), "1"])
        clauses.append(
            "its pictures have a grid of every second pixel, as if its last stride, which is "
            f"assumed to be 2, were 1; --strides {others} shows it without"
        )
    (pixel_range,) = (row for row in conventions if row.name == "range")
    if pixel_range.source != "given" and (facts.low > -SLACK or facts.high < SLACK):
        black, white = parse_range(pixel_range.value)
        ends = (black + (end + 1) / 2 * (white - black) for end in (facts.low, facts.high))
        half = "upper" if facts.low > -SLACK else "lower"
        clauses.append(
            f"nearly all values of its pictures are in the {half} half of its range {black:g} to "
            f"{white:g}, from {' to '.join(f'{end:.2g}' for end in ends)}; if black or white is "
            "another value in your program, give both by --range, e.g. --range 0,1"
        )
    return tuple(clauses)
