"""Images in NumPy files: .npy, and .npz with one array or several."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ganinv_cli.errors import ImageError, to_printable
from ganinv_cli.files.array_file import ArrayFileError, StoredArray, open_arrays
from ganinv_cli.images.arrays import make_target_image
from ganinv_cli.images.crop import Crop
from ganinv_cli.images.files import make_read_error
from ganinv_cli.images.load import ImageShape, TargetImage, make_unread_image
from ganinv_cli.limits import MAX_ARRAY_BYTES

MAX_IMAGES = 100_000  # in an array
Z_NAME = "z"  # of the latent vectors that ganinv writes into .npz files


class LatentsError(ImageError):
    """A NumPy file holds latent vectors, not images."""


def load_numpy_file(
    path: Path, shape: ImageShape, crop: Crop, latent: int = 0
) -> Iterator[TargetImage]:
    """Yield the images in a NumPy file; an array that is not one yields its error.

    An array (height, width) or (height, width, channels) is one image, (images, height, width,
    channels) several. `latent` is the size of z. Raises LatentsError for a file of latent vectors,
    ImageError if the file cannot be read.
    """
    label = to_printable(path.name)
    with _open_arrays(path) as arrays:
        _check_latents(path, arrays, latent)
        for array in arrays:
            whole = f"{label}[{to_printable(array.name)}]" if len(arrays) > 1 else label
            try:
                images = _split_array(array.read(), whole)
            except ImageError as error:
                yield make_unread_image(whole, shape, error)
                continue
            for name, image in images:
                try:
                    yield make_target_image(image, name, shape, crop)
                except ImageError as error:
                    yield make_unread_image(name, shape, error)


def read_single_array(path: Path) -> np.ndarray:
    """Return the only array of a NumPy file. Raises ImageError."""
    with _open_arrays(path) as arrays:
        if len(arrays) != 1:
            raise ImageError(
                f"{to_printable(path)} holds {len(arrays)} arrays; save the one to use"
            )
        return arrays[0].read()


def _split_array(array: np.ndarray, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Return the images of an array with their names."""
    if array.ndim != 4:
        return iter([(name, array)])
    if not 0 < len(array) <= MAX_IMAGES:
        raise ImageError(f"{name} holds {len(array):,} images; give 1 to {MAX_IMAGES:,}")
    return ((f"{name}[{number}]", image) for number, image in enumerate(array))


def _check_latents(path: Path, arrays: Sequence[StoredArray], latent: int) -> None:
    """Raise LatentsError if a file holds latent vectors."""
    for name, shape, dtype, _ in arrays:
        vectors = dtype.kind == "f" and len(shape) == 2
        if vectors and (name == Z_NAME or (not name and shape[1] == latent)):
            raise LatentsError(
                f"{to_printable(path)} holds latent vectors of shape {shape}, not images; "
                "ganinv sample GENERATOR --z FILE makes images of them (and save a grey image as "
                "(height, width, 1))"
            )


@contextlib.contextmanager
def _open_arrays(path: Path) -> Iterator[list[StoredArray]]:
    """Open a NumPy file. Raises ImageError, also while it is read."""
    try:
        with open_arrays(path, MAX_ARRAY_BYTES) as arrays:
            yield arrays
    except OSError as error:
        raise make_read_error(path, error) from error
    except ArrayFileError as error:
        raise ImageError(
            f"{to_printable(path)} cannot be read as NumPy arrays ({to_printable(error)}); leave "
            "it out"
        ) from error
