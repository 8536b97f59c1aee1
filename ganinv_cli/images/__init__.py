"""Image files, NumPy files and arrays as pixels for a generator."""

from ganinv_cli.images.arrays import load_mask, make_target_image
from ganinv_cli.images.decode import suppress_pillow_warnings
from ganinv_cli.images.load import (
    Crop,
    TargetImage,
    find_inside,
    load_image,
    to_floats,
    to_pixels,
)

__all__ = [
    "Crop",
    "TargetImage",
    "find_inside",
    "load_image",
    "load_mask",
    "make_target_image",
    "suppress_pillow_warnings",
    "to_floats",
    "to_pixels",
]
