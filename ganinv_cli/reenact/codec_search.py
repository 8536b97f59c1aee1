"""Codecs whose errors are known only by re-encoding: WebP, an earlier JPEG, a palette.

G(z) is encoded as the image may have been. If its z is right, the codec's errors are those that are
left of the image.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import Image

from ganinv_cli.images.decode import compress
from ganinv_cli.reenact.storage import (
    Codec,
    Jpeg,
    Pixels,
    make_standard_tables,
    round_to_pixels,
    to_luma,
)

QUALITIES = range(50, 100, 2)  # of WebP and of an earlier JPEG
COARSER = 1.5  # sum of an earlier JPEG's steps, over that of the last, from which it is seen
COLOURS = (256, 128, 64, 32)  # of a palette
MOST_LOST = 16.0  # grey levels, RMS of the luma, above which no codec is tried
FIRST_AGREEMENT = 0.2  # least correlation of both errors; of strangers it is near 0


def find_errors(codec: Codec, picture: np.ndarray) -> np.ndarray:
    """Return the errors of a codec on a picture (height, width, channels)."""
    return np.asarray(codec.encode(round_to_pixels(picture)) - picture)


def measure_agreement(
    codec: Codec, pixels: np.ndarray, picture: np.ndarray, counted: np.ndarray
) -> float:
    """Return the correlation of the codec's errors on a picture with those of stored pixels."""
    one = to_luma(find_errors(codec, picture))[counted]
    other = -Pixels(pixels, codec).subtract(picture, counted)
    norm = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    return float(np.sum(one * other)) / norm if norm else 0.0


def iterate_codecs(pixels: np.ndarray, jpeg: Jpeg | None) -> Iterator[Codec]:
    """Yield each codec that may have stored an image; a JPEG follows a coarser one.

    The errors of a finer one are within the cells of the last, or too small to be evidence.
    """
    if jpeg is not None:
        steps = COARSER * sum(jpeg.tables[0])
        for quality in (q for q in QUALITIES if sum(make_standard_tables(q)[0]) > steps):
            words = f"saved as JPEG {quality}, and again {jpeg.words.removeprefix('saved ')}"
            yield Codec("JPEG", words, partial(_compress_twice, quality, jpeg))
        return
    for quality in QUALITIES:
        words = f"saved as WebP {quality}"
        yield Codec("WebP", words, partial(compress, kind="WEBP", quality=quality))
    values = len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0))
    for colours in COLOURS:
        if colours / 2 < values <= colours and pixels.shape[-1] == 3:
            words = f"reduced to a palette of {colours} colours"
            yield Codec("palette", words, partial(_reduce_colours, colours))


def _compress_twice(quality: int, jpeg: Jpeg, pixels: np.ndarray) -> np.ndarray:
    first = Jpeg(pixels, make_standard_tables(quality), jpeg.grid).store(pixels)
    return jpeg.store(first.target).target


def _reduce_colours(colours: int, pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).quantize(colours).convert("RGB"))
