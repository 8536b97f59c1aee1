"""Images of a program, or of files, at a generator's size."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganinv_cli.errors import ImageError

if TYPE_CHECKING:
    from ganinv_cli.images import TargetImage
    from ganinv_cli.network.generator import Generator


def convert_images(
    images: Any, generator: "Generator", crop: str, figure_folder: Path
) -> list["TargetImage"]:
    """Return one or several images, cropped and resized as the generator makes them.

    They are paths of files and folders, PIL images, or arrays. Files in `figure_folder`, the
    figures of the run, are left out. Raises ImageError if one cannot be read.
    """
    from ganinv_cli.experiments.image_files import name_pictures, read_image_files
    from ganinv_cli.images import Crop, make_target_image
    from ganinv_cli.images.arrays import FLOATS_NOTE

    shape, box = generator.image_shape, Crop(crop)
    pictures: list[TargetImage] = []
    for item in _iterate_items(images):
        if isinstance(item, str | Path):
            pictures += read_image_files([str(item)], shape, box, figure_folder, generator.latent)
        else:
            pictures.append(make_target_image(item, f"image {len(pictures)}", shape, box))
    if not pictures:
        raise ImageError("no image is given; give a path, an array or a PIL image")
    pictures = name_pictures(pictures)
    for picture in pictures:
        if picture.error:
            raise ImageError(picture.error)
        if FLOATS_NOTE in picture.notes:
            text = f"{picture.name}: {FLOATS_NOTE}; if 0 is black, give 2 * image - 1"
            warnings.warn(text, stacklevel=5)  # where `invert` or `consistency` is called
    return pictures


def _iterate_items(images: Any) -> Iterator[Any]:
    """Yield paths, PIL images and arrays of one image."""
    if isinstance(images, np.ndarray) and images.ndim == 4:
        yield from images
    elif isinstance(images, Iterable) and not isinstance(images, str | Path | np.ndarray):
        for each in images:
            yield from _iterate_items(each)
    else:
        yield images
