"""Maps of pixels, axis by axis: a picture that was resized and back, blurred, or sharpened."""

import functools
import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from ganinv_cli.images.decode import Tables
from ganinv_cli.reenact.chain import Stage
from ganinv_cli.reenact.pixels import round_to_pixels
from ganinv_cli.reenact.stages.jpeg import Jpeg
from ganinv_cli.reenact.stages.subject import Options, Subject

KERNELS = {  # name -> Pillow's filter
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "Lanczos": Image.Resampling.LANCZOS,
}
FACTORS = (2.0, 1.5, 0.5)  # of pictures that were resized, and then as large as before
READING_KERNEL = "Lanczos"  # with which an image file of another size is resized
PASSES = 3  # of a box, in Pillow's Gaussian blur
RADII = 0.3, 8.0  # pixels, of a Gaussian blur
AMOUNTS = -6.0, 1.0  # of a filter
SEEN_AMOUNT = 0.02
LOST_RADIUS = 1.5  # pixels, of a blur after which a mixture may look like one picture
_FIXED_POINT = 1 - 1e-7  # Pillow's weights of a box, over the exact ones; halves are rounded down

Axes = tuple[np.ndarray, np.ndarray]  # M_y (new height, height) and M_x (new width, width)


class Pass(NamedTuple):
    """A resizing, after which the picture is rounded to 8 bits."""

    axes: Axes
    tables: Tables = ()  # of the JPEG file that then stored it, if any


@dataclass(frozen=True, eq=False)
class Resizing(Stage):
    """A resizing in some passes, without parameters."""

    passes: tuple[Pass, ...]
    words: str
    kind: str = "resizing"

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return sample(pictures, self._axes)

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        for axes, tables in self.passes:
            pixels = resample(pixels, axes)
            if tables:
                pixels = Jpeg(pixels, tables).store(pixels).target
        return pixels

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        return self.apply(derivatives, parameters)

    def describe(self, parameters: np.ndarray) -> str:
        return self.words

    @functools.cached_property
    def _axes(self) -> Axes:
        """The maps of all passes together."""
        rows, columns = zip(*(each.axes for each in self.passes), strict=True)
        return _multiply(rows), _multiply(columns)


