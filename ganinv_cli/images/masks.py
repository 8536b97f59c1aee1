"""Load the image or array that says which pixels count."""

from pathlib import Path

import numpy as np

from ganinv_cli.errors import ImageError, to_printable
from ganinv_cli.images.arrays import decode_array, read_array_file
from ganinv_cli.images.decode import decode_image, to_display_colours
from ganinv_cli.images.files import is_array_name, read_image_file
from ganinv_cli.images.load import Crop, ImageShape, resize_image


def load_mask(path: Path, shape: ImageShape, crop: Crop) -> np.ndarray:
    """Return which pixels count: (height, width, 1) bool, True for at least half white.

    Transparent parts are black; floats of a NumPy file are 0 to 1. The mask is cropped and resized
    as an image is, unless it has the network's size. Raises ImageError as `load_image` does, and if
    no pixel counts.
    """
    name = to_printable(path)
    if is_array_name(path):
        array, *others = read_array_file(path).values()
        if others:
            raise ImageError(f"{name} holds {1 + len(others)} arrays; save the one to use")
        decoded = decode_array(array, name, black=0)
    else:
        decoded = decode_image(name, read_image_file(path))
    image, _ = to_display_colours(name, decoded, 1, backdrop=0)
    fits = image.size == (shape[1], shape[0])
    box = (Crop("none") if fits else crop).compute_box(*image.size, name)
    counted = resize_image(image.crop(box), (*shape[:2], 1)) >= 128
    if not counted.any():
        raise ImageError(f"{name} has no white pixel in the part used; paint white what counts")
    return counted
