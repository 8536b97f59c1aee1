"""One image file -> the pixels that a network is to explain."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ganinv_cli.errors import ImageError, printable
from ganinv_cli.images import crop as crops
from ganinv_cli.images.colours import shown
from ganinv_cli.images.crop import Crop
from ganinv_cli.images.decode import decoded
from ganinv_cli.images.files import read

Shape = tuple[int, int, int]  # height, width, channels of a network's images


class Picture(NamedTuple):
    """One image as the network sees it."""

    name: str  # of the file, without its folder, printable
    path: Path
    sha256: str  # of the file's bytes
    pixels: np.ndarray  # (height, width, channels), uint8
    said: tuple[str, ...]  # what a viewer of the file may not expect, a phrase each


def load(path: Path, shape: Shape, crop: Crop) -> Picture:
    """Raises ImageError for what is no image, is damaged, is too big, or lies outside the crop."""
    data, name = read(path), printable(path)
    image, said = shown(name, decoded(name, data), shape[2])
    pixels = resized(image.crop(crop.box(*image.size, name)), shape)
    return Picture(printable(path.name), path, hashlib.sha256(data).hexdigest(), pixels, said)


def mask(path: Path, shape: Shape, crop: Crop) -> np.ndarray:
    """Which pixels count: (height, width, 1), bool, True where it is at least half white.

    Transparent parts are black. It is cropped and resized as an image is, but taken as it is where
    it has the network's size. Raises ImageError as `load` does, and where no pixel counts.
    """
    height, width, _ = shape
    name = printable(path)
    image, _ = shown(name, decoded(name, read(path)), 1, backdrop=0)
    fits = image.size == (width, height)
    box = crops.whole(width, height) if fits else crop.box(*image.size, name)
    counts = resized(image.crop(box), (height, width, 1)) >= 128
    if not counts.any():
        raise ImageError(f"{name} is black wherever the network looks; paint white what counts")
    return counts


def resized(
    image: Image.Image, shape: Shape, box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """An image, or what lies inside the box, as uint8 of the given shape.

    Where it is enlarged, the pixels at the box's edge take from their neighbours outside it.
    """
    size = shape[1], shape[0]
    small = image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3)
    return np.asarray(small, np.uint8).reshape(shape)
