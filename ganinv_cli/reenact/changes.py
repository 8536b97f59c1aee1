"""Changes of a picture before it was stored, with their derivatives.

Pictures are in grey levels, 0 to 255, (..., height, width, channels). A change resamples them as
M_y X M_xᵀ, with a matrix for each axis, and may replace the colours x of each pixel by x A + b.
"""

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from ganinv_cli.images.decode import Tables
from ganinv_cli.reenact.storage import Jpeg

WHITE = 255.0
KERNELS = {  # name -> Pillow's filter, and its radius in pixels
    "bicubic": (Image.Resampling.BICUBIC, 2),
    "bilinear": (Image.Resampling.BILINEAR, 1),
    "Lanczos": (Image.Resampling.LANCZOS, 3),
}
FACTORS = (2.0, 1.5)  # of pictures that were enlarged, and then made as small as before
READING_KERNEL = "Lanczos"  # with which an image file of another size is resized
GEOMETRY = 3  # parameters of an alignment: shift right and down in pixels, logarithm of the scale
MAX_LOG_SCALE = 0.7
SEEN_SHIFT = 0.05  # pixels; smaller changes than these are not mentioned
SEEN_SCALE = 0.004
SEEN_COLOUR = 0.02  # of an entry of the matrix
SEEN_OFFSET = 2.0  # grey levels
_STEP = 1e-4  # of the differences between matrices, in place of derivatives
_ENLARGED = 1.01  # scale from which the rim may depend on pixels that a crop removed

Axes = tuple[np.ndarray, np.ndarray]  # M_y (new height, height) and M_x (new width, width)


class Stage(NamedTuple):
    """A resizing, after which the picture is rounded to 8 bits."""

    axes: Axes
    tables: Tables = ()  # of the JPEG file that then stored it, if any


