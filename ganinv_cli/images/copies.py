"""A picture as a file with losses keeps it."""

import io
from typing import Any

import numpy as np
from PIL import Image


def compress(pixels: np.ndarray, kind: str = "JPEG", **options: Any) -> np.ndarray:
    """Return uint8 pixels (height, width, channels) as a file with Pillow's options has them.

    One channel is compressed as grey, three as RGB.
    """
    file = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.save(file, kind, **options)
    return np.asarray(Image.open(file).convert(image.mode), np.uint8).reshape(pixels.shape)
