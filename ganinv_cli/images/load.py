"""Load an image file as pixels in the shape of a generator's images; say which of them count."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ganinv_cli.errors import ConfigError, ImageError, to_printable
from ganinv_cli.images.decode import (
    GREY,
    DecodedImage,
    Notes,
    Tables,
    decode_image,
    to_display_colours,
)
from ganinv_cli.images.files import read_image_file
from ganinv_cli.images.float_types import find_float_type
from ganinv_cli.images.squares import suggest_squares

ImageShape = tuple[int, int, int]  # height, width, channels of a generator's images
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright image

LOSSLESS_TOLERANCE = 1  # grey levels, of a border of one colour
JPEG_TOLERANCE = 12
MOST_REDUCED = 2  # times that a picture may have been reduced before it was set into a larger one
MIN_LEFT = 2 / 3  # share of the allowed pixels that edges of one colour and a region must leave

_SQUARE_PATTERN = re.compile(r"([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})")


@dataclass(frozen=True)
class Crop:
    """`center`, the largest centred square; `none`, the whole image; or `X,Y,SIZE` in pixels.

    X and Y count from the left and the top of the upright image, SIZE is the square's side. With
    `none`, the image is distorted to the network's shape. Raises ConfigError for any other text.
    """

    text: str = "center"

    def __post_init__(self) -> None:
        square = _SQUARE_PATTERN.fullmatch(self.text)
        if self.is_square and (square is None or int(square[3]) == 0):
            raise ConfigError(
                f"a crop is center, none or X,Y,SIZE in whole pixels, such as 40,0,256, "
                f"not {self.text!r}"
            )

    @property
    def is_square(self) -> bool:
        """Whether it is a square that the user chose."""
        return self.text not in ("center", "none")

    def compute_box(self, width: int, height: int, name: str) -> Box:
        """Return the part in pixels. Raises ImageError, with the name, if it reaches outside."""
        if self.text == "none":
            return 0, 0, width, height
        if self.text == "center":
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
        else:
            left, top, side = (int(number) for number in self.text.split(","))
        if left + side > width or top + side > height:
            raise ImageError(
                f"{name} has {width} x {height} pixels, and the square {self.text} reaches outside "
                "them; choose another --crop"
            )
        return left, top, left + side, top + side


class Picture(NamedTuple):
    """The pixels of an image as a generator makes them, and what was done to the image."""

    name: str  # of the file, in a run with its folder, printable
    sha256: str  # of the file's bytes, or of an array
    pixels: np.ndarray  # (height, width, channels), uint8
    notes: Notes = ()  # on what was done to it, such as "made grey"
    tables: Tables = ()  # of a JPEG file
    enlarged: float = 1.0  # width of the part that was read, over the generator's
    corner: tuple[int, int] = (0, 0)  # row and column in the file at which the part begins
    mask: np.ndarray | None = None  # (height, width) bool: the only pixels that may count
    # the shape of `pixels`, float32 or float64 in [-1, 1]: values that 8 bits do not hold
    floats: np.ndarray | None = None
    crops: "tuple[Picture, ...]" = ()  # squares of the file that may be pictures of their own

    @property
    def target(self) -> np.ndarray:
        """The picture in [-1, 1], (height, width, channels) float32, or float64 if it has that."""
        return to_floats(self.pixels) if self.floats is None else self.floats

    @property
    def float_type(self) -> str:
        """The float type in which it was stored; empty: 8 bits hold it."""
        return "" if self.floats is None else find_float_type(self.floats)

    @property
    def allowed_pixels(self) -> np.ndarray:
        """Which pixels (height, width) may count: those of the mask."""
        return np.ones(self.pixels.shape[:2], np.bool_) if self.mask is None else self.mask

    @property
    def counted_pixels(self) -> np.ndarray:
        """Which pixels (height, width) the starts are fitted to: allowed ones without edges.

        Edges are rows and columns of one colour, as padding leaves them. If they leave too few
        pixels, they count.
        """
        allowed = self.allowed_pixels
        inside = allowed & find_inside(self.pixels, bool(self.tables))
        return inside if inside.sum() >= self.fewest_pixels else allowed

    @property
    def counted_values(self) -> int:
        """How many values the starts are fitted to: pixels times channels."""
        return int(self.counted_pixels.sum()) * int(self.pixels.shape[2])

    @property
    def masked_target(self) -> np.ndarray:
        """The target, to which starts are fitted; NaN where pixels do not count."""
        target = self.target
        return np.where(self.counted_pixels[..., None], target, target.dtype.type(np.nan))

    @property
    def fewest_pixels(self) -> float:
        """How many pixels must count: edges and a region are at most a third."""
        return MIN_LEFT * float(self.allowed_pixels.sum())


def load_picture(path: Path, shape: ImageShape, crop: Crop) -> Picture:
    """Return the picture of an image file, cropped and resized to `shape`.

    Raises ImageError if it is not an image, is damaged or too big, or the crop reaches outside it.
    """
    data, name = read_image_file(path), to_printable(path)
    picture = fit_picture(name, data, decode_image(name, data), shape, crop)
    return picture._replace(name=to_printable(path.name))


def fit_picture(
    name: str, content: bytes, decoded: DecodedImage, shape: ImageShape, crop: Crop
) -> Picture:
    """Return the picture of a decoded image; `content` tells it from others."""
    pixels, notes = fit_to_shape(name, decoded, shape, crop)
    fits = decoded.image.size == (shape[1], shape[0]) and not crop.is_square
    left, top, right, _ = crop.compute_box(*decoded.image.size, name)
    crops = _suggest_crops(name, decoded, shape) if crop.text == "center" else []
    return Picture(
        name,
        hashlib.sha256(content).hexdigest(),
        pixels,
        notes,
        tables=decoded.tables,
        enlarged=1.0 if fits else (right - left) / shape[1],
        corner=(0, 0) if fits else (top, left),
        crops=tuple(_fit_crop(each, content, decoded, shape) for each in crops),
    )


def _suggest_crops(name: str, decoded: DecodedImage, shape: ImageShape) -> list[Crop]:
    """Return the squares of an image that may be pictures of their own."""
    image, _ = to_display_colours(name, decoded, shape[2])
    pixels = np.asarray(image, np.uint8).reshape(image.height, image.width, -1)
    squares = suggest_squares(pixels, min(shape[:2]) // MOST_REDUCED)
    return [Crop(",".join(map(str, square))) for square in squares]


def _fit_crop(crop: Crop, content: bytes, decoded: DecodedImage, shape: ImageShape) -> Picture:
    """Return the picture of a suggested crop, named by it; blocks of a JPEG mix its edges."""
    picture = fit_picture(crop.text, content, decoded, shape, crop)
    if picture.enlarged == 1 or not picture.tables:  # blocks are left out elsewhere
        return picture
    inner = np.zeros(shape[:2], np.bool_)
    inner[1:-1, 1:-1] = True
    return picture._replace(mask=inner)


def fit_to_shape(
    name: str, decoded: DecodedImage, shape: ImageShape, crop: Crop, backdrop: int = GREY
) -> tuple[np.ndarray, Notes]:
    """Return the pixels of an image, cropped and resized to `shape`, and notes on what was done.

    An image of that size is cropped only to a square that the user chose. Raises ImageError.
    """
    image, notes = to_display_colours(name, decoded, shape[2], backdrop)
    fits = image.size == (shape[1], shape[0]) and not crop.is_square
    box = (Crop("none") if fits else crop).compute_box(*image.size, name)
    pixels = resize_image(image.crop(box), shape)
    return pixels, (*_describe_fit(image.size, box, shape, crop), *notes)


def _describe_fit(size: tuple[int, int], box: Box, shape: ImageShape, crop: Crop) -> Iterator[str]:
    """Yield notes on how an image (width, height) was cropped and resized."""
    (width, height), (left, top, right, bottom) = size, box
    part, wanted = (right - left, bottom - top), (shape[1], shape[0])
    cropped = part != size
    if cropped:
        square = f"square {crop.text}" if crop.is_square else "middle square"
        yield f"cropped to the {square} ({part[0]:,} of {width:,}×{height:,} pixels)"
    if part != wanted:
        source = "" if cropped else f" from {width:,}×{height:,}"
        distorts = ", which distorts it" if part[0] * wanted[1] != part[1] * wanted[0] else ""
        yield f"resized{source} to {wanted[0]:,}×{wanted[1]:,}{distorts}"


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


def find_inside(pixels: np.ndarray, is_jpeg: bool) -> np.ndarray:
    """Return which pixels (height, width) are not in edges of one colour."""
    tolerance = JPEG_TOLERANCE if is_jpeg else LOSSLESS_TOLERANCE
    values = pixels.astype(np.int64)
    turned = [np.rot90(values, turns) for turns in range(4)]  # each edge in turn is at the top
    top, right, bottom, left = (_count_rows(each, tolerance) for each in turned)
    height, width, _ = pixels.shape
    inside = np.zeros((height, width), np.bool_)
    inside[top : height - bottom, left : width - right] = True
    return inside


def _count_rows(values: np.ndarray, tolerance: int) -> int:
    """Return the number of first rows in which no value is far from the median of the first."""
    colour = np.median(values[0], axis=0)
    uniform = (np.abs(values - colour) <= tolerance).all((1, 2))
    return int(np.argmin(uniform)) if not uniform.all() else len(values)
