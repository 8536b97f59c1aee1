"""Averages of two pictures of a generator, (1 − w) · G(z₁) + w · G(z₂), through a chain."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import fdtri

from ganinv_cli.inversion.polish.least_squares import compute_gram
from ganinv_cli.reenact.chain import Chain, Fit, Stage
from ganinv_cli.reenact.fit import Renderer, fit
from ganinv_cli.reenact.known_pictures import MIN_DRAWS, OwnDraws
from ganinv_cli.reenact.pixels import to_grey_levels
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.results import statistics

EVALUATIONS = 40  # of both J in a fit; averages took 9 to 31
BEST_DRAWS = 3  # whose mean z is the first start of z₂
LEAST_CORRELATION = 0.2  # of the best draw with what z₁ leaves: .25 to .9 of averages
CHANCE = 6.0  # standard deviations of a correlation with noise, above which it is no chance
RIDGE = 1e-3  # relative to the largest eigenvalue of JJᵀ: G is not linear beyond
STEEP = 0.96  # share of the RMSE of two steps before, above which a fit is given up
TRUNCATION = 0.5  # grey levels; programs that cut off decimals darken an average by so much
PROMISING = 0.85  # share of one picture's RMSE; if a fit leaves more, no other start is tried
NEEDED_GAIN = 0.5  # share of one picture's squared error that a second one must explain
CERTAIN = 1e-6  # probability that noise alone lowers the squared error as a second picture does
LEAST_WEIGHT = 0.05  # of a second picture through a chain; of less, the verdict warns
SAFETY = 1.5  # times the F statistic of that, since errors of codecs are not white


class Mixture(NamedTuple):
    """An average of two pictures of a generator."""

    z: np.ndarray  # (2, latent) float64, of the picture with the larger weight first
    weight: float  # of the second picture, 0 to .5
    end: Fit


@dataclass(frozen=True)
class Average:
    """Averages of two pictures; the variables are z₁, z₂ and w, (2 · latent + 1,)."""

    renderer: Renderer

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        size = 2 * self.renderer.generator.latent
        low, high = (np.full(size, bound) for bound in self.renderer.bounds)
        return np.append(low, 0.0), np.append(high, 1.0)

    def render(self, z: np.ndarray) -> np.ndarray:
        one, other = self._render_both(z)
        return np.asarray((1 - z[-1]) * one + z[-1] * other)

    def differentiate(self, z: np.ndarray) -> np.ndarray:
        (one, other), weight = self._render_both(z), z[-1]
        first, second = (self.renderer.differentiate(each) for each in np.split(z[:-1], 2))
        by_z = (1 - weight) * first, weight * second
        return np.concatenate([*by_z, (other - one)[None]])

    def _render_both(self, z: np.ndarray) -> list[np.ndarray]:
        return [self.renderer.render(each) for each in np.split(z[:-1], 2)]


@dataclass(frozen=True)
class Truncation(Stage):
    """All values become darker or lighter by the same, up to TRUNCATION."""

    kind = "truncation"

    @property
    def start(self) -> np.ndarray:
        return np.zeros(1)

    def apply(self, pictures: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        return np.asarray(pictures + parameters[0].clip(-TRUNCATION, TRUNCATION))

    def describe(self, parameters: np.ndarray) -> str:
        return ""


def find_mixture(
    renderer: Renderer, own: OwnDraws, pixels: np.ndarray, counted: np.ndarray, z: np.ndarray
) -> Mixture | None:
    """Return the average of two pictures under one label that an image is; None: there is none.

    `pixels` (height, width, channels) uint8 show no JPEG; those that are `counted` (height, width)
    are compared. z (latent,) is the best of one picture. An average leaves no more than rounding
    does (`find_limit`), and half of the squared error of one picture. Costs J once if the image is
    nothing like an average.
    """
    chain = Chain((Truncation(),), EightBits(pixels))
    alone = fit(renderer, chain, z, chain.start, counted, 1)
    size = int(counted.sum()) * pixels.shape[2]
    if alone.excess <= find_limit(0.0, size):
        return None

    def accepts(end: Fit) -> bool:
        is_near = end.excess <= find_limit(min(end.z[-1], 1 - end.z[-1]), size)
        return is_near and end.excess**2 <= (1 - NEEDED_GAIN) * alone.excess**2

    return _search(renderer, own, alone, LEAST_CORRELATION, accepts)


def find_second(renderer: Renderer, own: OwnDraws, end: Fit) -> Mixture | None:
    """Return the average that explains an image better than the one picture of a fit.

    Both go through the chain of the fit, which hides such differences from its limit, but not from
    an F test: whether a second picture lowers the squared error by more than noise allows.
    """
    storage = end.chain.storage.centre()
    left = storage.subtract(end.picture, end.counted)
    free = len(end.z) + 1, len(left) - 2 * len(end.z) - 1 - len(end.parameters)
    if free[1] <= 0:
        return None
    most = 1 + SAFETY * float(fdtri(*free, 1 - CERTAIN)) * free[0] / free[1]

    def accepts(second: Fit) -> bool:
        rest = storage.subtract(second.picture, end.counted)
        is_seen = min(second.z[-1], 1 - second.z[-1]) >= LEAST_WEIGHT
        return is_seen and float(left @ left) > most * float(rest @ rest)

    centred = end._replace(chain=end.chain.store_as(storage))
    return _search(renderer, own, centred, CHANCE / len(left) ** 0.5, accepts)


def find_limit(weight: float, size: int) -> float:
    """Return the RMSE in grey levels that rounding leaves of an average, by five deviations.

    Both pictures and their average are rounded to 8 bits; `size` values are compared. Half of the
    values of an average of halves are rounded by .5, the others not: 1/8 grey levels², not 1/12.
    """
    roundings = 1.5 + (1 - weight) ** 2 + weight**2
    return statistics.rmse(roundings * statistics.rounding_residual(size), size)


def _search(
    renderer: Renderer,
    own: OwnDraws,
    alone: Fit,
    least_correlation: float,
    accepts: Callable[[Fit], bool],
) -> Mixture | None:
    """Return the first accepted average of the fits from several starts.

    Both of its z are as short as draws: a picture that is darker is an average with a black one.
    """
    source, storage = Average(renderer), alone.chain.storage
    before = np.linalg.norm(storage.subtract(alone.picture, alone.counted))
    for start in _find_starts(renderer, own, alone, least_correlation):
        given = start, alone.parameters, alone.counted
        end = fit(source, alone.chain, *given, EVALUATIONS, steep=STEEP)
        if accepts(end):
            both, weight = np.array(np.split(end.z[:-1], 2)), float(end.z[-1])
            if weight > 1 / 2:
                both, weight = both[::-1], 1 - weight
            return Mixture(both, weight, end) if _are_short(renderer, both) else None
        after = np.linalg.norm(storage.subtract(end.picture, alone.counted))
        if after > PROMISING * before:
            break
    return None


def _find_starts(
    renderer: Renderer, own: OwnDraws, alone: Fit, least_correlation: float
) -> list[np.ndarray]:
    """Return starts of z₁, z₂ and w, the best first; none if no draw is like what is left.

    What one picture leaves, and the differences of draws from it, are compared apart from what a
    change of z explains. The rest is about w times the difference of the second picture. If w is
    about .5, z is between z₁ and z₂.
    """
    z, storage, shown = alone.z, alone.chain.storage, (alone.picture, alone.counted)
    labels = np.full(len(own.z), renderer.label)
    images = renderer.generator.render(own.z, MIN_DRAWS, labels=labels)
    drawn = alone.chain.apply(to_grey_levels(images), alone.parameters)
    columns = storage.differentiate(shown[0], own.differentiate(alone), shown[1])
    values, vectors = np.linalg.eigh(compute_gram(columns))

    def leave(differences: np.ndarray) -> np.ndarray:
        along = _divide((differences @ columns.T) @ vectors, values + RIDGE * values[-1])
        return np.asarray(differences - along @ vectors.T @ columns)

    rest = leave(-storage.subtract(*shown))
    differences = leave(storage.differentiate(shown[0], drawn - alone.picture, shown[1]))
    lengths = np.linalg.norm(differences, axis=1)
    correlations = _divide(differences @ rest, lengths * np.linalg.norm(rest))
    if correlations.max() < least_correlation:
        return []
    usual = float(np.median(lengths[lengths > 0]))
    weight = min(float(np.linalg.norm(rest)) / usual, 0.5)
    best = own.z[np.argsort(-correlations)[:BEST_DRAWS]].mean(axis=0)
    half = (best - z) / 2
    starts = (z, best, weight), (z - half, z + half, 0.5), (z, np.zeros_like(z), weight)
    return [np.concatenate([one, other, [share]]) for one, other, share in starts]


def _are_short(renderer: Renderer, z: np.ndarray) -> bool:
    """Return whether no z (n, latent) is longer than draws from the prior."""
    _, longest = statistics.find_norm_range(renderer.generator.prior, z.shape[1])
    return bool((np.linalg.norm(z, axis=1) <= longest).all())


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return values / by, and 0 where `by` is 0, as where J is 0 or a draw is the same picture."""
    return np.asarray(np.divide(values, by, out=np.zeros_like(values), where=by > 0))
