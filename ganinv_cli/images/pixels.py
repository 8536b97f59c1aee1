"""From the pixels of a file to a network's numbers, and back."""

import numpy as np


def to_floats(pixels: np.ndarray) -> np.ndarray:
    """uint8 0 to 255 as float32 -1 to 1."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def to_pixels(images: np.ndarray) -> np.ndarray:
    """Floats -1 to 1 as uint8 0 to 255; what lies outside is clipped, and NaN is black."""
    numbers = np.nan_to_num(images, nan=-1).clip(-1, 1)
    pixels: np.ndarray = np.rint((numbers + 1) * 127.5).astype(np.uint8)
    return pixels
