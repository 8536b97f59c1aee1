"""Changes of a picture before it was stored, with their derivatives.

Pictures are in grey levels, 0 to 255, (..., height, width, channels). A change is a map of pixels,
which is linear, and then a map of the colours of each pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_STEP = 1e-4  # of the differences that stand for derivatives by parameters


class Map(Protocol):
    """A map of pictures, of some parameters."""

    @property
    def kind(self) -> str:
        """What maps have in common of which one fit is enough."""

    @property
    def start(self) -> np.ndarray:
        """The parameters from which it is fitted, at which it changes nothing if it has any."""

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pictures with the change, not rounded."""

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pixels (height, width, channels) uint8 with the change, as files keep it."""

    def describe(self, parameters: np.ndarray) -> str:
        """Return words; empty for no change."""


class PixelMap(Map, Protocol):
    """A linear map, which mixes pixels."""

    def find_inside(self, parameters: np.ndarray) -> np.ndarray:
        """Return which pixels (height, width) show a part of the picture that is known."""


class ColourMap(Map, Protocol):
    """A map of the colours of each pixel, which need not be linear."""

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        """Return the derivatives (n, height, width, channels) of the mapped picture."""


@dataclass(frozen=True)
class Change:
    """A map of pixels, then perhaps one of colours; the parameters of both, in this order."""

    pixels: PixelMap
    colours: ColourMap | None = None

    @property
    def kind(self) -> tuple[str, ...]:
        return (self.pixels.kind, self.colours.kind) if self.colours else (self.pixels.kind,)

    @property
    def start(self) -> np.ndarray:
        second = self.colours.start if self.colours else np.zeros(0)
        return np.concatenate([self.pixels.start, second])

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        first, second = self._divide(parameters)
        moved = self.pixels.apply(pictures, first)
        return self.colours.apply(moved, second) if self.colours else moved

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pixels (height, width, channels) uint8 with the change, as files keep it."""
        first, second = self._divide(parameters)
        copied = self.pixels.copy(pixels, first)
        return self.colours.copy(copied, second) if self.colours else copied

    def differentiate(
        self, picture: np.ndarray, jacobian: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        """Return the derivatives by z and the parameters; `jacobian` (latent, …) is by z."""
        first, second = self._divide(parameters)
        moved = self.pixels.apply(picture, first)
        by_pixels = _divide_differences(lambda values: self.pixels.apply(picture, values), first)
        derivatives = np.concatenate([self.pixels.apply(jacobian, first), *by_pixels])
        if (colours := self.colours) is None:
            return derivatives
        by_colours = _divide_differences(lambda values: colours.apply(moved, values), second)
        return np.concatenate([colours.differentiate(moved, derivatives, second), *by_colours])

    def find_inside(self, parameters: np.ndarray) -> np.ndarray:
        return self.pixels.find_inside(self._divide(parameters)[0])

    def describe(self, parameters: np.ndarray) -> str:
        first, second = self._divide(parameters)
        colours = self.colours.describe(second) if self.colours else ""
        return ", ".join(filter(None, (self.pixels.describe(first), colours)))

    def _divide(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = len(self.pixels.start)
        return parameters[:size], parameters[size:]


def _divide_differences(
    apply: Callable[[np.ndarray], np.ndarray], parameters: np.ndarray
) -> list[np.ndarray]:
    """Return the derivative of a picture by each parameter, (1, height, width, channels)."""
    return [
        (apply(parameters + step) - apply(parameters - step))[None] / (2 * _STEP)
        for step in _STEP * np.eye(len(parameters))
    ]
