"""Decode an image file to an upright image of 8 bits per channel, as a viewer would show it."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import (
    ExifTags,
    Image,
    ImageChops,
    ImageCms,
    ImageOps,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from ganinv_cli.errors import DAMAGE_ERRORS, ImageError, explain_failures
from ganinv_cli.files import hide_output

# The formats of `files.SUFFIXES`. Pillow has more, and runs Ghostscript for one of them.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
MODES = {1: "L", 3: "RGB"}  # channels of a generator -> mode of its images
GREY = 128  # behind transparent parts

# of Pillow's readers; warnings only if they are turned into errors
IMAGE_ERRORS = (*DAMAGE_ERRORS, Warning, Image.DecompressionBombError)
_UNSUPPORTED_MODES = ("I", "F", "LAB")  # that Pillow converts incorrectly
_PLAIN_MODES = ("L", "RGB", "CMYK")  # modes that a colour profile may describe

Notes = tuple[str, ...]  # phrases on what was done to an image
Tables = tuple[tuple[int, ...], ...]  # JPEG's quantisation tables of 64 steps: luma, chroma


class DecodedImage(NamedTuple):
    """The first frame of an image file, rotated upright by its EXIF data."""

    image: Image.Image  # in the file's own mode
    bits: int = 8  # per channel
    notes: Notes = ()
    tables: Tables = ()  # of a JPEG file whose pixels were not rotated


@contextlib.contextmanager
def suppress_pillow_warnings() -> Iterator[None]:
    """Suppress warnings of Pillow and libtiff, but more than 89 million pixels are an error.

    This holds for all threads: enter it once, around the threads that decode.
    """
    with hide_output(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode_image(name: str, data: bytes) -> DecodedImage:
    """Return the first frame of an image file, from its bytes.

    Raises ImageError, with `name`, if `data` is not an image, is damaged or has too many pixels;
    Pillow reads their number from the header, before anything is decoded.
    """
    with explain_image_errors(name), Image.open(io.BytesIO(data), formats=FORMATS) as file:
        image, notes = load_upright(file)
        tables = read_tables(file)
        # of an MPO the others are a preview or depth map; they are not counted, as that reads all
        if file.format != "MPO" and getattr(file, "is_animated", False):
            notes = (*notes, "the first of several frames")
        return DecodedImage(image, _read_bits(file, data), notes, tables)


def read_tables(file: Image.Image) -> Tables:
    """Return the quantisation tables of an open JPEG file, rows first.

    There are none for other files, and for one that EXIF data rotate.
    """
    is_rotated = file.getexif().get(ExifTags.Base.Orientation, 1) != 1
    tables = {} if is_rotated else getattr(file, "quantization", {})
    return tuple(tuple(map(int, tables[number])) for number in sorted(tables))


@contextlib.contextmanager
def explain_image_errors(name: str) -> Iterator[None]:
    """Turn the errors of Pillow's readers into ImageError."""
    what, advice = f"{name} cannot be read as an image", "leave it out"
    with explain_failures(what, advice, ImageError, IMAGE_ERRORS):
        try:
            yield
        except UnidentifiedImageError:
            known = ", ".join(FORMATS)
            raise ImageError(
                f"{name} is not an image of a known format ({known}); {advice}"
            ) from None


def load_upright(image: Image.Image) -> tuple[Image.Image, Notes]:
    """Return an image rotated by its EXIF data, and notes. Raises IMAGE_ERRORS."""
    image.load()
    try:
        return ImageOps.exif_transpose(image), ()
    except IMAGE_ERRORS:
        return image.copy(), ("not rotated, because its EXIF data are damaged",)


