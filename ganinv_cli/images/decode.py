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
MAX_SIDE = 1 << 16  # pixels; Pillow keeps a pointer for each row
MAX_TAG_VALUES = 1 << 22  # numbers in a tag; Pillow makes an object of each

# Errors of Pillow's readers for damaged images, besides OSError; UserWarning only if the caller
# has turned warnings into errors.
DAMAGED_ERRORS = (
    *(SyntaxError, ValueError, TypeError, LookupError, NotImplementedError, EOFError),
    *(OverflowError, struct.error, zlib.error, UserWarning),
)
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BYTE_KINDS = (1, 2, 6, 7)  # of tags: bytes and text, which stay as they are
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
        if data.startswith(_TIFF_STARTS):
            _check_tags(data)
        with Image.open(io.BytesIO(data), formats=FORMATS) as file:
            check_size(name, *file.size)
            image, notes = load_upright(file)
            if _has_more_frames(file):
                notes = (*notes, "the first of several frames")
            return DecodedImage(image, *_read_depth(file, data), notes)
    except UnidentifiedImageError:
        what = "empty, so no" if not data else "no"
        raise ImageError(
            f"{name} is {what} image of a known format ({', '.join(FORMATS)}); leave it out"
        ) from None
    except OVERSIZED_ERRORS as error:
        number = re.search(r"\d+", str(error))  # the number of pixels
        raise _oversized_error(name, f"{int(number[0]):,}" if number else "too many") from error
    except (OSError, *DAMAGED_ERRORS) as error:
        raise make_decode_error(name, error) from error


def load_upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return an image rotated by its EXIF data, and notes. Raises OSError or DAMAGED_ERRORS."""
    image.load()
    try:
        _check_tags(image.info.get("exif", b"").removeprefix(b"Exif\0\0"))
        return ImageOps.exif_transpose(image), ()
    except (OSError, *DAMAGED_ERRORS):
        return image.copy(), ("not rotated, because its EXIF data are damaged",)


def make_decode_error(name: str, error: Exception) -> ImageError:
    """Return the error for an image that is damaged."""
    return ImageError(f"{name} cannot be read as an image ({to_printable(error)}); leave it out")


def check_size(name: str, width: int, height: int) -> None:
    """Raise ImageError if an image that is not decoded yet says that it has too many pixels."""
    if width * height > MAX_PIXELS:
        raise _oversized_error(name, f"{width:,} x {height:,}")
    if max(width, height) > MAX_SIDE:
        raise ImageError(
            f"{name} has {width:,} x {height:,} pixels by its header, more than {MAX_SIDE:,} on a "
            "side; make it smaller or leave it out"
        )


def _oversized_error(name: str, pixels: str) -> ImageError:
    return ImageError(
        f"{name} has {pixels} pixels by its header, more than {MAX_PIXELS // 10**6} million, and "
        "could be a decompression bomb; make it smaller or leave it out"
    )


def _check_tags(data: bytes) -> None:
    """Raise ValueError or struct.error if a tag of a TIFF file, or of EXIF data, is too long.

    Only the first directory is checked, which is the one that is read.
    """
    if not data:
        return
    order = ">" if data.startswith(b"MM") else "<"
    is_big = data[2:3] == b"+"  # BigTIFF; as Pillow, which knows it in this byte order alone
    place, number, entry = ("Q", "Q", "HHQ8x") if is_big else ("I", "H", "HHI4x")
    (start,) = struct.unpack_from(order + place, data, 8 if is_big else 4)
    (count,) = struct.unpack_from(order + number, data, start)
    start += struct.calcsize(order + number)
    size = struct.calcsize(order + entry)
    entries = memoryview(data)[start : start + count * size]
    whole = entries[: len(entries) // size * size]
    for tag, kind, values in struct.iter_unpack(order + entry, whole):
        if kind not in _BYTE_KINDS and values > MAX_TAG_VALUES:
            raise ValueError(f"its tag {tag} lists {values:,} numbers")


def _has_more_frames(file: Image.Image) -> bool:
    """Return whether there are other frames or pages; an MPO's preview or depth map is none.

    They are not counted, because Pillow would read all.
    """
    return file.format != "MPO" and getattr(file, "is_animated", False)


def _read_depth(file: Image.Image, data: bytes) -> tuple[int, bool]:
    """Return the bits per channel, and whether 0 is white."""
    if file.format == "PNG":
        return data[24], False
    if isinstance(file, TiffImagePlugin.TiffImageFile):
        tags = file.tag_v2
        inverted = tags.get(ExifTags.Base.PhotometricInterpretation) == 0
        return max(tags.get(ExifTags.Base.BitsPerSample, (8,))), inverted
    return 8, False
