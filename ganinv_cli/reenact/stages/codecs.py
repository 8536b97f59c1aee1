"""Codecs whose errors are known only by re-encoding: WebP, an earlier JPEG, a palette.

G(z) is encoded as the image may have been. If its z is right, the codec's errors are those that are
left of the image.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
from PIL import Image

from ganinv_cli.images.decode import compress
from ganinv_cli.reenact.chain import MARGIN, QUANTILE, Fit, Own, Storage
from ganinv_cli.reenact.pixels import WHITE, round_to_pixels, to_luma
from ganinv_cli.reenact.stages.jpeg import Jpeg, make_standard_tables

QUALITIES = range(50, 100, 2)  # of WebP and of an earlier JPEG
COARSER = 1.5  # sum of an earlier JPEG's steps, over that of the last, from which it is seen
COLOURS = (256, 128, 64, 32)  # of a palette
FIRST_AGREEMENT = 0.2  # least correlation of both errors; of strangers it is near 0
AGREEING_DRAWS = 16  # own pictures on which a codec's agreement is calibrated


@dataclass(frozen=True, eq=False)
class Codec(Storage):
    """8 bits, of which the luma is compared, since codecs keep little of the colours.

    By default there is no codec.
    """

    target: np.ndarray
    kind: str = "luma"
    words: str = ""
    encode: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels  # uint8
    parameters: tuple[float, ...] = ()
    loses = True
    keeps_colours = False

    def describe(self) -> str:
        return self.words

    def store(self, pixels: np.ndarray) -> Self:
        return replace(self, target=self.encode(pixels))

    def accepts(self, end: Fit, limit: float, own: Own) -> bool:
        """Return whether the codec's errors are those that are left, as far as z is known.

        The least agreement is that of own pictures, beside which z is as unsure as here.
        """
        agreement = self.measure_agreement(end.picture, end.counted)
        if end.excess > limit or agreement < FIRST_AGREEMENT:
            return False
        by_z = own.differentiate(end)[: len(end.z)]
        seen = to_luma(by_z)[:, end.counted]
        random, agreements = np.random.default_rng(0), []
        for draw in own.draws[:AGREEING_DRAWS]:
            picture = end.chain.apply(draw, end.parameters)
            noise = seen @ random.normal(0, end.excess, seen.shape[1])
            moved = picture + np.tensordot(np.linalg.lstsq(seen @ seen.T, noise)[0], by_z, 1)
            stored = self.store(round_to_pixels(picture))
            agreements.append(stored.measure_agreement(moved.clip(0, WHITE), end.counted))
        return agreement >= float(np.quantile(agreements, 1 - QUANTILE)) / MARGIN

    def find_errors(self, picture: np.ndarray) -> np.ndarray:
        """Return the errors of the codec on a picture (height, width, channels)."""
        return np.asarray(self.encode(round_to_pixels(picture)) - picture)

    def measure_agreement(self, picture: np.ndarray, counted: np.ndarray) -> float:
        """Return the correlation of the codec's errors on a picture with those of the target."""
        one = to_luma(self.find_errors(picture))[counted]
        other = -self.subtract(picture, counted)
        norm = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
        return float(np.sum(one * other)) / norm if norm else 0.0


def iterate_codecs(pixels: np.ndarray, jpeg: Jpeg | None) -> Iterator[Codec]:
    """Yield each codec that may have stored an image; a JPEG follows a coarser one.

    The errors of a finer one are within the cells of the last, or too small to be evidence.
    """
    if jpeg is not None:
        steps = COARSER * sum(jpeg.tables[0])
        for quality in (q for q in QUALITIES if sum(make_standard_tables(q)[0]) > steps):
            words = f"saved as JPEG {quality}, and again {jpeg.describe().removeprefix('saved ')}"
            encode, qualities = partial(_compress_twice, quality, jpeg), (quality, *jpeg.parameters)
            yield Codec(pixels, "JPEG twice", words, encode, qualities)
        return
    for quality in QUALITIES:
        encode = partial(compress, kind="WEBP", quality=quality)
        yield Codec(pixels, "WebP", f"saved as WebP {quality}", encode, (quality,))
    values = len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0))
    for colours in COLOURS:
        if colours / 2 < values <= colours and pixels.shape[-1] == 3:
            words = f"reduced to a palette of {colours} colours"
            yield Codec(pixels, "palette", words, partial(_reduce_colours, colours), (colours,))


def _compress_twice(quality: int, jpeg: Jpeg, pixels: np.ndarray) -> np.ndarray:
    first = Jpeg(pixels, make_standard_tables(quality), jpeg.grid).store(pixels)
    return jpeg.store(first.target).target


def _reduce_colours(colours: int, pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).quantize(colours).convert("RGB"))
