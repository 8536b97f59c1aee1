"""A picture as a JPEG file keeps it."""

import io
from typing import Any

import numpy as np
from PIL import Image


def compress(pixels: np.ndarray, **options: Any) -> np.ndarray:
    """Return uint8 pixels (height, width, channels) as a JPEG file with Pillow's options has them.

    One channel is compressed as grey, three as RGB.
    """
    file = io.BytesIO()
    flat = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    Image.fromarray(flat).save(file, "JPEG", **options)
    return np.asarray(Image.open(file), np.uint8).reshape(pixels.shape)
