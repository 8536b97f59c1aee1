"""What was done to a picture: stages, one after the other, and then how it was stored.

Pictures are in grey levels, 0 to 255, (…, height, width, channels).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from ganinv_cli.reenact.pixels import (
    WHITE,
    is_unclipped,
    measure_rms,
    round_to_pixels,
    to_luma,
)

QUANTILE = 0.95  # of the excesses of own copies
MARGIN = 1.1  # times that, since z of an image is fitted and theirs is known
_STEP = 1e-4  # of the differences that stand for derivatives by parameters


class Stage(ABC):
    """A change of pictures, of some parameters."""

    kind: str  # of stages of one kind the fit of the most promising one is enough
    late: tuple[int, ...] = ()  # places of parameters that are fitted after the others
    is_smooth = True  # whether a fit that hardly comes nearer may be given up
    variance: float = 0.0  # grey levels², of the errors that it makes of a pixel, e.g. by rounding

    @property
    def start(self) -> np.ndarray:
        """The parameters from which it is fitted, at which it changes nothing if it has any."""
        return np.zeros(0)

    @abstractmethod
    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pictures with the change, not rounded."""

    @abstractmethod
    def describe(self, parameters: np.ndarray) -> str:
        """Return what was done in words; empty: nothing that is worth a word."""

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pixels (height, width, channels) uint8 with the change, as programs make it."""
        return round_to_pixels(self.apply(pixels.astype(np.float64), parameters))

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        """Return derivatives (n, height, width, channels) after the change, from those before it.

        By default they are the same (straight-through, Bengio et al. 2013), as after a staircase.
        """
        return derivatives

    def find_inside(self, size: tuple[int, int], parameters: np.ndarray) -> np.ndarray:
        """Return which pixels (height, width) show a part of the picture that is known."""
        return np.ones(size, np.bool_)

    def loses(self, parameters: np.ndarray) -> bool:
        """Return whether a mixture, or a generator of near weights, may look the same after it."""
        return False

    def list_variants(self, parameters: np.ndarray) -> "list[Stage]":
        """Return stages of the same parameters of which the most promising is fitted at last."""
        return []


class Storage(ABC):
    """How a picture was stored: what of it another picture does not explain.

    Pictures are (height, width, channels); `counted` (height, width) says which pixels count. By
    default they are compared pixel by pixel; a pixel at 0 or 255 may have been beyond.
    """

    kind: str
    target: np.ndarray  # (height, width, channels), what a fit comes near to
    variance = 1 / 12  # grey levels², of the errors of storage, at least
    loses = False  # whether a mixture, or a generator of near weights, may be stored as the same
    keeps_colours = True  # False: the luma alone is compared
    sufficient_excess = 0.0  # at which a fit ends, since it explains the picture; 0: it goes on
    slack = 0.0  # grey levels that a fit leaves more than the right z does

    @property
    def is_clipped(self) -> bool:
        """Whether values beyond black and white were stored as these."""
        return True

    @property
    def parameters(self) -> tuple[float, ...]:
        """What is known of it, e.g. the quality."""
        return ()

    @abstractmethod
    def describe(self) -> str:
        """Return it in words; empty for 8 bits."""

    @abstractmethod
    def store(self, pixels: np.ndarray) -> Self:
        """Return pixels (height, width, channels) uint8, stored like this."""

    def subtract(self, picture: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Return what is left of a picture beside the target (n,), for least squares."""
        kept = picture.clip(0, WHITE) if self.is_clipped else picture
        difference = self._see(kept) - self._see(self.target)
        return np.asarray(difference[counted].ravel())

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        """Return the derivatives (parameters, n) of what `subtract` returns."""
        return self.project(picture, derivatives, counted)

    def project(
        self, picture: np.ndarray, derivatives: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        """Return the derivatives (parameters, m) of the values of a picture that are stored."""
        seen = self._see(derivatives * is_unclipped(picture) if self.is_clipped else derivatives)
        return np.asarray(seen[:, counted].reshape(len(derivatives), -1))

    def find_variances(
        self, picture: np.ndarray, counted: np.ndarray, variance_before: float
    ) -> np.ndarray:
        """Return the variances of the errors of these values, which broadcast to (m,).

        `variance_before` is that of the errors of changes, in grey levels².
        """
        least = self.variance + variance_before
        return np.asarray(max(self.measure_excess(picture, counted) ** 2, least))

    def _see(self, pictures: np.ndarray) -> np.ndarray:
        return pictures if self.keeps_colours else to_luma(pictures)

    def measure_excess(self, picture: np.ndarray, counted: np.ndarray) -> float:
        """Return the RMS of what is left in grey levels."""
        return measure_rms(self.subtract(picture, counted))

    def centre(self) -> "Storage":
        """Return the storage whose fit has the more exact z, once the chain explains a picture."""
        return self

    def find_limit(self, end: "Fit", own: "Own") -> float:
        """Return the excess of nearly all own pictures, changed and stored like this, at their z.

        Below 0 nothing is evidence; NaN stands for any excess.
        """
        excesses = [
            stored.measure_excess(changed, end.counted) for changed, stored in own.copy_like(end)
        ]
        known = [excess for excess in excesses if np.isfinite(excess)]
        usual = float(np.quantile(known, QUANTILE)) if known else 0.0
        return MARGIN * usual + self.slack

    def accepts(self, end: "Fit", limit: float, own: "Own") -> bool:
        """Return whether a fit explains the picture."""
        return end.excess <= limit


class Own(ABC):
    """What is known of a generator's own pictures, which is computed when it is asked for."""

    @property
    @abstractmethod
    def draws(self) -> np.ndarray:
        """Own pictures in grey levels: (n, height, width, channels) float64."""

    @property
    @abstractmethod
    def rounding(self) -> float:
        """Mean squared error of pixels in [−1, 1] from computing in float32."""

    @abstractmethod
    def differentiate(self, end: "Fit") -> np.ndarray:
        """Return the derivatives of a fit's picture by z and the parameters: (n, height, …)."""

    def copy_like(self, end: "Fit") -> Iterator[tuple[np.ndarray, Storage]]:
        """Yield own pictures, changed as in a fit, before and after they are stored so."""
        for draw in self.draws:
            copy = end.chain.copy(round_to_pixels(draw), end.parameters)
            yield end.chain.apply(draw, end.parameters), end.chain.storage.store(copy)


@dataclass(frozen=True, eq=False)
class Chain:
    """Changes in their order, then a storage; its parameters are those of the changes."""

    changes: tuple[Stage, ...]
    storage: Storage

    @property
    def start(self) -> np.ndarray:
        return np.concatenate([np.zeros(0), *(stage.start for stage in self.changes)])

    @property
    def late(self) -> list[int]:
        """Places of the parameters that are fitted after the others."""
        ends = np.cumsum([0, *(len(stage.start) for stage in self.changes)])
        return [
            int(end) + place
            for stage, end in zip(self.changes, ends, strict=False)
            for place in stage.late
        ]

    @property
    def is_smooth(self) -> bool:
        return all(stage.is_smooth for stage in self.changes)

    def store_as(self, storage: Storage) -> "Chain":
        return replace(self, storage=storage)

    def divide(self, parameters: np.ndarray) -> Iterator[tuple[Stage, np.ndarray]]:
        """Yield each change with its parameters."""
        end = 0
        for stage in self.changes:
            begin, end = end, end + len(stage.start)
            yield stage, parameters[begin:end]

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pictures with all changes, not rounded."""
        for stage, values in self.divide(parameters):
            pictures = stage.apply(pictures, values)
        return pictures

    def copy(self, pixels: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Return pixels (height, width, channels) uint8 with all changes, as programs make them."""
        for stage, values in self.divide(parameters):
            pixels = stage.copy(pixels, values)
        return pixels

    def differentiate(
        self, picture: np.ndarray, derivatives: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray:
        """Return the derivatives after all changes: those that are given, then by the parameters.

        The given ones (n, height, width, channels) are of the picture before.
        """
        for stage, values in self.divide(parameters):
            after = stage.differentiate(picture, derivatives, values)
            derivatives = np.concatenate([after, *_divide_differences(stage, picture, values)])
            picture = stage.apply(picture, values)
        return derivatives

    def find_inside(self, size: tuple[int, int], parameters: np.ndarray) -> np.ndarray:
        """Return which pixels (height, width) show a part of the picture that is known."""
        inside = np.ones(size, np.bool_)
        for stage, values in self.divide(parameters):
            inside &= stage.find_inside(size, values)
        return inside

    def list_done(self, parameters: np.ndarray) -> list[tuple[Stage, np.ndarray]]:
        """Return the changes that did something, with their parameters."""
        return [pair for pair in self.divide(parameters) if pair[0].describe(pair[1])]

    @property
    def variance(self) -> float:
        """Grey levels², of the errors that the changes make of a pixel."""
        return sum(stage.variance for stage in self.changes)

    def loses(self, parameters: np.ndarray) -> bool:
        """Return whether a mixture, or a generator of near weights, may look the same."""
        return self.storage.loses or any(s.loses(values) for s, values in self.divide(parameters))


class Fit(NamedTuple):
    """The end of a fit."""

    chain: Chain
    z: np.ndarray  # (latent,) float64; of an average (2 · latent + 1,)
    parameters: np.ndarray  # of the chain
    picture: np.ndarray  # (height, width, channels), after the changes
    counted: np.ndarray  # (height, width), the pixels that count and show a known part
    excess: float  # by the storage, in grey levels


def _divide_differences(
    stage: Stage, picture: np.ndarray, parameters: np.ndarray
) -> Iterable[np.ndarray]:
    """Return the derivative of a picture by each parameter, (1, height, width, channels)."""
    return [
        (stage.apply(picture, parameters + step) - stage.apply(picture, parameters - step))[None]
        / (2 * _STEP)
        for step in _STEP * np.eye(len(parameters))
    ]
