"""Images in NumPy arrays, in Pillow's images, and in .npy and .npz files; and masks."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganinv_cli.errors import ImageError, explain_failures, to_printable
from ganinv_cli.files import ArrayFileError, read_arrays
from ganinv_cli.images.decode import (
    DecodedImage,
    Notes,
    decode_image,
    explain_image_errors,
    load_upright,
    read_tables,
)
from ganinv_cli.images.files import explain_read_errors, is_array_name, read_image_file
from ganinv_cli.images.float_types import find_float_type, find_spacing
from ganinv_cli.images.load import (
    Crop,
    ImageShape,
    Picture,
    fit_picture,
    fit_to_shape,
    to_floats,
    to_pixels,
)

CHANNELS = (1, 3, 4)  # of an array: grey, RGB, RGB and opacity
FLOATS_NOTE = "floats taken as -1 (black) to 1 (white)"  # if none is below 0, which is unusual
Z_NAME = "z"  # of the latent vectors that ganinv writes into .npz files
_TOLERANCE = 1e-6  # of the limits of floats, and of the values that 8 bits hold


class LatentsError(ImageError):
    """A NumPy file holds latent vectors, not images."""


def make_picture(
    image: np.ndarray | Image.Image,
    name: str,
    shape: ImageShape,
    crop: Crop,
    reach: float = 1.0,
) -> Picture:
    """Return the picture of an array or an image of Pillow, which is treated as a file is.

    An array is (height, width) or (height, width, channels) with 1, 3 or 4 channels: uint8 from 0
    to 255, bool, or floats from -1 to 1. One of the generator's size is taken unchanged; floats of
    another shape are rounded to 8 bits. Floats are taken as they are up to `reach`, the largest
    absolute value of the generator's pixels. `name` is the image's in tables and errors. Raises
    ImageError.
    """
    floats = None
    if isinstance(image, Image.Image):
        decoded, content = _decode_pillow(image, name)
    else:
        array = np.asarray(image)
        decoded = _decode_array(array, name, reach=reach)
        content = f"{array.dtype.str} {array.shape} ".encode() + array.tobytes()
        floats = _keep_floats(array, shape, crop, reach)
    return fit_picture(name, content, decoded, shape, crop)._replace(floats=floats)


def convert_tensor(images: Any) -> Any:
    """Return a tensor as an array, of PyTorch with its channels last; anything else as it is."""
    torch, tensorflow = map(sys.modules.get, ("torch", "tensorflow"))
    if tensorflow is not None and isinstance(images, tensorflow.Tensor):
        is_bfloat16 = images.dtype == tensorflow.bfloat16  # which NumPy does not have
        return (tensorflow.cast(images, "float32") if is_bfloat16 else images).numpy()
    if torch is None or not isinstance(images, torch.Tensor):
        return images
    known = images.float() if images.dtype == torch.bfloat16 else images
    array = known.detach().cpu().numpy()
    is_first = array.ndim > 2 and array.shape[-3] in CHANNELS
    return np.moveaxis(array, -3, -1) if is_first else array


def load_numpy_file(
    path: Path, shape: ImageShape, crop: Crop, latent: int = 0, reach: float = 1.0
) -> dict[str, Picture | ImageError]:
    """Return the pictures of a NumPy file by name, or what is wrong with an array.

    An array (height, width) or (height, width, channels) is one image, (images, height, width,
    channels) several. `latent` is the size of z. Raises LatentsError for a file of latent vectors,
    ImageError if the file cannot be read.
    """
    label, arrays = to_printable(path.name), _read_array_file(path)
    _check_latents(path, arrays, latent)
    pictures: dict[str, Picture | ImageError] = {}
    for key, array in arrays.items():
        name = f"{label}[{to_printable(key)}]" if len(arrays) > 1 else label
        parts = {name: array}
        if array.ndim == 4 and len(array):
            parts = {f"{name}[{number}]": image for number, image in enumerate(array)}
        for part_name, part in parts.items():
            try:
                pictures[part_name] = make_picture(part, part_name, shape, crop, reach)
            except ImageError as error:
                pictures[part_name] = error
    return pictures


def load_mask(path: Path, shape: ImageShape, crop: Crop) -> tuple[np.ndarray, Notes]:
    """Return which pixels count, (height, width, 1) bool, and notes on how the mask was fitted.

    A pixel counts if it is at least half white.
    Transparent parts are black; floats of a NumPy file are 0 to 1. The mask is cropped and resized
    as an image is, unless it has the network's size. Raises ImageError as `load_picture` does, and
    if no pixel counts.
    """
    name, decoded = to_printable(path), decode_mask(path)
    fits = decoded.image.size == (shape[1], shape[0])
    part = Crop("none") if fits else crop
    pixels, notes = fit_to_shape(name, decoded, (*shape[:2], 1), part, backdrop=0)
    if not (pixels >= 128).any():
        raise ImageError(f"{name} has no white pixel in the part used; paint white what counts")
    return pixels >= 128, notes


def decode_mask(path: Path) -> DecodedImage:
    """Return a mask at its own size. Raises ImageError."""
    name = to_printable(path)
    if is_array_name(path):
        array, *others = _read_array_file(path).values()
        if others:
            raise ImageError(f"{name} holds {1 + len(others)} arrays; save the one to use")
        return _decode_array(array, name, black=0)
    return decode_image(name, read_image_file(path))


def _read_array_file(path: Path) -> dict[str, np.ndarray]:
    what = f"{to_printable(path)} cannot be read as NumPy arrays"
    with (
        explain_read_errors(path),
        explain_failures(what, "leave it out", ImageError, (ArrayFileError,)),
    ):
        arrays = read_arrays(path)
    if not arrays:
        raise ImageError(f"{to_printable(path)} holds no array; leave it out")
    return arrays


def _decode_array(
    array: np.ndarray, name: str, black: int = -1, reach: float = 1.0
) -> DecodedImage:
    """Return an array as an image of 8 bits; floats are from `black` to 1.

    Raises ImageError if its shape or values are wrong.
    """
    shape = array.shape
    if not shape:  # NumPy wraps any object
        kind = type(array.item()).__name__
        raise ImageError(f"{name} is a {kind}; give a path, an image of Pillow or an array")
    if array.ndim not in (2, 3) or 0 in shape or (array.ndim == 3 and shape[2] not in CHANNELS):
        raise ImageError(
            f"{name} has shape {shape}; an image has shape (height, width) or (height, width, "
            "channels), with 1, 3 or 4 channels, which come last"
        )
    notes: tuple[str, ...] = ()
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "f":
        _check_range(array, name, black, reach)
        notes = (FLOATS_NOTE,) if black == -1 and array.min() >= 0 else ()
        array = to_pixels(array.astype(np.float32) if black else 2 * array - 1)
    elif array.dtype != np.uint8:
        raise ImageError(
            f"{name} holds {array.dtype}; give uint8 from 0 to 255, or floats from {black} to 1"
        )
    if shape[2:] == (1,):
        array = array[..., 0]
    return DecodedImage(Image.fromarray(np.ascontiguousarray(array)), notes=notes)


def _keep_floats(
    array: np.ndarray, shape: ImageShape, crop: Crop, reach: float
) -> np.ndarray | None:
    """Return checked floats in the shape of a picture; None if they are cropped or resized.

    None too if they are 8 bits: each is one of their values, rounded to the float type.
    """
    shaped = array.reshape(*array.shape[:2], -1)
    if array.dtype.kind != "f" or shaped.shape != shape or crop.is_square:
        return None
    has_float32 = np.can_cast(array.dtype, np.float32)
    floats: np.ndarray = shaped.astype(np.float32 if has_float32 else np.float64)
    if reach <= 1:
        floats = floats.clip(-1, 1)
    rounded = to_floats(to_pixels(floats)).astype(np.float64)
    rounding = find_spacing(rounded, find_float_type(floats)) / 2
    has_8_bits = np.abs(floats - rounded) <= _TOLERANCE + rounding
    return None if has_8_bits.all() else floats


def _check_range(array: np.ndarray, name: str, low: int, reach: float) -> None:
    least, most = float(array.min()), float(array.max())
    if not np.isfinite(array).all():
        raise ImageError(f"{name} has values that are not finite; give floats from {low} to 1")
    slack = max(reach - 1, _TOLERANCE)
    if least < low - slack or most > 1 + slack:
        raise ImageError(
            f"{name} holds floats from {least:g} to {most:g}; scale them to {low} to 1, or convert "
            "values from 0 to 255 to uint8"
        )


def _decode_pillow(image: Image.Image, name: str) -> tuple[DecodedImage, bytes]:
    with explain_image_errors(name):
        upright, notes = load_upright(image)
        tables = read_tables(image)
        kept = ("transparency", "icc_profile")
        look = (image.mode, image.size, image.getpalette(), *map(image.info.get, kept), tables)
        content = repr(look).encode() + upright.tobytes()
    bits = 16 if image.mode.startswith("I;16") else 8
    return DecodedImage(upright, bits, notes, tables), content


def _check_latents(path: Path, arrays: dict[str, np.ndarray], latent: int) -> None:
    for name, array in arrays.items():
        vectors = array.dtype.kind == "f" and array.ndim == 2
        if vectors and (name == Z_NAME or (not name and array.shape[1] == latent)):
            raise LatentsError(
                f"{to_printable(path)} holds latent vectors of shape {array.shape}, not images; "
                "ganinv sample GENERATOR --z FILE makes images of them (and save a grey image as "
                "(height, width, 1))"
            )
