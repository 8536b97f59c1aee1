"""Render the pictures of latent vectors: one by one, on a sheet, or to compare generators."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from ganinv_cli.errors import UsageError
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import to_pixels

MAX_SHEET_PIXELS = 1 << 27  # of a sheet: 128 pictures of 1024 x 1024 pixels
MAX_SHEET_SIDE = 1 << 16  # of a sheet; Pillow writes no larger PNG
MAX_BATCH_SIZE = 64
GAP = 2  # pixels between pictures of a sheet

Pixels = np.ndarray  # (height, width, channels) uint8


def render_pixels(
    generator: Generator, z: np.ndarray, labels: np.ndarray | None
) -> Iterator[Pixels]:
    """Yield the picture of each z (n, latent), a batch at a time: all may not fit in memory.

    The size of a batch does not depend on the number of pictures, so rounding does not either.
    """
    rows = min(MAX_BATCH_SIZE, generator.max_rows)
    for first in range(0, len(z), rows):
        some = slice(first, first + rows)
        given = None if labels is None else labels[some]
        yield from to_pixels(generator.render(z[some], rows, labels=given))


def measure_sheet(generator: Generator, count: int, columns: int) -> tuple[int, int]:
    """Return the height and width of a sheet in pixels. Raises UsageError if it is too large."""
    height, width, _ = generator.image_shape
    columns = min(columns, count)
    rows = -(-count // columns)
    down, across = rows * (height + GAP) - GAP, columns * (width + GAP) - GAP
    if down * across > MAX_SHEET_PIXELS or max(down, across) > MAX_SHEET_SIDE:
        raise UsageError(
            f"a sheet of {count:,} pictures in {columns:,} columns has {across:,} x {down:,} "
            "pixels; give a smaller --count, other --columns, or a folder"
        )
    return down, across


def draw_contact_sheet(
    generator: Generator, z: np.ndarray, labels: np.ndarray | None, columns: int
) -> Image.Image:
    """Return the pictures of z (n, latent) in rows on one sheet; unused cells are black.

    Raises UsageError as `measure_sheet` does.
    """
    height, width, channels = generator.image_shape
    columns = min(columns, len(z))
    down, across = measure_sheet(generator, len(z), columns)
    canvas = np.zeros((down, across, channels), np.uint8)
    for number, picture in enumerate(render_pixels(generator, z, labels)):
        top, left = (number // columns) * (height + GAP), (number % columns) * (width + GAP)
        canvas[top : top + height, left : left + width] = picture
    return to_pil_image(canvas)


def to_pil_image(pixels: Pixels) -> Image.Image:
    """Return a Pillow image of pixels (height, width, channels), 1 channel or 3."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
