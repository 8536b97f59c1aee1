"""The image files of a run, all read before the first is inverted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganinv_cli.errors import ImageError, UsageError, to_printable
from ganinv_cli.images import (
    Crop,
    TargetImage,
    list_images,
    load_image,
    suppress_pillow_warnings,
)


def read_image_files(
    names: Sequence[str], shape: tuple[int, int, int], crop: Crop, output_folder: Path
) -> list[TargetImage]:
    """Read every image of a run, in the order of the results file; 12 kB each at 64 pixels.

    Files in `output_folder`, the run's own figures, are skipped. Raises ImageError if none of the
    files can be read, UsageError if a source is that folder.
    """
    paths = [Path(name) for name in names]
    for path in paths:
        if path.is_dir() and path.resolve() == output_folder.resolve():
            raise UsageError(
                f"{to_printable(path)} holds the images and would get the results' figures as "
                "well; name another --out"
            )
    own_folder = output_folder.resolve()
    with suppress_pillow_warnings():
        files = [
            _read_image_file(path, shape, crop)
            for path in list_images(paths)
            if not path.resolve().is_relative_to(own_folder)
        ]
    errors = [source.error for source in files if source.error]
    if len(errors) == len(files):
        first = (
            errors[0] if errors else f"{to_printable(paths[0])} holds the run's own figures alone"
        )
        others = f"; nor can the other {len(errors) - 1}" if len(errors) > 1 else ""
        raise ImageError(f"{first}{others}")
    return files


def _read_image_file(path: Path, shape: tuple[int, int, int], crop: Crop) -> TargetImage:
    try:
        return load_image(path, shape, crop)
    except ImageError as error:
        black = np.zeros(shape, np.uint8)
        return TargetImage(to_printable(path.name), "", black, error=str(error))
