"""Images for training: a folder or a zip archive, cropped to a square and resized."""

import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganinv_cli.errors import ImageError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class Crop:
    """A square: its side as a share of the shorter side, its centre of width and height."""

    side: float = 1.0
    center: tuple[float, float] = (0.5, 0.5)

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels, moved inwards where it would leave the image."""
        side = self.side * min(width, height)
        left = min(max(self.center[0] * width - side / 2, 0), width - side)
        top = min(max(self.center[1] * height - side / 2, 0), height - side)
        return left, top, left + side, top + side


def load(source: Path, size: int, channels: int, crop: Crop) -> np.ndarray:
    """Every image below a folder, or in a zip archive, in the order of their names.

    Returns uint8 (images, size, size, channels). All are held in memory: 12 kB each at 64 pixels.
    Raises ImageError when there is none, or one cannot be read.
    """

    def prepare(item: tuple[str, bytes]) -> np.ndarray:
        return _prepare(*item, size, channels, crop)

    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(prepare, _files(source)))
    if not pictures:
        raise ImageError(
            f"{source} holds no image; ganinv reads {', '.join(sorted(SUFFIXES))} "
            "in a folder, its subfolders or a zip archive"
        )
    return np.stack(pictures)


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                yield str(path), path.read_bytes()
        return
    try:
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if Path(name).suffix.lower() in SUFFIXES:
                    yield f"{source}:{name}", archive.read(name)
    except FileNotFoundError:
        raise ImageError(f"{source} does not exist; name a folder or a zip archive") from None
    except zipfile.BadZipFile:
        raise ImageError(f"{source} is neither a folder nor a zip archive of images") from None


def _prepare(name: str, data: bytes, size: int, channels: int, crop: Crop) -> np.ndarray:
    try:
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        picture = picture.convert("L" if channels == 1 else "RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name} cannot be read as an image ({error}); remove it") from None
    picture = picture.resize(
        (size, size), Image.Resampling.LANCZOS, box=crop.box(*picture.size), reducing_gap=3
    )
    return np.asarray(picture, np.uint8).reshape(size, size, channels)