@dataclass(frozen=True, eq=False)
class Resampling:
    """A resizing in some stages, without parameters; none of them: the picture as it is."""

    shape: tuple[int, int, int]
    stages: tuple[Stage, ...] = ()
    words: str = ""

    @property
    def start(self) -> np.ndarray:
        return np.zeros(0)

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        for stage in self.stages:
            pictures = _sample(pictures, stage.axes)
        return pictures

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pixels (height, width, channels) uint8 with the change, as files keep it."""
        for axes, tables in self.stages:
            pixels = _resample(pixels, axes)
            if tables:
                pixels = Jpeg(pixels, tables).store(pixels).target
        return pixels

    def differentiate(
        self, picture: np.ndarray, jacobian: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        """Return the derivatives by z and the parameters; `jacobian` (latent, …) is by z."""
        return self.apply(jacobian, parameters)

    def find_inside(self, parameters: np.ndarray) -> np.ndarray:
        """Return which pixels (height, width) show a part of the picture that is known."""
        return np.ones(self.shape[:2], np.bool_)

    def describe(self, parameters: np.ndarray) -> str:
        return self.words


@dataclass(frozen=True, eq=False)
class Alignment:
    """A shift, a scale about the middle, and new colours x A + b.

    The parameters are the shift right and down in pixels, the logarithm of the scale, and either
    the entries of A and b / 255, by rows, or two numbers: A is the first times the identity, and
    the second is every entry of b / 255.
    """

    shape: tuple[int, int, int]
    kernel: str = "bicubic"
    mixes_colours: bool = True

    @property
    def start(self) -> np.ndarray:
        channels = self.shape[2]
        same = np.eye(channels + 1, channels).ravel() if self.mixes_colours else np.eye(2)[0]
        return np.concatenate([np.zeros(GEOMETRY), same])

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        matrix, offset = self._split_colours(parameters)
        return np.asarray(_sample(pictures, self._make_axes(parameters)) @ matrix + offset)

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        matrix, offset = self._split_colours(parameters)
        return round_to_pixels(_resample(pixels, self._make_axes(parameters)) @ matrix + offset)

    def differentiate(
        self, picture: np.ndarray, jacobian: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        matrix, _ = self._split_colours(parameters)
        axes = self._make_axes(parameters)
        sampled = _sample(picture, axes)
        colours = [sampled @ each[:-1] + each[-1] for each in self._colour_basis]
        geometry = [
            (self.apply(picture, parameters + step) - self.apply(picture, parameters - step))
            / (2 * _STEP)
            for step in _STEP * np.eye(GEOMETRY, len(parameters))
        ]
        by_z = _sample(jacobian, axes) @ matrix
        return np.concatenate([by_z, geometry, colours])

    def find_inside(self, parameters: np.ndarray) -> np.ndarray:
        scale = _read_scale(parameters)
        rim = KERNELS[self.kernel][1] * scale if scale > _ENLARGED else 0.0
        inside = []
        for size, shift in zip(self.shape[:2], (parameters[1], parameters[0]), strict=True):
            source, place = _find_source(size, shift, scale), np.arange(size)
            inside.append(
                (source > -0.55)
                & (source < size - 0.45)
                & (place + 0.5 >= rim)
                & (place + 0.5 <= size - rim)
            )
        return inside[0][:, None] & inside[1]

    def describe(self, parameters: np.ndarray) -> str:
        matrix, offset = self._split_colours(parameters)
        x, y, _ = parameters[:GEOMETRY]
        geometry = _describe_geometry(x, y, _read_scale(parameters))
        parts = (geometry, _describe_colours(matrix, offset))
        return ", ".join(part for part in parts if part)

    def _make_axes(self, parameters: np.ndarray) -> Axes:
        x, y, _ = parameters[:GEOMETRY]
        height, width, _ = self.shape
        scale = _read_scale(parameters)
        return _align(height, y, scale, self.kernel), _align(width, x, scale, self.kernel)

    def _split_colours(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        colours = np.tensordot(parameters[GEOMETRY:], self._colour_basis, 1)
        return colours[:-1], colours[-1]

    @functools.cached_property
    def _colour_basis(self) -> np.ndarray:
        """(parameters, channels + 1, channels): A and, in the last row, b per unit of each."""
        channels = self.shape[2]
        size = channels * (channels + 1)
        basis = np.eye(size).reshape(size, channels + 1, channels)
        basis[:, -1] *= WHITE
        if self.mixes_colours:
            return basis
        gain = basis[: size - channels : channels + 1].sum(0)
        return np.stack([gain, basis[size - channels :].sum(0)])


Change = Resampling | Alignment


def iterate_enlargements(
    shape: tuple[int, int, int], *, enlarged: float = 1.0, tables: Tables = ()
) -> Iterator[Resampling]:
    """Yield enlargements that were undone, with the same kernel or when the file was read.

    `enlarged` is the width of the file over the picture's; 1 if it was read as it is. `tables` are
    those of the file, if it is a JPEG.
    """
    at_reading = enlarged != 1
    stored = f", {Jpeg(np.zeros(shape, np.uint8), tables).words}" if at_reading and tables else ""
    for factor, kernel in itertools.product((enlarged,) if at_reading else FACTORS, KERNELS):
        back = READING_KERNEL if at_reading else kernel
        rows, columns = ((size, round(factor * size)) for size in shape[:2])
        up = _resize(*rows, kernel), _resize(*columns, kernel)
        down = _resize(*rows[::-1], back), _resize(*columns[::-1], back)
        words = f"enlarged {factor:g} times and back ({kernel}){stored}"
        yield Resampling(shape, (Stage(up, tables if stored else ()), Stage(down)), words)


def round_to_pixels(pictures: np.ndarray) -> np.ndarray:
    """Return grey levels as uint8."""
    return np.asarray(np.rint(pictures.clip(0, WHITE)), np.uint8)


def _sample(pictures: np.ndarray, axes: Axes) -> np.ndarray:
    rows = np.moveaxis(np.tensordot(pictures, axes[0], (-3, 1)), -1, -3)
    return np.asarray(np.moveaxis(np.tensordot(rows, axes[1], (-2, 1)), -1, -2))


def _resample(pixels: np.ndarray, axes: Axes) -> np.ndarray:
    """Return pixels resampled with 8 bits, which Pillow rounds to after each axis, halves up."""
    rows, columns = axes
    for part in ((np.eye(len(pixels)), columns), (rows, np.eye(len(columns)))):
        pixels = round_to_pixels(np.floor(_sample(pixels, part) + 0.5))
    return pixels


def _resize(size: int, new_size: int, kernel: str) -> np.ndarray:
    """Return the matrix (new_size, size) with which Pillow resizes an axis."""
    columns = Image.fromarray(np.eye(size, dtype=np.float32))
    return np.asarray(columns.resize((size, new_size), KERNELS[kernel][0]), np.float64)


def _read_scale(parameters: np.ndarray) -> float:
    return float(np.exp(parameters[2].clip(-MAX_LOG_SCALE, MAX_LOG_SCALE)))


def _align(size: int, shift: float, scale: float, kernel: str) -> np.ndarray:
    """Return the matrix (size, size) that scales an axis about its middle, then shifts it."""
    offsets = _find_source(size, shift, scale)[:, None] - np.arange(size)
    weights = _weigh(np.abs(offsets) * min(1.0, scale), kernel)
    total = weights.sum(1, keepdims=True)
    return np.asarray(weights / np.where(np.abs(total) < 0.1, 1, total))


def _find_source(size: int, shift: float, scale: float) -> np.ndarray:
    """Return where each pixel (size,) of an aligned axis was before."""
    middle = (size - 1) / 2
    return np.asarray((np.arange(size) - middle - shift) / scale + middle)


def _weigh(distance: np.ndarray, kernel: str) -> np.ndarray:
    """Return the weight of a pixel at a distance, as in Pillow (bicubic with a = -.5)."""
    d = distance
    if kernel == "bilinear":
        return np.asarray(np.maximum(1 - d, 0))
    if kernel == "Lanczos":
        return np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0.0)
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))


def _describe_geometry(right: float, down: float, scale: float) -> str:
    """Return a shift in pixels and a scale in words; empty for none."""
    parts = []
    if max(abs(right), abs(down)) > SEEN_SHIFT:
        x, y = (f"{round(value, 1) + 0.0:g}" for value in (right, down))
        parts.append(f"shifted by ({x}, {y}) pixels")
    if abs(scale - 1) > SEEN_SCALE:
        parts.append(f"enlarged {scale:.2f} times" if scale > 1 else f"reduced {scale:.2f} times")
    return ", ".join(parts)


def _describe_colours(matrix: np.ndarray, offset: np.ndarray) -> str:
    """Return colours x A + b in words; empty for the same colours."""
    gain = float(np.trace(matrix)) / len(matrix)
    same_offset = np.ptp(offset) <= SEEN_OFFSET
    if len(matrix) > 1 and np.ptp(matrix, axis=1).max() <= SEEN_COLOUR and same_offset:
        return "made grey"
    if np.abs(matrix - gain * np.eye(len(matrix))).max() > SEEN_COLOUR or not same_offset:
        return "colours changed"
    if np.abs(offset).max() > SEEN_OFFSET:
        return f"colours changed (contrast × {gain:.2f})"
    return f"colours changed (brightness × {gain:.2f})" if abs(gain - 1) > SEEN_COLOUR / 2 else ""
