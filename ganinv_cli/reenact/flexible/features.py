"""Features of a picture, of which a linear map per channel stands for nearly any edit."""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from ganinv_cli.reenact.pixels import GREY_LEVELS

_SMALL, _WIDE = np.array([0.0, 1, 2, 1, 0]) / 4, np.array([1.0, 4, 6, 4, 1]) / 16
_SLOPE, _CURVE, _SAME = np.array([[0.0, -0.5, 0, 0.5, 0], [0.0, 1, -2, 1, 0], [0.0, 0, 1, 0, 0]])
# (6, 5, 5): by how much two blurs change a picture, and its derivatives
KERNELS = np.stack(
    [
        np.outer(_SMALL, _SMALL) - np.outer(_SAME, _SAME),
        np.outer(_WIDE, _WIDE) - np.outer(_SAME, _SAME),
        np.outer(_SAME, _SLOPE),
        np.outer(_SLOPE, _SAME),
        np.outer(_SAME, _CURVE) - np.outer(_CURVE, _SAME),
        np.outer(_SLOPE, _SLOPE),
    ]
)
_REACH = KERNELS.shape[-1] // 2
SHADED = 3  # of the shades, those that are brightness times place too


@dataclass(frozen=True)
class Places:
    """Where the features of a kind are among all."""

    colours: slice
    products: slice  # of two and of three colours
    filters: slice
    shades: slice
    shaded: slice


@dataclass(frozen=True)
class Features:
    """The features of pictures of a shape (height, width, channels), in grey levels.

    In this order: 1; the colours, whose 0 is the middle grey; products of two and of three; each
    kernel of each channel; x, y, x² + y² and xy; brightness times the first three of these. They
    are 45 of three channels.
    """

    shape: tuple[int, int, int]

    @cached_property
    def places(self) -> Places:
        sizes = (
            self.shape[2],
            sum(map(len, self._products)),
            len(KERNELS) * self.shape[2],
            len(self._shades),
            SHADED,
        )
        ends = np.cumsum([1, *sizes]).tolist()
        return Places(*(slice(*pair) for pair in itertools.pairwise(ends)))

    @property
    def count(self) -> int:
        """How many features there are."""
        return int(self.places.shaded.stop)

    def compute(self, picture: np.ndarray) -> np.ndarray:
        """Return the features (n, height, width) of a picture."""
        colours = np.moveaxis(picture, -1, 0) - GREY_LEVELS
        brightness = colours.mean(0)
        parts = [np.ones((1, *self.shape[:2])), colours]
        for factors in self._products:
            parts.append(np.prod(colours[np.array(factors)], axis=1))
        filtered = _convolve(np.moveaxis(picture, -1, 0)[..., None], KERNELS[..., None, None])
        parts.append(np.moveaxis(filtered, (0, -1), (1, 0)).reshape(-1, *self.shape[:2]))
        parts += [self._shades, self._shades[:SHADED] * brightness]
        return np.concatenate(parts)

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Return the derivatives of the features times weights (n, channels).

        Those of the picture are (parameters, height, width, channels), and so is what is returned.
        """
        slopes = self._differentiate_pixels(picture, weights).astype(np.float32)
        moved = np.zeros_like(derivatives)
        for channel in range(self.shape[2]):
            moved += derivatives[..., channel, None] * slopes[..., channel, :]
        of_filters = weights[self.places.filters].reshape(len(KERNELS), self.shape[2], -1)
        kernel = np.einsum("fyx,fio->yxio", KERNELS, of_filters)
        return np.asarray(moved + _convolve(derivatives, kernel[None])[..., 0])

    def _differentiate_pixels(self, picture: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the slopes (height, width, channels, channels) of the map of each pixel alone."""
        colours, places = np.moveaxis(picture, -1, 0) - GREY_LEVELS, self.places
        slopes = np.zeros((*self.shape, self.shape[2])) + weights[places.colours]
        rows = iter(weights[places.products])
        for factors, row in ((each, next(rows)) for group in self._products for each in group):
            for number, channel in enumerate(factors):
                others = [*factors[:number], *factors[number + 1 :]]
                slopes[:, :, channel] += np.prod(colours[others], axis=0)[..., None] * row
        by_place = np.einsum("syx,so->yxo", self._shades[:SHADED], weights[places.shaded])
        return np.asarray(slopes + by_place[:, :, None] / self.shape[2])

    @cached_property
    def _products(self) -> tuple[list[tuple[int, ...]], ...]:
        """The channels of each product of two, and of each of three."""
        channels = range(self.shape[2])
        return tuple(
            [*itertools.combinations_with_replacement(channels, count)] for count in (2, 3)
        )

    @cached_property
    def _shades(self) -> np.ndarray:
        rows, columns = (np.linspace(-1, 1, length) for length in self.shape[:2])
        y, x = np.meshgrid(rows, columns, indexing="ij")
        return np.stack([x, y, x**2 + y**2, x * y])


def _convolve(pictures: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return pictures (n, height, width, in) after kernels (k, 5, 5, in, out).

    The result is (n, height, width, out, k); edges are repeated.
    """
    margin = (_REACH, _REACH)
    padded = np.pad(pictures, ((0, 0), margin, margin, (0, 0)), "edge").astype(np.float32)
    merged = np.moveaxis(kernels, 0, -1)  # (5, 5, in, out, k)
    flat = merged.reshape(*merged.shape[:3], -1).astype(np.float32)
    filtered = tf.nn.conv2d(padded, flat, 1, "VALID").numpy()
    return np.asarray(filtered.reshape(*filtered.shape[:3], *merged.shape[3:]))
