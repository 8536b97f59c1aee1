"""What every format's reader returns."""

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from ganinv_cli.layers import Layer


class UnreadableError(Exception):
    """Why what a file holds is no generator; a reader adds the path and says it to the user."""


@dataclass(frozen=True)
class Checkpoint:
    """A generator as it was found in a file."""

    layers: tuple[Layer, ...]  # from z to the image, batch norms not yet folded
    format: str  # such as "TensorFlow V2"
    layout: str  # such as "C"
    path: str  # the file, or the prefix of the files, that was read
    ignored: tuple[str, ...] = ()  # names in the file that are not the generator's

    @cached_property
    def sha256(self) -> str:
        """Of the layers and their weights: equal for equal generators, whatever their files."""
        digest = hashlib.sha256()
        for layer in self.layers:
            digest.update(type(layer).__name__.encode())
            for field in fields(layer):
                value = getattr(layer, field.name)
                array = np.ascontiguousarray(value) if isinstance(value, np.ndarray) else None
                digest.update(f"{field.name}{value if array is None else array.shape}".encode())
                digest.update(b"" if array is None else array.tobytes())
        return digest.hexdigest()
