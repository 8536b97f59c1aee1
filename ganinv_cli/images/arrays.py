"""Make images of NumPy arrays and of Pillow's images."""

import hashlib

import numpy as np
from PIL import Image

from ganinv_cli.errors import ImageError
from ganinv_cli.images.crop import Crop
from ganinv_cli.images.decode import (
    DAMAGED_ERRORS,
    DecodedImage,
    check_size,
    load_upright,
    make_decode_error,
)
from ganinv_cli.images.load import ImageShape, TargetImage, fit_to_shape, to_pixels

CHANNELS = (1, 3, 4)  # of an array: grey, RGB, RGB and opacity
FLOATS_NOTE = "floats taken as -1 (black) to 1 (white)"  # if none is below 0, which is unusual
_TOLERANCE = 1e-6  # of the limits of floats


def make_target_image(
    image: np.ndarray | Image.Image, name: str, shape: ImageShape, crop: Crop
) -> TargetImage:
    """Return an array or an image of Pillow, treated as an image file is.

    An array is (height, width) or (height, width, channels) with 1, 3 or 4 channels: uint8 from 0
    to 255, bool, or floats from -1 to 1, which are rounded to 8 bits. One of the generator's size
    is taken unchanged. `name` is the image's in tables and errors. Raises ImageError.
    """
    if isinstance(image, Image.Image):
        decoded, content = _decode_pillow(image, name)
    else:
        if isinstance(image, np.ma.MaskedArray):
            raise ImageError(
                f"{name} is a masked array, whose mask would be ignored; give its data as "
                "the image, and the pixels to compare as mask"
            )
        array = np.asarray(image)
        decoded, content = decode_array(array, name), _encode_content(array)
    pixels, notes = fit_to_shape(name, decoded, shape, crop)
    return TargetImage(name, hashlib.sha256(content).hexdigest(), pixels, notes)


def decode_array(array: np.ndarray, name: str) -> DecodedImage:
    """Return an array as an image of 8 bits. Raises ImageError if its shape or values are wrong."""
    _check_shape(array, name)
    if array.dtype.kind != "f":
        return _to_image(_to_8_bits(array, name), name)
    _check_range(array, name, -1)
    notes = (FLOATS_NOTE,) if array.min() >= 0 else ()
    return _to_image(to_pixels(array.astype(np.float32)), name)._replace(notes=notes)


def decode_mask_array(array: np.ndarray, name: str) -> DecodedImage:
    """Return a mask: an array as of `decode_array`, but with floats from 0 to 1."""
    _check_shape(array, name)
    if array.dtype.kind != "f":
        return _to_image(_to_8_bits(array, name), name)
    _check_range(array, name, 0)
    return _to_image(np.rint(array.clip(0, 1) * 255).astype(np.uint8), name)


def _check_shape(array: np.ndarray, name: str) -> None:
    shape = array.shape
    if array.ndim in (2, 3) and 0 not in shape and (array.ndim == 2 or shape[2] in CHANNELS):
        check_size(name, shape[1], shape[0])
        return
    first = array.ndim == 3 and shape[0] in CHANNELS
    raise ImageError(
        f"{name} has shape {shape}; an image has shape (height, width) or (height, width, "
        "channels), with 1, 3 or 4 channels"
        + ("; move the channels to the end: np.moveaxis(image, 0, -1)" if first else "")
    )


def _to_8_bits(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype != np.uint8:
        raise ImageError(
            f"{name} holds {array.dtype}; give uint8 from 0 to 255, or floats from -1 to 1"
        )
    return array


def _check_range(array: np.ndarray, name: str, low: int) -> None:
    if not np.isfinite(array).all():
        raise ImageError(f"{name} holds NaN or infinite values; replace them or leave it out")
    least, most = float(array.min()), float(array.max())
    if least < low - _TOLERANCE or most > 1 + _TOLERANCE:
        raise ImageError(
            f"{name} holds floats from {least:g} to {most:g}; scale them to {low} to 1, or convert "
            "values from 0 to 255 to uint8"
        )


def _to_image(array: np.ndarray, name: str) -> DecodedImage:
    grey = array.ndim == 3 and array.shape[2] == 1
    image = Image.fromarray(np.ascontiguousarray(array[..., 0] if grey else array))
    return DecodedImage(image, 8, False, ())


def _encode_content(array: np.ndarray) -> bytes:
    return f"{array.dtype.str} {array.shape} ".encode() + array.tobytes()


def _decode_pillow(image: Image.Image, name: str) -> tuple[DecodedImage, bytes]:
    check_size(name, *image.size)
    try:
        upright, notes = load_upright(image)
        kept = ("transparency", "icc_profile")
        look = (image.mode, image.size, image.getpalette(), *map(image.info.get, kept))
        content = repr(look).encode() + upright.tobytes()
    except (OSError, *DAMAGED_ERRORS) as error:
        raise make_decode_error(name, error) from error
    bits = 16 if image.mode.startswith("I;16") else 8
    return DecodedImage(upright, bits, False, notes), content
