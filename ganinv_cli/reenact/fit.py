"""Fit z and the parameters of a chain to an image, and say how sure z is."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ganinv_cli.generators.network.generator import Generator, compute_jacobian
from ganinv_cli.inversion.polish.least_squares import Point, compute_gram, minimise_squares
from ganinv_cli.precision import Dtype
from ganinv_cli.reenact.chain import Chain, Fit
from ganinv_cli.reenact.pixels import GREY_LEVELS, to_grey_levels

TOLERANCE = 1e-3  # relative decrease of the sum of squares that ends a fit
FIRST_DAMPING = 1e-2  # relative to the diagonal of the normal equations
HOPELESS = 2.0  # RMS above which a fit may be given up
STEEP = 0.9  # share of the RMS of two steps before; a fit that leaves more is given up
KNOWN_SHARE = 0.5  # of the prior's standard deviation, below which a direction of z is known
MIN_SHOWN = 0.5  # share of the pixels that must show a known part of the picture
BOUNDED_SHARE = 3  # evaluations of a fit without bounds, per one with bounds


class Source(Protocol):
    """What makes pictures of some variables, e.g. a generator of z."""

    @property
    def bounds(self) -> tuple[np.ndarray | float, np.ndarray | float]:
        """The least and the greatest variables."""

    def render(self, z: np.ndarray) -> np.ndarray:
        """Return the picture (height, width, channels) of variables (n,)."""

    def differentiate(self, z: np.ndarray) -> np.ndarray:
        """Return its derivatives by them for the steps of a fit: (n, height, width, channels)."""


@dataclass(frozen=True)
class Renderer:
    """A generator under one label, in grey levels, with the bounds of z."""

    generator: Generator
    label: int = -1
    low: float = -np.inf
    high: float = np.inf
    precision: str = "float32"  # of pictures
    step_precision: Dtype = "float32"  # of J in the steps of a fit

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    def render(self, z: np.ndarray) -> np.ndarray:
        """Return the picture of z (latent,): (height, width, channels) float64."""
        labels = np.array([self.label])
        return to_grey_levels(self.generator.render(z[None], 1, self.precision, labels)[0])

    def differentiate(self, z: np.ndarray) -> np.ndarray:
        return self.compute_jacobian(z, self.step_precision)

    def compute_jacobian(self, z: np.ndarray, precision: Dtype = "float32") -> np.ndarray:
        """Return J transposed at z: (latent, height, width, channels) float64."""
        jacobian = compute_jacobian(self.generator, z.astype(np.float32), self.label, precision)
        return scale_jacobian(jacobian, self.generator)


def scale_jacobian(jacobian: np.ndarray, generator: Generator) -> np.ndarray:
    """Return Jᵀ (latent, pixels) of pixels in [−1, 1] as (latent, …) of grey levels, float64."""
    shaped = jacobian.reshape(-1, *generator.image_shape)
    return np.asarray(shaped.astype(np.float64) * GREY_LEVELS)


def fit(
    source: Source,
    chain: Chain,
    z: np.ndarray,
    parameters: np.ndarray,
    counted: np.ndarray,
    evaluations: int,
    inside: np.ndarray | None = None,
    *,
    steep: float = np.inf,
    weights: np.ndarray | None = None,
    held: Sequence[int] = (),
) -> Fit:
    """Minimise what the storage leaves, over z (n,) and the parameters, from both of a start.

    Costs at most J for each evaluation. z is free at first, because bounds slow the fit; if it ends
    outside, it is clipped and fitted again with bounds. `inside` (height, width) are the pixels to
    use; None: those that show a known part at the start. The excess is of those at the end. A fit
    is given up if it is far from an explanation and two steps leave more than a `steep` share of
    the RMS. `weights` (height, width) are of the squared errors of pixels, `held` are places of
    parameters to keep.
    """
    latent, storage, size = len(z), chain.storage, counted.shape
    used = counted & (chain.find_inside(size, parameters) if inside is None else inside)

    @functools.lru_cache(maxsize=1)  # values and derivatives are asked for one after the other
    def render(z: bytes) -> np.ndarray:
        return source.render(np.frombuffer(z))

    def change_picture(x: np.ndarray) -> np.ndarray:
        return chain.apply(render(x[:latent].tobytes()), x[latent:])

    scale = 1.0
    if weights is not None:
        values = storage.subtract(storage.target, used).size // used.sum()
        scale = np.sqrt(np.repeat(weights[used], values))

    excesses: dict[float, float] = {}  # of the picture, by the loss

    def evaluate(x: np.ndarray) -> Point:
        picture = change_picture(x)
        rest = storage.subtract(picture, used) * scale
        loss = float(rest @ rest)
        if storage.sufficient_excess:
            excesses[loss] = storage.measure_excess(picture, used)

        def linearise() -> tuple[np.ndarray, np.ndarray]:
            before, jacobian = render(x[:latent].tobytes()), source.differentiate(x[:latent])
            derivatives = chain.differentiate(before, jacobian, x[latent:])
            columns = storage.differentiate(change_picture(x), derivatives, used) * scale
            return columns @ rest, compute_gram(columns)

        return Point(x, loss, linearise)

    def minimise(start: np.ndarray, steps: int) -> np.ndarray:
        count = max(1, len(storage.subtract(change_picture(start), used)))  # no block may be known

        def is_enough(losses: list[float]) -> bool:
            *_, earlier, before, loss = [np.inf, np.inf, *losses]
            hopeless = loss > max(HOPELESS**2 * count, steep**2 * earlier)
            has_settled = not loss < before * (1 - TOLERANCE)
            explains = excesses.get(loss, np.inf) <= storage.sufficient_excess
            return has_settled or explains or (np.isfinite(steep) and hopeless)

        end, _ = minimise_squares(
            evaluate, start, low, high, steps=steps, damping=FIRST_DAMPING, is_enough=is_enough
        )
        return end.x

    end = np.concatenate([z, parameters])
    low, high = np.full(len(end), -np.inf), np.full(len(end), np.inf)
    for place in held:
        low[latent + place] = high[latent + place] = end[latent + place]
    if used.any() and evaluations:
        end = minimise(end, evaluations)
        low[:latent], high[:latent] = source.bounds
        if (end != end.clip(low, high)).any():
            end = minimise(end.clip(low, high), evaluations // BOUNDED_SHARE)
    picture, shown = change_picture(end), counted & chain.find_inside(size, end[latent:])
    excess = storage.measure_excess(picture, shown)
    return Fit(chain, end[:latent], end[latent:], picture, shown, excess)


def measure_certainty(
    end: Fit, derivatives: np.ndarray, prior_deviation: float
) -> tuple[np.ndarray, int]:
    """Return the standard error of z by component (latent,), and how many directions are known.

    `derivatives` (n, …) are of the picture by z and the parameters. The covariance is
    (Jᵀ D⁻¹ J + 1 / σ²)⁻¹ with the variances D of what is stored and the deviation σ of the prior,
    which no error exceeds; the parameters are unknown too.
    """
    storage = end.chain.storage
    columns = storage.project(end.picture, derivatives, end.counted)
    variances = storage.find_variances(end.picture, end.counted, end.chain.variance)
    weighed = columns / np.sqrt(variances)
    return invert_information(compute_gram(weighed), len(end.z), prior_deviation)


def invert_information(
    information: np.ndarray, latent: int, prior_deviation: float
) -> tuple[np.ndarray, int]:
    """Return the standard error of z by component (latent,), and how many directions are known.

    `information` (n, n) is of z and of other parameters, which are unknown too; no error exceeds
    the deviation of the prior.
    """
    by_z, cross, rest = (
        information[:latent, :latent],
        information[:latent, latent:],
        information[latent:, latent:],
    )
    values, vectors = np.linalg.eigh(by_z - cross @ np.linalg.pinv(rest, hermitian=True) @ cross.T)
    variances = 1 / (values.clip(0) + prior_deviation**-2)
    known = values > (KNOWN_SHARE * prior_deviation) ** -2
    return np.sqrt(vectors**2 @ variances), int(known.sum())
