"""Load an image file or a mask as pixels in the shape of a generator's images."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ganinv_cli.errors import ImageError, to_printable
from ganinv_cli.images import crop as crops
from ganinv_cli.images.colours import to_display_colours
from ganinv_cli.images.crop import Crop
from ganinv_cli.images.decode import decode_image
from ganinv_cli.images.files import read_image_file

ImageShape = tuple[int, int, int]  # height, width, channels of a generator's images


class TargetImage(NamedTuple):
    """An image file at a generator's size."""

    name: str  # of the file, without its folder, printable
    sha256: str  # of the file's bytes; empty if it could not be read
    pixels: np.ndarray  # (height, width, channels), uint8; black if it could not be read
    notes: tuple[str, ...] = ()  # phrases on changes that a viewer would not make
    error: str = ""  # why it could not be read; empty if it was read


def load_image(path: Path, shape: ImageShape, crop: Crop) -> TargetImage:
    """Return an image file, cropped and resized to `shape`.

    Raises ImageError if it is not an image, is damaged or too big, or the crop reaches outside it.
    """
    data, name = read_image_file(path), to_printable(path)
    image, notes = to_display_colours(name, decode_image(name, data), shape[2])
    pixels = resize_image(image.crop(crop.compute_box(*image.size, name)), shape)
    return TargetImage(to_printable(path.name), hashlib.sha256(data).hexdigest(), pixels, notes)


def load_mask(path: Path, shape: ImageShape, crop: Crop) -> np.ndarray:
    """Return which pixels count: (height, width, 1) bool, True for at least half white.

    Transparent parts are black. The mask is cropped and resized as an image is, unless it has the
    network's size. Raises ImageError as `load_image` does, and if no pixel counts.
    """
    height, width, _ = shape
    name = to_printable(path)
    image, _ = to_display_colours(name, decode_image(name, read_image_file(path)), 1, backdrop=0)
    fits = image.size == (width, height)
    box = crops.compute_whole_box(width, height) if fits else crop.compute_box(*image.size, name)
    counted = resize_image(image.crop(box), (height, width, 1)) >= 128
    if not counted.any():
        raise ImageError(f"{name} has no white pixel in the part used; paint white what counts")
    return counted


def resize_image(
    image: Image.Image, shape: ImageShape, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Return an image, or the part inside a box, as uint8 of the given shape.

    If it is enlarged, pixels just outside the box enter those at its edge.
    """
    size = shape[1], shape[0]
    small = image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3)
    return np.asarray(small, np.uint8).reshape(shape)


def to_floats(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 pixels, 0 to 255, as float32, -1 to 1."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def to_pixels(images: np.ndarray) -> np.ndarray:
    """Return floats, -1 to 1, as uint8 pixels, 0 to 255; others are clipped, and NaN is black."""
    numbers = np.nan_to_num(images, nan=-1).clip(-1, 1)
    pixels: np.ndarray = np.rint((numbers + 1) * 127.5).astype(np.uint8)
    return pixels
