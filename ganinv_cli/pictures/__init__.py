"""Image files as a generator sees them: read as a viewer would show them, cropped and resized."""

from ganinv_cli.pictures.crop import Crop
from ganinv_cli.pictures.decode import without_warnings
from ganinv_cli.pictures.files import listed
from ganinv_cli.pictures.picture import Picture, load, mask
from ganinv_cli.pictures.pixels import to_floats, to_pixels

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
