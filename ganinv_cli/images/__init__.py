"""Image files as a generator sees them: read as a viewer would show them, cropped and resized."""

from ganinv_cli.images.crop import Crop
from ganinv_cli.images.decode import without_warnings
from ganinv_cli.images.files import listed
from ganinv_cli.images.picture import Picture, load, mask
from ganinv_cli.images.pixels import to_floats, to_pixels

__all__ = [
    "Crop",
    "Picture",
    "listed",
    "load",
    "mask",
    "to_floats",
    "to_pixels",
    "without_warnings",
]
