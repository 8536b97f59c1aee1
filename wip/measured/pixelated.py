"""A mosaic: each square of pixels has its mean."""

from dataclasses import dataclass

import numpy as np

from ganinv_cli.reenact.chain import Stage
from ganinv_cli.reenact.stages.subject import Options, Subject


@dataclass(frozen=True)
class Pixelated(Stage):
    """Each square of so many pixels has its mean."""

    side: int
    kind = "pixelated"

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        side, (*many, height, width, channels) = self.side, pictures.shape
        blocks = pictures.reshape(*many, height // side, side, width // side, side, channels)
        means = blocks.mean((-4, -2), keepdims=True)
        return np.broadcast_to(means, blocks.shape).reshape(pictures.shape)

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        return self.apply(derivatives, parameters)

    def loses(self, parameters: np.ndarray) -> bool:
        return True

    def describe(self, parameters: np.ndarray) -> str:
        return f"pixelated by {self.side}"


def iterate_pixelated(subject: Subject) -> Options:
    """Yield the squares that divide the picture."""
    height, width, _ = subject.shape
    for side in (2, 3, 4):
        if height % side == width % side == 0:
            yield (Pixelated(side),)
