"""One image file -> the pixels that a network is to explain."""

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

ImageShape = tuple[int, int, int]  # height, width, channels of a network's images


class TargetImage(NamedTuple):
    """One image as the network sees it."""

    name: str  # of the file, without its folder, printable
    path: Path
    sha256: str  # of the file's bytes
    pixels: np.ndarray  # (height, width, channels), uint8
    notes: tuple[str, ...]  # what a viewer of the file may not expect, a phrase each


def load_image(path: Path, shape: ImageShape, crop: Crop) -> TargetImage:
    """Raises ImageError for what is no image, is damaged, is too big, or lies outside the crop."""
    data, name = read_image_file(path), to_printable(path)
    image, notes = to_display_colours(name, decode_image(name, data), shape[2])
    pixels = resize_image(image.crop(crop.box(*image.size, name)), shape)
    return TargetImage(
        to_printable(path.name), path, hashlib.sha256(data).hexdigest(), pixels, notes
    )


def load_mask(path: Path, shape: ImageShape, crop: Crop) -> np.ndarray:
    """Which pixels count: (height, width, 1), bool, True where it is at least half white.

    Transparent parts are black. It is cropped and resized as an image is, but taken as it is where
    it has the network's size. Raises ImageError as `load` does, and where no pixel counts.
    """
    height, width, _ = shape
    name = to_printable(path)
    image, _ = to_display_colours(name, decode_image(name, read_image_file(path)), 1, backdrop=0)
    fits = image.size == (width, height)
    box = crops.whole_image_box(width, height) if fits else crop.box(*image.size, name)
    counted = resize_image(image.crop(box), (height, width, 1)) >= 128
    if not counted.any():
        raise ImageError(f"{name} is black wherever the network looks; paint white what counts")
    return counted


def resize_image(
    image: Image.Image, shape: ImageShape, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """An image, or what lies inside the box, as uint8 of the given shape.

    Where it is enlarged, the pixels at the box's edge take from their neighbours outside it.
    """
    size = shape[1], shape[0]
    small = image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3)
    return np.asarray(small, np.uint8).reshape(shape)
