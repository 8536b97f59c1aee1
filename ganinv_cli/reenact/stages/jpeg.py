"""JPEG, whose cells of quantised coefficients say what of a picture it may have stored."""

import functools
import io
import itertools
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from PIL import Image
from scipy.fft import dctn

from ganinv_cli.images.decode import Tables, compress, read_tables
from ganinv_cli.reenact.chain import Fit, Own, Storage
from ganinv_cli.reenact.pixels import BLOCK, WHITE, is_unclipped, measure_rms, split_blocks, to_luma

MIDDLE = 128.0  # grey level that a coefficient of 0 stands for
# Coefficients of a JPEG lie on the quantisation grid except for rounding, .3 grey levels RMS. In
# blocks with more, the decoder has clipped pixels, and the coefficients are not known.
GRID_ERROR = 0.7
FITTING_ERROR = 0.5  # RMS of a picture that is on the grid; .87 for one that is not, at steps of 3
STANDARD_QUALITIES = range(10, 99)  # that are looked for in a file that is no JPEG, coarsest first
NEARBY_QUALITIES = 3  # of the qualities that fit, from the coarsest, the best of these counts
MIN_GRID_STEP = 3  # steps of the grid below this are too near to rounding
ZERO = 0.8  # largest error of rounding, in grey levels, of a coefficient that JPEG set to 0
FITTED_CELL = 0.8  # share of a cell within which a fit aims
SEARCH_SLACK = 0.2  # grey levels that a fit leaves more than the right z does

Grid = tuple[int, int]  # row and column at which JPEG's first whole block begins, 0 to 7


