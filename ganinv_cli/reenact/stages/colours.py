"""A map of colours: a power of each value, an affine map of each pixel, and shaded corners."""

import functools
from dataclasses import dataclass

import numpy as np

from ganinv_cli.reenact.chain import Stage
from ganinv_cli.reenact.pixels import WHITE, is_unclipped, round_to_pixels

SEEN_COLOUR = 0.02  # of an entry of the matrix; smaller changes are not mentioned
SEEN_OFFSET = 2.0  # grey levels
SEEN_POWER = 0.02
SEEN_SHADE = 0.05  # of the brightness of corners
SHADE = slice(1, 3)  # places of s and t, if there are any
_DARKEST = 0.25  # grey levels, below which the power's slope is that there


@dataclass(frozen=True)
class Colours(Stage):
    """Colours x become (255 (x / 255)^p A + b) exp(s d + t d²), d = 0 in the middle, 1 in corners.

    The parameters are the logarithm of p, s, t, and the entries of A and b / 255, by rows. Colours
    that do not mix have three: the logarithm of p, a multiple of the identity as A, and a value of
    b / 255 for all channels; s and t are 0.
    """

    channels: int
    mixes: bool = True
    kind = "colours"

    @property
    def start(self) -> np.ndarray:
        same = np.eye(self.channels + 1, self.channels).ravel() if self.mixes else np.eye(2)[0]
        return np.concatenate([np.zeros(len(self.late)), same])

    @property
    def late(self) -> tuple[int, ...]:  # type: ignore[override]
        return (0, 1, 2) if self.mixes else (0,)

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        matrix, offset = self._divide(parameters)
        colours = self._raise(pictures, parameters) @ matrix + offset
        return np.asarray(colours * self._shade(pictures, parameters))

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pixels uint8 with other colours; a tinted picture was grey before, and rounded."""
        matrix, offset = self._divide(parameters)
        colours = self._raise(pixels, parameters)
        if (weights := _find_tone(matrix)) is not None:
            colours, matrix = round_to_pixels(colours @ weights)[..., None], matrix.sum(0)[None]
        return round_to_pixels((colours @ matrix + offset) * self._shade(pixels, parameters))

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        power = np.exp(parameters[0])
        slope = power * (picture.clip(_DARKEST, WHITE) / WHITE) ** (power - 1)
        slope = slope * is_unclipped(picture)
        colours = (derivatives * slope) @ self._divide(parameters)[0]
        return np.asarray(colours * self._shade(picture, parameters))

    def describe(self, parameters: np.ndarray) -> str:
        power = np.exp(parameters[0])
        curve = f"gamma {1 / power:.2f}" if abs(power - 1) > SEEN_POWER else ""
        corner = np.exp(parameters[SHADE].sum()) if self.mixes else 1.0
        shade = f"brightness of corners × {corner:.2f}" if abs(corner - 1) > SEEN_SHADE else ""
        return ", ".join(filter(None, [curve, _describe_affine(*self._divide(parameters)), shade]))

    def _raise(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return np.asarray(WHITE * (pictures.clip(0, WHITE) / WHITE) ** np.exp(parameters[0]))

    def _shade(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return the brightness (height, width, 1) that corners lost, or gained."""
        if not self.mixes:
            return np.ones((1, 1, 1))
        down, across = (np.linspace(-1, 1, size) ** 2 / 2 for size in pictures.shape[-3:-1])
        distance = (down[:, None] + across)[..., None]
        by_distance, by_square = parameters[SHADE]
        return np.asarray(np.exp(by_distance * distance + by_square * distance**2))

    def _divide(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = np.tensordot(parameters[len(self.late) :], self._basis, 1)
        return values[:-1], values[-1]

    @functools.cached_property
    def _basis(self) -> np.ndarray:
        """(parameters, channels + 1, channels): A and, in the last row, b per unit of each."""
        channels = self.channels
        size = channels * (channels + 1)
        basis = np.eye(size).reshape(size, channels + 1, channels)
        basis[:, -1] *= WHITE
        if self.mixes:
            return basis
        gain = basis[: size - channels : channels + 1].sum(0)
        return np.stack([gain, basis[size - channels :].sum(0)])


def _find_tone(matrix: np.ndarray) -> np.ndarray | None:
    """Return the weights of the grey of which each channel is a multiple; None: they differ."""
    gains = matrix.sum(0)
    if len(matrix) == 1 or np.abs(gains).min() < SEEN_COLOUR:
        return None
    weights = matrix / gains
    is_tone = np.ptp(weights, axis=1).max() <= SEEN_COLOUR
    return np.asarray(weights.mean(1)) if is_tone else None


def _describe_affine(matrix: np.ndarray, offset: np.ndarray) -> str:
    """Return colours x A + b in words; empty for the same colours."""
    gain = float(np.trace(matrix)) / len(matrix)
    same_offset = np.ptp(offset) <= SEEN_OFFSET
    if _find_tone(matrix) is not None:
        is_grey = np.ptp(matrix, axis=1).max() <= SEEN_COLOUR and same_offset
        return "made grey" if is_grey else "made grey and tinted"
    if np.abs(matrix - gain * np.eye(len(matrix))).max() > SEEN_COLOUR or not same_offset:
        return "colours changed"
    if np.abs(offset).max() > SEEN_OFFSET:
        return f"colours changed (contrast × {gain:.2f})"
    return f"colours changed (brightness × {gain:.2f})" if abs(gain - 1) > SEEN_COLOUR / 2 else ""
