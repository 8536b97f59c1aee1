"""Image files as pixels for a generator."""

from ganinv_cli.images.crop import Crop
from ganinv_cli.images.decode import suppress_pillow_warnings
from ganinv_cli.images.files import list_images
from ganinv_cli.images.load import TargetImage, load_image, load_mask, to_floats, to_pixels

__all__ = [
    "Crop",
    "TargetImage",
    "list_images",
    "load_image",
    "load_mask",
    "suppress_pillow_warnings",
    "to_floats",
    "to_pixels",
]
