"""Load the image or array that says which pixels count."""

from pathlib import Path

import numpy as np

from ganinv_cli.errors import ImageError, to_printable
from ganinv_cli.images.arrays import decode_mask_array
from ganinv_cli.images.colours import to_display_colours
from ganinv_cli.images.crop import Crop, compute_whole_box
from ganinv_cli.images.decode import DecodedImage, decode_image
from ganinv_cli.images.files import is_array_name, read_image_file
from ganinv_cli.images.load import ImageShape, resize_image
from ganinv_cli.images.numpy_files import read_single_array


def load_mask(path: Path, shape: ImageShape, crop: Crop) -> np.ndarray:
    """Return which pixels count: (height, width, 1) bool, True for at least half white.

    Transparent parts are black. The mask is cropped and resized as an image is, unless it has the
    network's size. Raises ImageError as `load_image` does, and if no pixel counts.
    """
    height, width, _ = shape
    name = to_printable(path)
    image, _ = to_display_colours(name, _decode_mask(path, name), 1, backdrop=0)
    fits = image.size == (width, height)
    box = compute_whole_box(width, height) if fits else crop.compute_box(*image.size, name)
    counted = resize_image(image.crop(box), (height, width, 1)) >= 128
    if not counted.any():
        raise ImageError(f"{name} has no white pixel in the part used; paint white what counts")
    return counted


def _decode_mask(path: Path, name: str) -> DecodedImage:
    if is_array_name(path):
        return decode_mask_array(read_single_array(path), name)
    return decode_image(name, read_image_file(path))