def to_display_colours(
    name: str, decoded: DecodedImage, channels: int, backdrop: int = GREY
) -> tuple[Image.Image, Notes]:
    """Return the image in mode L for 1 channel, RGB for 3, and notes on what was changed.

    Colours become sRGB by the file's own profile. Raises ImageError, with `name`, for modes without
    an agreed look.
    """
    mode = decoded.image.mode
    if mode in _UNSUPPORTED_MODES:
        raise ImageError(
            f"{name} has pixels of mode {mode}, for which no white is agreed on; save it as grey "
            "or RGB with 8 or 16 bits a channel"
        )
    with explain_image_errors(name):
        image, depth_notes = _to_8_bits(decoded)
        image, alpha = _split_alpha(image)
        image, profile_notes = _to_srgb(image)
        image, alpha_notes = _composite_on_backdrop(image, alpha, backdrop)
        image, grey_notes = _to_channels(image, channels)
    return image, (*decoded.notes, *depth_notes, *profile_notes, *alpha_notes, *grey_notes)


def compress(pixels: np.ndarray, kind: str = "JPEG", **options: Any) -> np.ndarray:
    """Return uint8 pixels (height, width, channels) as a file with Pillow's options has them.

    One channel is compressed as grey, three as RGB.
    """
    file = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.save(file, kind, **options)
    return np.asarray(Image.open(file).convert(image.mode), np.uint8).reshape(pixels.shape)


def _read_bits(file: Image.Image, data: bytes) -> int:
    if file.format == "PNG":
        return data[24]
    if isinstance(file, TiffImagePlugin.TiffImageFile):
        return int(max(file.tag_v2.get(ExifTags.Base.BitsPerSample, (8,))))
    return 8


def _to_8_bits(decoded: DecodedImage) -> tuple[Image.Image, Notes]:
    image, bits = decoded.image, decoded.bits
    notes = (f"{bits} bits per channel reduced to 8",) if bits > 8 else ()
    if not image.mode.startswith("I;16"):
        return image, notes  # Pillow has kept the upper 8 bits
    numbers = np.asarray(image).astype(np.uint32)  # Pillow would clip them at 255
    white = 2**bits - 1
    scaled = (numbers * 255 + white // 2) // white
    grey = Image.fromarray(scaled.astype(np.uint8))
    if "icc_profile" in image.info:
        grey.info["icc_profile"] = image.info["icc_profile"]
    if (clear := image.info.get("transparency")) is not None:
        grey.putalpha(Image.fromarray(np.where(numbers == clear, 0, 255).astype(np.uint8)))
    return grey, notes


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours in one of the plain modes, and the opacity in mode L."""
    profile = image.info.get("icc_profile")
    mode = "L" if image.mode in ("1", "L", "La", "LA") else "RGB"
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA" if mode == "RGB" else "LA")
        alpha = image.getchannel("A")
    if image.mode not in _PLAIN_MODES:
        image = image.convert(mode)
    if profile is not None:
        image.info["icc_profile"] = profile
    return image, alpha


def _to_srgb(image: Image.Image) -> tuple[Image.Image, Notes]:
    data = image.info.get("icc_profile")
    if not data:
        note = "CMYK without a colour profile: colours are approximate"
        return image, (note,) if image.mode == "CMYK" else ()
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if ImageCms.getProfileDescription(profile).startswith("sRGB"):
            return image, ()
        space = profile.profile.xcolor_space.strip()
        if space != ("GRAY" if image.mode == "L" else image.mode):  # of the file it was made from
            return image, (f"its colour profile is for {space} and was ignored",)
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, *IMAGE_ERRORS):
        return image, ("its colour profile is damaged and was ignored",)
    assert converted is not None  # None only with inPlace
    return converted, ("colours converted to sRGB by its profile",)


def _composite_on_backdrop(
    image: Image.Image, alpha: Image.Image | None, backdrop: int
) -> tuple[Image.Image, Notes]:
    image = image.convert("RGB") if image.mode == "CMYK" else image
    if alpha is None or alpha.getextrema()[0] == 255:
        return image, ()
    behind = Image.new("L", image.size, backdrop).convert(image.mode)
    return Image.composite(image, behind, alpha), ("transparent parts on grey",)


def _to_channels(image: Image.Image, channels: int) -> tuple[Image.Image, Notes]:
    first, *others = image.split()
    coloured = any(ImageChops.difference(first, band).getbbox() for band in others)
    channel_notes = ("made grey",) if coloured and channels == 1 else ()
    return image.convert(MODES[channels]), channel_notes
