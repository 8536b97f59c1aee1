"""The image files of a run, all read before the first is inverted."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import ImageError, UsageError, to_printable
from ganinv_cli.images import Crop, list_images, load_image, suppress_pillow_warnings

TEXT_BYTES = 255  # of a text in the results file


class ImageFile(NamedTuple):
    """One image file."""

    name: str
    sha256: str  # of its bytes; empty if it could not be read
    pixels: np.ndarray  # uint8, the generator's image size; black if it could not be read
    notes: str
    error: str  # why it could not be read; empty if it was read

    @property
    def row(self) -> dict[str, np.ndarray]:
        """The file's row in the results file."""
        texts = {"name": self.name, "sha256": self.sha256, "said": self.notes, "error": self.error}
        return {
            "trial": np.zeros(1, np.int64),
            **{name: np.array([_truncate(text)]) for name, text in texts.items()},
            "target": self.pixels[None],
        }


def read_image_files(
    names: Sequence[str], shape: tuple[int, int, int], crop: Crop, output_folder: Path
) -> list[ImageFile]:
    """Read every image of a run, in the order of the results file; 12 kB each at 64 pixels.

    Files in `output_folder`, the run's own figures, are skipped. Raises ImageError if none of the
    files can be read, UsageError if a source is that folder.
    """
    paths = [Path(name) for name in names]
    for path in paths:
        if path.is_dir() and path.resolve() == output_folder.resolve():
            raise UsageError(
                f"{to_printable(path)} holds the images and would get the results' figures as "
                "well; "
                "name another --out"
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


def hash_files(files: Sequence[ImageFile]) -> str:
    """Return the SHA-256 of all files' hashes in their order, in hexadecimal."""
    return hashlib.sha256("\n".join(source.sha256 for source in files).encode()).hexdigest()


def _read_image_file(path: Path, shape: tuple[int, int, int], crop: Crop) -> ImageFile:
    name = to_printable(path.name)
    try:
        picture = load_image(path, shape, crop)
    except ImageError as error:
        return ImageFile(name, "", np.zeros(shape, np.uint8), "", str(error))
    return ImageFile(name, picture.sha256, picture.pixels, "; ".join(picture.notes), "")


def _truncate(text: str) -> bytes:
    """Cut a text to TEXT_BYTES bytes, without cutting a character."""
    return text.encode()[:TEXT_BYTES].decode(errors="ignore").encode()
