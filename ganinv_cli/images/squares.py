"""Squares of an image file that look like pictures of their own: framed ones, and tiles."""

import functools
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

MOST_SQUARES = 4  # that are suggested
MOST_LINES = 16  # in each direction, of which squares are made
MOST_ROWS = 256  # at which steps are measured, of a larger file
LEAST_STEP = 1.0  # grey levels, that are added to what a difference is compared with
CLEAR_STEP = 3.0  # across a line, over that along it, outside
CLEAR_SIDE = 2.0  # difference across a side from the colour outside, over the deviation outside
CLEAR_SIDES = 4.0  # the same of all sides, their geometric mean
UNEQUAL = 2  # pixels by which the sides of a square may differ
MOSTLY = 0.9  # share of an area
LEAST_SHARE = 0.1  # of the shorter side of the file
MOST_TILES = 8  # in a row or column of a grid
SEAM = 1.6  # step across the seams of a grid, over the steps beside them
NEAR_SEAM = (-2, -1, 1, 2)  # pixels from a seam to steps beside it
BLOCKS = (-8, 8)  # pixels from a seam to steps between blocks of a JPEG, if it is between two

Span = tuple[int, int]  # first pixel, and the one behind the last


class Square(NamedTuple):
    """A square part of a file, in pixels."""

    left: int
    top: int
    side: int

    def covers(self, other: "Square") -> bool:
        """Return whether a smaller square is inside this one, but for a tenth of its area."""
        starts = zip(self[:2], other[:2], strict=True)
        sides = [
            max(0, min(outer + self.side, inner + other.side) - max(outer, inner))
            for outer, inner in starts
        ]
        return self.side > other.side and sides[0] * sides[1] >= MOSTLY * other.side**2


def suggest_squares(pixels: np.ndarray, smallest: int) -> list[Square]:
    """Return squares of a file that may be pictures of their own, at most MOST_SQUARES.

    `pixels` are (height, width, channels) uint8; no side is below `smallest` pixels. A square has
    margins of one colour, or ends with the file; or it is a tile of a grid. The whole file is none.
    """
    tiles = [*_list_tiles(pixels, smallest)]
    return (tiles or _find_framed(pixels, smallest))[:MOST_SQUARES]


def _find_framed(pixels: np.ndarray, smallest: int) -> list[Square]:
    """Return the squares whose sides are clear: first those without others inside.

    Of some that are nearly the same the most exact one is kept, and of these the clearest.
    """
    height, width, _ = pixels.shape
    least = max(smallest, LEAST_SHARE * min(width, height))
    turned = pixels.swapaxes(0, 1)
    left, top = _Side(pixels), _Side(turned)
    right, bottom = _Side(pixels[:, ::-1]), _Side(turned[:, ::-1])
    columns, rows = _list_spans(left, right, least), _list_spans(top, bottom, least)
    found: list[tuple[int, float, Square]] = []
    for x, y in product(columns, rows):
        size = x[1] - x[0], y[1] - y[0]
        unequal = abs(size[0] - size[1])
        if unequal > UNEQUAL or size[0] * size[1] > MOSTLY * width * height:
            continue
        sides = [(left, x[0], y), (right, width - x[1], y)]
        sides += [(top, y[0], x), (bottom, height - y[1], x)]
        clearness = _measure_sides(sides)
        if clearness >= CLEAR_SIDES:
            found.append((unequal, -clearness, Square(x[0], y[0], min(size))))
    kept: list[Square] = []
    for *_, square in sorted(found):
        if not any(np.abs(np.subtract(square, other)).max() <= UNEQUAL for other in kept):
            kept.append(square)
    return sorted(kept, key=lambda each: sum(map(each.covers, kept)))


class _Side:
    """The sides of squares in one direction: outside is on the left."""

    def __init__(self, pixels: np.ndarray) -> None:
        """Find the clearest lines of pixels (length, depth, channels)."""
        self._pixels, self.depth = pixels, pixels.shape[1]
        across, along = _measure_steps(pixels, 1)[1:], _measure_steps(pixels[:, :-1], 0)
        clear = np.sum(across > CLEAR_STEP * (along + LEAST_STEP), axis=0)
        self.lines = [0, *sorted(int(line) + 1 for line in np.argsort(clear)[-MOST_LINES:])]
        self.measure = functools.cache(self._measure)

    def _measure(self, line: int, first: int, last: int) -> float:
        """Return how clear a part of a line is."""
        outside, inside = self._pixels[first:last, line - 1 : line + 1].swapaxes(0, 1).astype(float)
        colour = np.median(outside, axis=0)
        deviation = np.abs(outside - colour).mean()
        return float(np.abs(inside - colour).mean() / (deviation + LEAST_STEP))


def _list_spans(starts: _Side, ends: _Side, least: float) -> list[Span]:
    """Return the spans between two lines that are long enough."""
    pairs = product(starts.lines, (ends.depth - line for line in ends.lines))
    return [(first, last) for first, last in pairs if last - first >= least]


def _measure_sides(sides: Iterable[tuple[_Side, int, Span]]) -> float:
    """Return how clear the sides are on average that are not edges of the file; 0: one is not."""
    measured: list[float] = []
    for side, line, span in sides:
        if line:
            measured.append(side.measure(line, *span))
            if measured[-1] < CLEAR_SIDE:
                return 0.0
    return float(np.exp(np.mean(np.log(measured))))


def _list_tiles(pixels: np.ndarray, smallest: int) -> Iterator[Square]:
    """Yield the tiles of the finest grid of squares that fills the file, if there is one."""
    height, width, _ = pixels.shape
    columns, rows = (
        np.pad(_measure_steps(each, 1).mean(0), (1, 0)) for each in (pixels, pixels.swapaxes(0, 1))
    )
    longer = max(height, width)
    for side in range(max(1, smallest, longer // MOST_TILES), longer):
        if width % side or height % side:
            continue
        ratios = [
            _measure_seam(steps, place)
            for steps, length in ((columns, width), (rows, height))
            for place in range(side, length, side)
        ]
        is_row = side in (height, width)  # few other files have such a shape
        if is_row or (np.mean(ratios) >= SEAM and min(ratios) >= 1):
            for top, left in product(range(0, height, side), range(0, width, side)):
                yield Square(left, top, side)
            return


def _measure_steps(pixels: np.ndarray, axis: int) -> np.ndarray:
    """Return the steps along an axis, the mean of the channels in grey levels, of some rows."""
    rows = pixels[:: max(1, len(pixels) // MOST_ROWS)].astype(np.int16)
    channels = np.moveaxis(rows, 2, 0)  # a mean over the last axis takes ten times as long
    return np.asarray(np.mean([np.abs(np.diff(each, axis=axis)) for each in channels], axis=0))


def _measure_seam(steps: np.ndarray, place: int) -> float:
    """Return the step at a place, over those beside it and between other blocks of a JPEG."""
    others = [LEAST_STEP]
    for offsets in (NEAR_SEAM, BLOCKS):
        inside = [place + offset for offset in offsets if 0 < place + offset < len(steps)]
        if inside:
            others.append(float(np.mean(steps[inside])))
    return float(steps[place] / max(others))
