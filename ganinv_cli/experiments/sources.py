"""The image files of a run: what each one is, known before the first is explained."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import ImageError
from ganinv_cli.pictures import Crop, Picture, listed, load, printable, without_warnings

TEXT_BYTES = 255  # of a text in the results file


class Source(NamedTuple):
    """One image file; its pixels are read when they are needed."""

    path: Path
    sha256: str  # of its bytes; empty where it could not be read
    said: str
    error: str  # empty where it could be read


class Sources:
    """Every image of a run, in the order of the results file."""

    def __init__(self, names: Sequence[str], shape: tuple[int, int, int], crop: Crop) -> None:
        """Read every file once, to know what it is. Raises ImageError where none can be read."""
        self._shape, self._crop = shape, crop
        with without_warnings():
            self.all = [self._source(path) for path in listed([Path(name) for name in names])]
        errors = [source.error for source in self.all if source.error]
        if len(errors) == len(self.all):
            others = f"; nor can the other {len(errors) - 1}" if len(errors) > 1 else ""
            raise ImageError(f"{errors[0]}{others}")

    @property
    def readable(self) -> list[int]:
        """The numbers of the images that can be explained."""
        return [number for number, source in enumerate(self.all) if not source.error]

    @property
    def sha256(self) -> str:
        """Of what all the files hold, in their order."""
        return hashlib.sha256("\n".join(source.sha256 for source in self.all).encode()).hexdigest()

    def pixels(self, number: int) -> np.ndarray:
        """An image as the network sees it, uint8; raises ImageError where the file has changed."""
        source = self.all[number]
        with without_warnings():
            picture = self._load(source.path)
        if picture.sha256 != source.sha256:
            raise ImageError(
                f"{printable(source.path)} has changed since the run began; start again"
            )
        return picture.pixels

    def row(self, number: int, target: np.ndarray) -> dict[str, np.ndarray]:
        """Its row in the results file; `target` is what `pixels` gives, or nothing to see."""
        source = self.all[number]
        texts = {
            "name": printable(source.path.name),
            "sha256": source.sha256,
            "said": source.said,
            "error": source.error,
        }
        return {
            "trial": np.zeros(1, np.int64),
            **{name: np.array([_short(text)]) for name, text in texts.items()},
            "target": target[None],
        }

    def _source(self, path: Path) -> Source:
        try:
            picture = self._load(path)
        except ImageError as error:
            return Source(path, "", "", str(error))
        return Source(path, picture.sha256, "; ".join(picture.said), "")

    def _load(self, path: Path) -> Picture:
        return load(path, self._shape, self._crop)


def _short(text: str) -> bytes:
    """As many whole characters as there is room for."""
    return text.encode()[:TEXT_BYTES].decode(errors="ignore").encode()
