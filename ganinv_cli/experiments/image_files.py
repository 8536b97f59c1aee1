"""The image files of a run: what each one is, known before the first is explained."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import ImageError, UsageError, printable
from ganinv_cli.images import Crop, listed, load, without_warnings

TEXT_BYTES = 255  # of a text in the results file


class Source(NamedTuple):
    """One image file."""

    name: str
    sha256: str  # of its bytes; empty where it could not be read
    pixels: np.ndarray  # uint8, as the network sees it; black where it could not be read
    said: str
    error: str  # empty where it could be read

    @property
    def row(self) -> dict[str, np.ndarray]:
        """Its row in the results file."""
        texts = {"name": self.name, "sha256": self.sha256, "said": self.said, "error": self.error}
        return {
            "trial": np.zeros(1, np.int64),
            **{name: np.array([_short(text)]) for name, text in texts.items()},
            "target": self.pixels[None],
        }


def sources(
    names: Sequence[str], shape: tuple[int, int, int], crop: Crop, output: Path
) -> list[Source]:
    """Every image of a run, in the order of the results file; 12 kB each at 64 pixels.

    What lies in the folder `output`, the run's own figures, is passed over. Raises ImageError where
    none of the files can be read, UsageError where a source is that folder.
    """
    paths = [Path(name) for name in names]
    for path in paths:
        if path.is_dir() and path.resolve() == output.resolve():
            raise UsageError(
                f"{printable(path)} holds the images and would get the results' figures as well; "
                "name another --out"
            )
    own = output.resolve()
    with without_warnings():
        found = [
            _source(path, shape, crop)
            for path in listed(paths)
            if not path.resolve().is_relative_to(own)
        ]
    errors = [source.error for source in found if source.error]
    if len(errors) == len(found):
        first = errors[0] if errors else f"{printable(paths[0])} holds the run's own figures alone"
        others = f"; nor can the other {len(errors) - 1}" if len(errors) > 1 else ""
        raise ImageError(f"{first}{others}")
    return found


def digest(found: Sequence[Source]) -> str:
    """Of what all the files hold, in their order: SHA-256 in hexadecimal."""
    return hashlib.sha256("\n".join(source.sha256 for source in found).encode()).hexdigest()


def _source(path: Path, shape: tuple[int, int, int], crop: Crop) -> Source:
    name = printable(path.name)
    try:
        picture = load(path, shape, crop)
    except ImageError as error:
        return Source(name, "", np.zeros(shape, np.uint8), "", str(error))
    return Source(name, picture.sha256, picture.pixels, "; ".join(picture.said), "")


def _short(text: str) -> bytes:
    """As many whole characters as there is room for."""
    return text.encode()[:TEXT_BYTES].decode(errors="ignore").encode()
