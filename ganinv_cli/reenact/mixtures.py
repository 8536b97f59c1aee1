"""Fit an average of two pictures of a generator, (1 − w) · G(z₁) + w · G(z₂), to an image."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ganinv_cli.inversion.objective.ground_truth import draw_z
from ganinv_cli.inversion.polish.least_squares import Point, compute_gram, minimise_squares
from ganinv_cli.inversion.randomness import Purpose
from ganinv_cli.reenact.fit import FIRST_DAMPING, GREY_LEVELS, Renderer
from ganinv_cli.reenact.storage import measure_rms
from ganinv_cli.results import statistics

EVALUATIONS = 40  # of both J, of all attempts together; averages took 9 to 31
DRAWS = 64  # pictures among which the second is looked for first
BEST_DRAWS = 3  # whose mean z is the first start of z₂
LEAST_CORRELATION = 0.2  # of the best draw with what z₁ leaves: .25 to .9 of averages
RIDGE = 1e-3  # relative to the largest eigenvalue of JJᵀ: G is not linear beyond
STEEP = 0.96  # share of the RMSE, beyond rounding, of two steps before; more ends a fit
FIRST_STEPS = 4  # before a fit is given up
SETTLED = 0.01  # relative decrease of the loss that ends a fit within the limit
TRUNCATION = 0.5  # grey levels; programs that cut off decimals darken an average by so much
PROMISING = 0.85  # share of one picture's RMSE; if a fit leaves more, no other start is tried
NEEDED_GAIN = 0.5  # share of one picture's squared error that a second one must explain


class Mixture(NamedTuple):
    """An average of two pictures of a generator."""

    z: np.ndarray  # (2, latent) float64, of the picture with the larger weight first
    weight: float  # of the second picture, 0 to .5
    picture: np.ndarray  # (height, width, channels), the average in grey levels
    excess: float  # RMSE in grey levels

    @property
    def words(self) -> str:
        """What the image is: "an average of two of its pictures, 90 and 10 %"."""
        percent = round(100 * self.weight)
        return f"an average of two of its pictures, {100 - percent} and {percent} %"


def fit_mixture(
    renderer: Renderer,
    pixels: np.ndarray,
    counted: np.ndarray,
    z: np.ndarray,
    evaluations: int = EVALUATIONS,
) -> Mixture | None:
    """Return the average of two pictures under one label that is an image; None: there is none.

    `pixels` (height, width, channels) uint8 show no JPEG; those that are `counted` (height, width)
    are compared. z (latent,) is the best of one picture. An average leaves no more than rounding
    does (`find_limit`), half of the squared error of one picture, and both of its z are as short
    as draws from the prior: a picture that is darker is an average with a black one.

    Costs J once if the image is nothing like an average, and at most so many evaluations of both J.
    """
    target = pixels.astype(np.float64)
    average = _Average(renderer, target, counted)
    alone = average.measure(z)
    if alone <= find_limit(0.0, average.size):
        return None
    for start in average.find_starts(z):
        x, used = average.fit(start, evaluations)
        evaluations -= used
        mixture = average.make_mixture(x)
        if mixture.excess <= find_limit(mixture.weight, average.size):
            gains = mixture.excess**2 <= (1 - NEEDED_GAIN) * alone**2
            return mixture if gains and average.are_short(mixture.z) else None
        if evaluations <= 0 or mixture.excess > PROMISING * alone:
            break
    return None


def find_limit(weight: float, size: int) -> float:
    """Return the RMSE in grey levels that rounding leaves of an average, by five deviations.

    Both pictures and their average are rounded to 8 bits; `size` values are compared. Half of the
    values of an average of halves are rounded by .5, the others not: 1/8 grey levels², not 1/12.
    """
    roundings = 1.5 + (1 - weight) ** 2 + weight**2
    return statistics.rmse(roundings * statistics.rounding_residual(size), size)


@dataclass(frozen=True, eq=False)
class _Average:
    """Averages of two pictures beside the target; x is (z₁, z₂, w), (2 · latent + 1,)."""

    renderer: Renderer
    target: np.ndarray  # (height, width, channels), grey levels
    counted: np.ndarray  # (height, width)

    @property
    def size(self) -> int:
        """How many values are compared."""
        channels: int = self.target.shape[2]
        return channels * int(np.count_nonzero(self.counted))

    def measure(self, z: np.ndarray) -> float:
        """Return the RMSE that the picture of z (latent,) leaves, in grey levels."""
        return measure_rms(_subtract_offset(self._select(self.renderer.render(z) - self.target)))

    def find_starts(self, z: np.ndarray) -> list[np.ndarray]:
        """Return starts of x, the best first; none if no draw is like what G(z) leaves.

        What G(z) leaves, and the differences of draws from G(z), are compared apart from what
        a change of z explains. The rest is about w times the difference of the second picture.
        If w is about .5, z is between z₁ and z₂.
        """
        generator = self.renderer.generator
        draws = draw_z(generator, Purpose.mixtures, np.arange(DRAWS)).astype(np.float64)
        images = generator.render(
            draws.astype(np.float32), DRAWS, labels=np.full(DRAWS, self.renderer.label)
        )
        pictures = (images.astype(np.float64) + 1) * GREY_LEVELS
        picture, columns = self.renderer.render(z), self._select(self._differentiate(z))
        values, vectors = np.linalg.eigh(compute_gram(columns))

        def leave(differences: np.ndarray) -> np.ndarray:
            along = _divide((differences @ columns.T) @ vectors, values + RIDGE * values[-1])
            return np.asarray(differences - along @ vectors.T @ columns)

        rest = leave(self._select(self.target - picture))
        differences = leave(self._select(pictures - picture))
        lengths = np.linalg.norm(differences, axis=1)
        correlations = _divide(differences @ rest, lengths * np.linalg.norm(rest))
        if correlations.max() < LEAST_CORRELATION:
            return []
        usual = float(np.median(lengths[lengths > 0]))
        weight = min(float(np.linalg.norm(rest)) / usual, 0.5)
        best = draws[np.argsort(-correlations)[:BEST_DRAWS]].mean(axis=0)
        half = (best - z) / 2
        starts = (z, best, weight), (z - half, z + half, 0.5), (z, np.zeros_like(z), weight)
        return [np.concatenate([one, other, [share]]) for one, other, share in starts]

    def fit(self, start: np.ndarray, evaluations: int) -> tuple[np.ndarray, int]:
        """Return the end (2 · latent + 1,) of a descent, and how often both J were computed."""
        latent = len(start) // 2
        low = np.full(len(start), self.renderer.low)
        high = np.full(len(start), self.renderer.high)
        low[-1], high[-1] = 0, 1
        used = 0

        def evaluate(x: np.ndarray) -> Point:
            rest = _subtract_offset(self._select(self._mix(x) - self.target))

            def linearise() -> tuple[np.ndarray, np.ndarray]:
                nonlocal used
                used += 1
                one, other, weight = x[:latent], x[latent:-1], x[-1]
                difference = self.renderer.render(other) - self.renderer.render(one)
                derivatives = np.concatenate(
                    [
                        (1 - weight) * self._differentiate(one),
                        weight * self._differentiate(other),
                        difference[None],
                    ]
                )
                columns = self._select(derivatives)
                columns -= columns.mean(axis=1, keepdims=True)
                return columns @ rest, compute_gram(columns)

            return Point(x, float(rest @ rest), linearise)

        def is_enough(losses: list[float]) -> bool:
            *_, earlier, before, loss = [np.inf, np.inf, *losses]
            rounding = find_limit(0.0, self.size) ** 2 * self.size
            if loss <= rounding:
                return loss > (1 - SETTLED) * before
            slow = loss - rounding > STEEP**2 * (earlier - rounding)
            return len(losses) > FIRST_STEPS and slow

        end, _ = minimise_squares(
            evaluate,
            start.clip(low, high),
            low,
            high,
            steps=evaluations,
            damping=FIRST_DAMPING,
            is_enough=is_enough,
        )
        return end.x, used

    def make_mixture(self, x: np.ndarray) -> Mixture:
        """Return the mixture of x (2 · latent + 1,), the larger weight first."""
        latent = len(x) // 2
        z, weight = x[:-1].reshape(2, latent), float(x[-1])
        if weight > 1 / 2:
            z, weight = z[::-1], 1 - weight
        picture = self._mix(x)
        excess = measure_rms(_subtract_offset(self._select(picture - self.target)))
        return Mixture(z, weight, picture, excess)

    def are_short(self, z: np.ndarray) -> bool:
        """Return whether no z (n, latent) is longer than draws from the prior."""
        _, longest = statistics.find_norm_range(self.renderer.generator.prior, z.shape[1])
        return bool((np.linalg.norm(z, axis=1) <= longest).all())

    def _mix(self, x: np.ndarray) -> np.ndarray:
        latent, weight = len(x) // 2, x[-1]
        one, other = self.renderer.render(x[:latent]), self.renderer.render(x[latent:-1])
        return np.asarray((1 - weight) * one + weight * other)

    def _differentiate(self, z: np.ndarray) -> np.ndarray:
        return self.renderer.differentiate(z, self.renderer.step_precision)

    def _select(self, pictures: np.ndarray) -> np.ndarray:
        """Return the values that count of pictures (…, height, width, channels): (…, n)."""
        selected = pictures[..., self.counted, :]
        return np.asarray(selected.reshape(*pictures.shape[:-3], -1))


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return values / by, and 0 where `by` is 0, as where J is 0 or a draw is the same picture."""
    return np.asarray(np.divide(values, by, out=np.zeros_like(values), where=by > 0))


def _subtract_offset(rest: np.ndarray) -> np.ndarray:
    """Return what is left (n,) apart from an equal difference of all values up to TRUNCATION."""
    return np.asarray(rest - rest.mean().clip(-TRUNCATION, TRUNCATION))
