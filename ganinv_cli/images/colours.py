"""Convert a decoded image to grey or RGB with 8 bits per channel, as a viewer would show it."""

import io

import numpy as np
from PIL import Image, ImageChops, ImageCms

from ganinv_cli.errors import ImageError
from ganinv_cli.images.decode import DAMAGED_ERRORS, DecodedImage, make_decode_error

MODES = {1: "L", 3: "RGB"}  # channels of a generator -> mode of its images
GREY = 128  # behind transparent parts

_UNSUPPORTED_MODES = {  # modes that Pillow converts incorrectly
    "I": "signed numbers or numbers of 32 bits, for which no white is agreed on",
    "F": "fractions, for which no white is agreed on",
    "LAB": "CIELAB colours",
}
_PLAIN_MODES = ("L", "RGB", "CMYK")  # modes that a colour profile may describe


def to_display_colours(
    name: str, decoded: DecodedImage, channels: int, backdrop: int = GREY
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the image in mode L for 1 channel, RGB for 3, and notes on what was changed.

    Colours become sRGB by the file's own profile. Raises ImageError, with `name`, for modes without
    an agreed look.
    """
    try:
        image, depth_notes = _to_8_bits(name, decoded)
        image, alpha = _split_alpha(image)
        image, profile_notes = _to_srgb(image)
        image, alpha_notes = _composite_on_backdrop(image, alpha, backdrop)
        image, grey_notes = _to_channels(image, channels)
    except (OSError, *DAMAGED_ERRORS) as error:
        raise make_decode_error(name, error) from error
    return image, (*decoded.notes, *depth_notes, *profile_notes, *alpha_notes, *grey_notes)


def _to_8_bits(name: str, decoded: DecodedImage) -> tuple[Image.Image, tuple[str, ...]]:
    image, bits = decoded.image, decoded.bits
    if image.mode in _UNSUPPORTED_MODES:
        raise ImageError(
            f"{name} holds {_UNSUPPORTED_MODES[image.mode]}; save it as grey or RGB with 8 or 16 "
            "bits a channel"
        )
    notes = (f"{bits} bits per channel reduced to 8",) if bits > 8 else ()
    if not image.mode.startswith("I;16"):
        return image, notes  # Pillow has kept the upper 8 bits
    numbers = np.asarray(image).astype(np.uint32)  # Pillow would clip them at 255
    white = 2**bits - 1
    scaled = (numbers * 255 + white // 2) // white
    grey = Image.fromarray((255 - scaled if decoded.inverted else scaled).astype(np.uint8))
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


def _to_srgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    data = image.info.get("icc_profile")
    if not data:
        note = "CMYK without a colour profile: colours are approximate"
        return image, (note,) if image.mode == "CMYK" else ()
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if ImageCms.getProfileDescription(profile).startswith("sRGB"):
            return image, ()
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError, *DAMAGED_ERRORS):
        return image, ("its colour profile is damaged and was ignored",)
    assert converted is not None  # None only with inPlace
    return converted, ("colours converted to sRGB by its profile",)


def _composite_on_backdrop(
    image: Image.Image, alpha: Image.Image | None, backdrop: int
) -> tuple[Image.Image, tuple[str, ...]]:
    image = image.convert("RGB") if image.mode == "CMYK" else image
    if alpha is None or alpha.getextrema()[0] == 255:
        return image, ()
    behind = Image.new("L", image.size, backdrop).convert(image.mode)
    return Image.composite(image, behind, alpha), ("transparent parts on grey",)


def _to_channels(image: Image.Image, channels: int) -> tuple[Image.Image, tuple[str, ...]]:
    first, *others = image.split()
    coloured = any(ImageChops.difference(first, band).getbbox() for band in others)
    channel_notes = ("made grey",) if coloured and channels == 1 else ()
    return image.convert(MODES[channels]), channel_notes
