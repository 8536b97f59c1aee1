"""Image files, NumPy files and arrays as pixels for a generator."""

from ganinv_cli.images.arrays import load_mask, make_picture
from ganinv_cli.images.decode import suppress_pillow_warnings
from ganinv_cli.images.load import (
    Crop,
    Picture,
    find_inside,
    load_picture,
    to_floats,
    to_pixels,
)

__all__ = [
    "Crop",
    "Picture",
    "find_inside",
    "load_mask",
    "load_picture",
    "make_picture",
    "suppress_pillow_warnings",
    "to_floats",
    "to_pixels",
]