@dataclass(frozen=True, eq=False)
class Filter(Stage):
    """x + a (M_y x M_xᵀ - x): blurred for a above 0, sharpened below.

    The parameters are a and, if it is a Gaussian blur, its radius in pixels; else M is the mean of
    3 × 3 pixels, of which Pillow's small filters are made. These do not change the edges.
    """

    shape: tuple[int, int, int]
    is_gaussian: bool

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "Gaussian blur" if self.is_gaussian else "small filter"

    @property
    def start(self) -> np.ndarray:
        return np.array([0.0, 1.0] if self.is_gaussian else [0.0])

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return self._mix(pictures, sample(pictures, self._make_axes(parameters)), parameters)

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        if not self.is_gaussian:
            return round_to_pixels(self.apply(pixels.astype(np.float64), parameters))
        blurred = resample(pixels, self._make_axes(parameters, 1), PASSES)
        return round_to_pixels(self._mix(pixels.astype(np.float64), blurred, parameters))

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        return self.apply(derivatives, parameters)

    def loses(self, parameters: np.ndarray) -> bool:
        return self.is_gaussian and parameters[0] > 0 and parameters[1] > LOST_RADIUS

    def describe(self, parameters: np.ndarray) -> str:
        amount = float(np.clip(parameters[0], *AMOUNTS))
        if abs(amount) < SEEN_AMOUNT:
            return ""
        radius = f"radius {parameters[1]:.1f}, " if self.is_gaussian else ""
        return f"{'blurred' if amount > 0 else 'sharpened'} ({radius}{100 * abs(amount):.0f} %)"

    def _mix(
        self, pictures: np.ndarray, filtered: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        difference = filtered - pictures
        if not self.is_gaussian:
            difference[..., [0, -1], :, :] = difference[..., [0, -1], :] = 0
        return np.asarray(pictures + np.clip(parameters[0], *AMOUNTS) * difference)

    def _make_axes(self, parameters: np.ndarray, passes: int = PASSES) -> Axes:
        height, width, _ = self.shape
        if not self.is_gaussian:
            return _average(height, 1.0), _average(width, 1.0)
        radius = _find_box_radius(float(np.clip(parameters[1], *RADII)))
        rows, columns = (
            np.linalg.matrix_power(_average(size, radius), passes) for size in (height, width)
        )
        return rows, columns


def iterate_resizings(subject: Subject) -> Options:
    """Yield resizings that were undone, with the same kernel or when the file was read."""
    shape, enlarged, tables = subject.shape, subject.picture.enlarged, subject.picture.tables
    at_reading = enlarged != 1
    stored = ""
    if at_reading and tables:
        stored = f", {Jpeg(subject.picture.pixels, tables).describe()}"
    for factor, kernel in itertools.product((enlarged,) if at_reading else FACTORS, KERNELS):
        back = READING_KERNEL if at_reading else kernel
        rows, columns = ((size, round(factor * size)) for size in shape[:2])
        there = _resize(*rows, kernel), _resize(*columns, kernel)
        again = _resize(*rows[::-1], back), _resize(*columns[::-1], back)
        back_again = "" if at_reading else " and back"
        words = f"{describe_factor(factor, 'g')}{back_again} ({kernel}){stored}"
        yield (Resizing((Pass(there, tables if stored else ()), Pass(again)), words),)


def iterate_blurs(subject: Subject) -> Options:
    """Yield a Gaussian blur."""
    yield (Filter(subject.shape, is_gaussian=True),)


def iterate_small_filters(subject: Subject) -> Options:
    """Yield a filter of 3 × 3 pixels."""
    yield (Filter(subject.shape, is_gaussian=False),)


def iterate_mirrors(subject: Subject) -> Options:
    """Yield the mirror image."""
    height, width, _ = subject.shape
    yield (Resizing((Pass((np.eye(height), np.eye(width)[::-1])),), "mirrored", "mirror"),)


def describe_factor(factor: float, digits: str) -> str:
    """Return in words by how much the side of a picture changed; `digits` is a format."""
    return (
        f"enlarged {factor:{digits}} times"
        if factor > 1
        else f"reduced {1 / factor:{digits}} times"
    )


def sample(pictures: np.ndarray, axes: Axes) -> np.ndarray:
    """Return M_y X M_xᵀ of pictures X (..., height, width, channels)."""
    return _map_columns(_map_rows(pictures, axes[0]), axes[1])


def resample(pixels: np.ndarray, axes: Axes, passes: int = 1) -> np.ndarray:
    """Return pixels after both maps, as Pillow rounds: after each pass, halves up.

    All passes of the columns are before those of the rows.
    """
    rows, columns = axes
    for of, matrix in ((_map_columns, columns), (_map_rows, rows)):
        for _ in range(passes):
            pixels = round_to_pixels(np.floor(of(pixels, matrix) + 0.5))
    return pixels


def _map_rows(pictures: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    *many, height, width, channels = pictures.shape
    rows = matrix @ pictures.reshape(*many, height, width * channels)
    return np.asarray(rows.reshape(*many, len(matrix), width, channels))


def _map_columns(pictures: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(matrix @ pictures)


def _multiply(maps: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the map that applies some maps of an axis, one after the other."""
    return functools.reduce(lambda first, then: then @ first, maps)


def _resize(size: int, new_size: int, kernel: str) -> np.ndarray:
    """Return the matrix (new_size, size) with which Pillow resizes an axis."""
    columns = Image.fromarray(np.eye(size, dtype=np.float32))
    return np.asarray(columns.resize((size, new_size), KERNELS[kernel]), np.float64)


def _find_box_radius(radius: float) -> float:
    """Return the radius of the box that Pillow uses PASSES times for a Gaussian blur."""
    variance = radius**2 / PASSES
    whole = np.floor((np.sqrt(12 * variance + 1) - 1) / 2)
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    return float(whole + part / (6 * (variance - (whole + 1) ** 2)))


def _average(size: int, radius: float) -> np.ndarray:
    """Return the matrix (size, size) of the mean over a box; pixels beyond an edge are its own."""
    whole = int(radius)
    matrix = np.zeros((size, size))
    for offset in range(-whole - 1, whole + 2):
        weight = _FIXED_POINT if abs(offset) <= whole else _FIXED_POINT * (radius - whole)
        source = (np.arange(size) + offset).clip(0, size - 1)
        np.add.at(matrix, (np.arange(size), source), weight / (2 * radius + 1))
    return matrix
