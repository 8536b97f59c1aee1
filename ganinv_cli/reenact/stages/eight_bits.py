"""Pixels as 8 bits per channel, as floats, or with white noise."""

import functools
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ganinv_cli.generators.network.generator import PIXEL_ROUNDING
from ganinv_cli.images.float_types import find_spacing
from ganinv_cli.reenact.chain import MARGIN, Fit, Own, Storage
from ganinv_cli.reenact.pixels import GREY_LEVELS, WHITE, to_grey_levels
from ganinv_cli.results import statistics


@dataclass(frozen=True, eq=False)
class EightBits(Storage):
    """8 bits per channel, to which floats may be as near as rounding leaves them."""

    target: np.ndarray
    of_floats: bool = False  # whether the target is not rounded
    kind = "8 bits"

    @property
    def is_clipped(self) -> bool:
        return not (self.of_floats and _is_beyond(self.target))

    def describe(self) -> str:
        return "within rounding to 8 bits" if self.of_floats else ""

    def store(self, pixels: np.ndarray) -> Self:
        return replace(self, target=pixels)

    def find_limit(self, end: Fit, own: Own) -> float:
        if end.chain.list_done(end.parameters):
            return super().find_limit(end, own)
        size = int(end.counted.sum()) * self.target.shape[2]
        return statistics.rmse(statistics.rounding_residual(size), size)


@dataclass(frozen=True, eq=False)
class Floats(Storage):
    """Values in [−1, 1] in a float type, which are not rounded to 8 bits."""

    values: np.ndarray  # (height, width, channels) float32 or float64
    float_type: str  # one of FLOAT_TYPES

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.float_type

    @property
    def is_clipped(self) -> bool:
        return not _is_beyond(self.target)

    @functools.cached_property
    def target(self) -> np.ndarray:  # type: ignore[override]
        return to_grey_levels(self.values)

    @functools.cached_property
    def variance(self) -> float:  # type: ignore[override]
        rounding = np.mean(find_spacing(self.values, self.float_type) ** 2) / 12
        rounding += PIXEL_ROUNDING if self.values.dtype == np.float32 else 0.0
        return float(rounding * GREY_LEVELS**2)

    def describe(self) -> str:
        return f"stored as {self.float_type}"

    def store(self, pixels: np.ndarray) -> Self:
        return replace(self, values=(pixels / GREY_LEVELS - 1).astype(self.values.dtype))

    def find_limit(self, end: Fit, own: Own) -> float:
        """Return the RMSE in grey levels that the float type and computing in float32 leave.

        Two pictures of one z, and of one more by its last digit, have independent rounding errors.
        """
        spacing = find_spacing(self.values[end.counted], self.float_type)
        stored = statistics.storage_residual(spacing)
        usual = statistics.rmse(stored + PIXEL_ROUNDING * spacing.size, spacing.size)
        if end.excess <= usual:
            return usual
        rounding = 2 * MARGIN**2 * own.rounding
        return max(usual, statistics.rmse(stored + rounding * spacing.size, spacing.size))


def _is_beyond(target: np.ndarray) -> bool:
    return bool(target.min() < 0 or target.max() > WHITE)


@dataclass(frozen=True, eq=False)
class WhiteNoise(Storage):
    """8 bits with white noise of any level: the residual was found to be that."""

    target: np.ndarray
    level: float  # standard deviation in grey levels
    kind = "noise"
    loses = True

    @property
    def parameters(self) -> tuple[float, ...]:
        return (self.level,)

    def describe(self) -> str:
        return f"noise of {self.level:.1f} grey levels"

    def store(self, pixels: np.ndarray) -> Self:
        return replace(self, target=pixels)

    def find_limit(self, end: Fit, own: Own) -> float:
        return np.nan

    def accepts(self, end: Fit, limit: float, own: Own) -> bool:
        return True
