"""Pictures of z, a few at a time, and many of them on one sheet."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from ganinv_cli.errors import UsageError
from ganinv_cli.ground_truth import draw_true_z
from ganinv_cli.images import to_pixels
from ganinv_cli.network.generator import Generator

MAX_SHEET_PIXELS = 1 << 27  # of a sheet: 128 pictures of 1024 pixels a side
MAX_SHEET_SIDE = 1 << 16  # of a sheet; Pillow writes no larger PNG
MAX_BATCH_SIZE = 64  # made together
MAX_LAYER_VALUES = 1 << 26  # in the largest layer of what is made together
OVERVIEW_SIDE = 8  # pictures of an overview
GAP = 2  # pixels between pictures of a sheet

Pixels = np.ndarray  # (…, height, width, channels) uint8


def render_batch_size(generator: Generator) -> int:
    """How many pictures are made together; the same however many are wanted, as is rounding."""
    shapes = generator.network.shapes
    largest = max(int(np.prod(shape, dtype=np.int64)) for shape in shapes)
    return max(1, min(MAX_BATCH_SIZE, MAX_LAYER_VALUES // largest))


def render_pixels(
    generator: Generator, z: np.ndarray, labels: np.ndarray | None
) -> Iterator[Pixels]:
    """The picture of each z (n, latent), one by one."""
    rows = render_batch_size(generator)
    for first in range(0, len(z), rows):
        some = slice(first, first + rows)
        batch_labels = None if labels is None else labels[some]
        yield from to_pixels(generator.render(z[some], rows, labels=batch_labels))


def draw_sheet(
    generator: Generator, z: np.ndarray, labels: np.ndarray | None, columns: int
) -> Image.Image:
    """All pictures of z in rows, black where the last row has no more.

    Raises UsageError where that is too large.
    """
    height, width, channels = generator.image_shape
    columns = min(columns, len(z))
    rows = -(-len(z) // columns)
    down, across = rows * (height + GAP) - GAP, columns * (width + GAP) - GAP
    if down * across > MAX_SHEET_PIXELS or max(down, across) > MAX_SHEET_SIDE:
        most = max(1, MAX_SHEET_PIXELS // ((height + GAP) * (width + GAP)))
        raise UsageError(
            f"a sheet of {len(z):,} pictures in {columns:,} columns has {across:,} x {down:,} "
            f"pixels; give --count {min(most, len(z) - 1):,} or less, other --columns, or a folder"
        )
    canvas = np.zeros((down, across, channels), np.uint8)
    for number, picture in enumerate(render_pixels(generator, z, labels)):
        top, left = (number // columns) * (height + GAP), (number % columns) * (width + GAP)
        canvas[top : top + height, left : left + width] = picture
    return to_pil_image(canvas)


def draw_overview(generator: Generator, seed: int) -> Image.Image:
    """SIDE by SIDE pictures of random z; of a conditional generator, a row a label, up to SIDE."""
    rows = min(generator.labels, OVERVIEW_SIDE) or OVERVIEW_SIDE
    z = draw_true_z(generator, seed, np.arange(rows * OVERVIEW_SIDE))
    labels = np.repeat(np.arange(rows), OVERVIEW_SIDE) if generator.labels else None
    return draw_sheet(generator, z, labels, OVERVIEW_SIDE)


def to_pil_image(pixels: Pixels) -> Image.Image:
    """A grey one has one channel, of which Pillow knows nothing."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
