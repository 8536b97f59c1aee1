"""Copies of a picture as image files keep it: with 8 bits, or compressed as JPEG."""

import io
from typing import Any

import numpy as np
from PIL import Image

ROUNDED = 0  # stands for rounding to 8 bits alone, in place of a JPEG quality
QUALITIES = (ROUNDED, 95, 90, 75, 50, 25, 10)  # of the copies, the nearest first


def make_copy(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Return uint8 pixels (height, width, channels) as JPEG of this quality returns them.

    Pixels are returned as they are for ROUNDED. Colours have half the resolution, Pillow's default.
    """
    return pixels if quality == ROUNDED else compress(pixels, quality=quality)


def compress(pixels: np.ndarray, **options: Any) -> np.ndarray:
    """Return uint8 pixels (height, width, channels) as a JPEG file with Pillow's options has them.

    One channel is compressed as grey, three as RGB.
    """
    file = io.BytesIO()
    flat = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    Image.fromarray(flat).save(file, "JPEG", **options)
    return np.asarray(Image.open(file), np.uint8).reshape(pixels.shape)