@dataclass(frozen=True, eq=False)
class Jpeg(Storage):
    """JPEG: the luma's DCT coefficients are rounded to multiples of the steps of a table."""

    target: np.ndarray  # (height, width, channels) uint8
    tables: Tables
    grid: Grid = (0, 0)
    weighted: bool = False  # whether a fit minimises all errors, not only those beyond the cells
    kind = "JPEG"
    loses = True
    keeps_colours = False
    slack = SEARCH_SLACK

    @property
    def parameters(self) -> tuple[float, ...]:
        return (_find_quality(self.tables[0])[0],)

    def describe(self) -> str:
        quality, exact = _find_quality(self.tables[0])
        return f"saved as JPEG {quality}" if exact else f"saved as JPEG (about {quality})"

    @property
    def sufficient_excess(self) -> float:  # type: ignore[override]
        return 0.0 if self.weighted else SEARCH_SLACK / 2

    @functools.cached_property
    def steps(self) -> np.ndarray:
        """(8, 8) grey levels."""
        return np.array(self.tables[0], np.float64).reshape(BLOCK, BLOCK)

    @functools.cached_property
    def coefficients(self) -> np.ndarray:
        """(block rows, block columns, 8, 8), on the grid."""
        return np.asarray(self.steps * np.rint(self._transform(self.target) / self.steps))

    @functools.cached_property
    def has_grid(self) -> np.ndarray:
        """(block rows, block columns): whether the coefficients of a block are known."""
        error = self._transform(self.target) - self.coefficients
        return np.asarray(np.sqrt(np.mean(error**2, (-2, -1))) < GRID_ERROR)

    def count_evidence(self, counted: np.ndarray) -> int:
        """Return the number of coefficients that are not 0, but for the means of blocks."""
        values = self.coefficients[self._select(counted)].reshape(-1, BLOCK**2)[:, 1:]
        return int(np.count_nonzero(values))

    def centre(self) -> Self:
        """Return the storage of which a fit minimises all errors.

        z in the cells is any that explains the JPEG; the errors of the best are those of rounding.
        """
        return replace(self, weighted=True)

    def find_limit(self, end: Fit, own: Own) -> float:
        if self.count_evidence(end.counted) < len(end.z):
            return -np.inf
        return super().find_limit(end, own)

    def store(self, pixels: np.ndarray) -> Self:
        down, right = before = [-start % BLOCK for start in self.grid]
        larger = np.pad(pixels, [*((size, 0) for size in before), (0, 0)], "edge")
        stored = compress(larger, qtables=[*map(list, self.tables)])
        return replace(self, target=stored[down:, right:], weighted=False)

    def subtract(self, picture: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Return by how much coefficients miss their cells, with a sign; the cells are smaller.

        If `weighted`, return the errors over the standard deviations of the rounding.
        """
        if self.weighted:
            return np.asarray((self._find_errors(picture, counted) / self._deviations).ravel())
        return self._miss(picture, counted, FITTED_CELL).ravel()

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        columns = self.project(picture, derivatives, counted)
        if self.weighted:
            return np.asarray(columns / np.sqrt(self.find_variances(picture, counted, 0.0)))
        return np.asarray(columns * (self._miss(picture, counted, FITTED_CELL) != 0).ravel())

    def measure_excess(self, picture: np.ndarray, counted: np.ndarray) -> float:
        """Return the RMS of the distances from the cells, in grey levels."""
        return measure_rms(self._miss(picture, counted, 1.0))

    def project(
        self, picture: np.ndarray, derivatives: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        seen = self._transform(derivatives * is_unclipped(picture))
        return np.asarray(seen[:, self._select(counted)].reshape(len(derivatives), -1))

    def find_variances(
        self, picture: np.ndarray, counted: np.ndarray, variance_before: float
    ) -> np.ndarray:
        variances = self._deviations.ravel() ** 2 + variance_before
        return np.tile(variances, int(self._select(counted).sum()))

    @property
    def error(self) -> float:
        """RMS in grey levels that rounding may cause; less where coefficients are small."""
        return measure_rms(self._deviations)

    @property
    def _deviations(self) -> np.ndarray:
        """(8, 8) grey levels, of rounding to the grid, and to 8 bits before."""
        return np.asarray(np.sqrt((self.steps**2 + 1) / 12))

    def _find_errors(self, picture: np.ndarray, counted: np.ndarray) -> np.ndarray:
        selected = self._select(counted)
        changed = self._transform(picture.clip(0, WHITE))[selected]
        return np.asarray(changed - self.coefficients[selected])

    def _miss(self, picture: np.ndarray, counted: np.ndarray, share: float) -> np.ndarray:
        error = self._find_errors(picture, counted)
        return np.asarray(np.sign(error) * np.maximum(np.abs(error) - share * self.steps / 2, 0))

    def _select(self, counted: np.ndarray) -> np.ndarray:
        """Return the known blocks whose pixels all count."""
        return self.has_grid & split_blocks(counted, self.grid).all((-2, -1))

    def _transform(self, pictures: np.ndarray) -> np.ndarray:
        return transform(pictures, self.grid)


def transform(pictures: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the DCT of the luma's complete blocks: (..., block rows, block columns, 8, 8)."""
    blocks = split_blocks(to_luma(pictures), grid)
    coefficients = dctn(blocks, axes=(-2, -1), norm="ortho")
    if pictures.ndim == 3:  # no derivatives
        coefficients[..., 0, 0] -= MIDDLE * BLOCK
    return np.asarray(coefficients)


def find_jpeg(
    target: np.ndarray, counted: np.ndarray, tables: Tables, grid: Grid, needed: int
) -> Jpeg | None:
    """Return how JPEG stored an image: by the tables of its file, or by those that it fits.

    Without tables the grid is not known either. None if fewer than `needed` coefficients are
    evidence of it.
    """
    if tables:
        jpeg = Jpeg(target, tables, grid)
        return jpeg if jpeg.count_evidence(counted) >= needed else None
    for likely in dict.fromkeys([(0, 0), _find_grid(target)]):
        jpegs = (
            Jpeg(target, make_standard_tables(quality), likely) for quality in STANDARD_QUALITIES
        )
        enough = (jpeg for jpeg in jpegs if jpeg.count_evidence(counted) >= needed)
        # coarser tables that differ in a few steps may fit too; finer ones with half the steps do
        fitting = (jpeg for jpeg in enough if _measure_grid_error(jpeg, needed) < FITTING_ERROR)
        if nearby := [*itertools.islice(fitting, NEARBY_QUALITIES)]:
            return min(nearby, key=lambda jpeg: _measure_grid_error(jpeg, needed))
    return None


def _find_grid(target: np.ndarray) -> Grid:
    """Return the grid on which most coefficients of a picture may have been set to 0."""

    def count_zeros(grid: Grid) -> float:
        coefficients = transform(target, grid)
        return float(np.mean(np.abs(coefficients) < ZERO)) if coefficients.size else 0.0

    grids = [(down, right) for down in range(BLOCK) for right in range(BLOCK)]
    return max(grids, key=count_zeros)


@functools.cache
def make_standard_tables(quality: int) -> Tables:
    """Return the tables of libjpeg for a quality."""
    file = io.BytesIO()
    Image.new("RGB", (BLOCK, BLOCK)).save(file, "JPEG", quality=quality)
    return read_tables(Image.open(file))


def _measure_grid_error(jpeg: Jpeg, needed: int) -> float:
    """Return the RMS distance from the grid of coefficients that are not 0, where steps are large.

    It is infinite if they are fewer than `needed`.
    """
    values = jpeg.coefficients[jpeg.has_grid]
    error = transform(jpeg.target, jpeg.grid)[jpeg.has_grid] - values
    used = (values != 0) & (jpeg.steps >= MIN_GRID_STEP)
    used[..., 0, 0] = False
    return measure_rms(error[used]) if used.sum() >= needed else np.inf


def _find_quality(luma_table: tuple[int, ...]) -> tuple[int, bool]:
    """Return the quality with the nearest standard table, and whether that is equal."""
    steps = np.array(luma_table)
    distances = {
        quality: float(np.abs(steps - make_standard_tables(quality)[0]).sum())
        for quality in range(1, 101)
    }
    nearest = min(distances, key=lambda quality: distances[quality])
    return nearest, distances[nearest] == 0
