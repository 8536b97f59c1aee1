"""Images for training: found in a folder, cropped to a square and resized."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganinv_cli.errors import ConfigError, ImageError, to_printable
from ganinv_cli.images import files, suppress_pillow_warnings
from ganinv_cli.images.decode import decode_image, to_display_colours
from ganinv_cli.images.load import resize_image


@dataclass(frozen=True)
class SquareCrop:
    """A square: side as a share of the image's shorter side, centre as shares of its sides."""

    side: float = 1.0  # above 0, up to 1
    center: tuple[float, float] = (0.5, 0.5)  # each 0 to 1

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise ConfigError(f"a crop's side is a share above 0 and up to 1, not {self.side}")
        if not all(0 <= share <= 1 for share in self.center):
            x, y = self.center
            raise ConfigError(f"a crop's centre is two shares between 0 and 1, not {x},{y}")

    def compute_box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom in pixels, moved to lie inside the image."""
        side = self.side * min(width, height)
        left = min(max(self.center[0] * width - side / 2, 0), width - side)
        top = min(max(self.center[1] * height - side / 2, 0), height - side)
        return left, top, left + side, top + side


def load_images(
    source: Path, size: int, channels: int, crop: SquareCrop, excluded: Collection[str] = ()
) -> np.ndarray:
    """Read all images below a folder, in the order of their names.

    Returns uint8 (images, size, size, channels), 12 kB of memory per image at 64 pixels; without
    files whose names, without folders, are in `excluded`. Raises ImageError if one cannot be read,
    or as `list_images` does.
    """
    kept = list_images(source, excluded)
    pictures = np.empty((len(kept), size, size, channels), np.uint8)

    def prepare(number: int) -> None:
        name = to_printable(kept[number])
        decoded = decode_image(name, files.read_image_file(kept[number]))
        picture, _ = to_display_colours(name, decoded, channels)
        box = crop.compute_box(*picture.size)
        pictures[number] = resize_image(picture, (size, size, channels), box)

    with suppress_pillow_warnings(), ThreadPoolExecutor() as pool:
        for _ in pool.map(prepare, range(len(kept))):
            pass
    return pictures


def list_images(source: Path, excluded: Collection[str] = ()) -> list[Path]:
    """Return the images below a folder, without those excluded.

    Raises ImageError if there is none, or an excluded one does not exist.
    """
    if not source.is_dir():
        what = "is not a folder" if source.exists() else "does not exist"
        raise ImageError(f"{source} {what}; name a folder of images, e.g. an unpacked archive")
    paths = files.list_files_below(source)
    missing = sorted(set(excluded) - {path.name for path in paths})
    if missing:
        raise ImageError(
            f"{source} has no image {to_printable(missing[0])!r}, which was to be left out; "
            "list file names without folders, one per line"
        )
    kept = [path for path in paths if path.name not in excluded]
    if not kept:
        raise ImageError(
            f"{source} holds no image; ganinv reads {', '.join(files.SUFFIXES)} in a folder and "
            "its subfolders"
        )
    return kept
