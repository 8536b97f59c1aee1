"""Decode the bytes of an image file to an upright image."""

import contextlib
import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from ganinv_cli.errors import ImageError, to_printable

# The formats of `files.SUFFIXES`. Pillow has more, and runs Ghostscript for one of them.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
MAX_PIXELS = (256 << 20) // 3  # of one image, 89 million; Pillow warns above the same number

# Errors of Pillow's readers for damaged images, besides OSError; UserWarning only if the caller
# has turned warnings into errors.
DAMAGED_ERRORS = (
    *(SyntaxError, ValueError, TypeError, LookupError, NotImplementedError, EOFError),
    *(OverflowError, struct.error, zlib.error, UserWarning),
)
OVERSIZED_ERRORS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class DecodedImage(NamedTuple):
    """The first frame of an image file, rotated upright by its EXIF data."""

    image: Image.Image  # in the file's own mode
    bits: int  # per channel
    inverted: bool  # whether 0 is white; Pillow does not convert this in TIFF files of 16 bits
    notes: tuple[str, ...]


@contextlib.contextmanager
def suppress_pillow_warnings() -> Iterator[None]:
    """Suppress Pillow's warnings; those of oversized images become errors.

    Warning filters hold for all threads: enter this once, around the threads that decode.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode_image(name: str, data: bytes) -> DecodedImage:
    """Return the first frame of an image file, from its bytes.

    Raises ImageError, with `name`, if `data` is not an image, is damaged or has too many pixels;
    their number is read from the header, before anything is decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as file:
            if file.width * file.height > MAX_PIXELS:
                raise make_oversized_error(name, f"{file.width:,} x {file.height:,}")
            image, notes = load_upright(file)
            if (frames := _count_frames(file)) > 1:
                notes = (*notes, f"the first of {frames} frames")
            return DecodedImage(image, *_read_depth(file, data), notes)
    except UnidentifiedImageError:
        what = "empty, so no" if not data else "no"
        raise ImageError(
            f"{name} is {what} image of a known format ({', '.join(FORMATS)}); leave it out"
        ) from None
    except OVERSIZED_ERRORS as error:
        number = re.search(r"\d+", str(error))  # the number of pixels
        raise make_oversized_error(name, f"{int(number[0]):,}" if number else "too many") from error
    except (OSError, *DAMAGED_ERRORS) as error:
        raise make_decode_error(name, error) from error


def load_upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return an image rotated by its EXIF data, and notes. Raises OSError or DAMAGED_ERRORS."""
    image.load()
    try:
        return ImageOps.exif_transpose(image), ()
    except (OSError, *DAMAGED_ERRORS):
        return image.copy(), ("not rotated, because its EXIF data are damaged",)


def make_decode_error(name: str, error: Exception) -> ImageError:
    """Return the error for an image that is damaged."""
    return ImageError(f"{name} cannot be read as an image ({to_printable(error)}); leave it out")


def make_oversized_error(name: str, pixels: str) -> ImageError:
    """Return the error for an image that says it has too many pixels."""
    return ImageError(
        f"{name} has {pixels} pixels by its header, more than {MAX_PIXELS // 10**6} million, and "
        "could be a decompression bomb; make it smaller or leave it out"
    )


def _count_frames(file: Image.Image) -> int:
    """Return the number of frames or pages; the preview or depth map in an MPO does not count."""
    return 1 if file.format == "MPO" else getattr(file, "n_frames", 1)


def _read_depth(file: Image.Image, data: bytes) -> tuple[int, bool]:
    """Return the bits per channel, and whether 0 is white."""
    if file.format == "PNG":
        return data[24], False
    if isinstance(file, TiffImagePlugin.TiffImageFile):
        tags = file.tag_v2
        inverted = tags.get(ExifTags.Base.PhotometricInterpretation) == 0
        return max(tags.get(ExifTags.Base.BitsPerSample, (8,))), inverted
    return 8, False
