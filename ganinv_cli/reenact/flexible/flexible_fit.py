"""Fit z, a homography and a robust map of features to a picture, whatever was done to it.

The map is linear in the features of what is seen of G(z), so that it is eliminated at each step
(variable projection, Kaufman 1975). Errors count as e² / (1 + (e / s)²) (Geman & McClure 1987),
with s from their median: a region that G(z) does not make, or grain, does not decide.
"""

from typing import NamedTuple

import numpy as np

from ganinv_cli.inversion.polish.least_squares import Point, minimise_squares
from ganinv_cli.reenact.flexible.features import Features
from ganinv_cli.reenact.flexible.views import View, Views, refuse
from ganinv_cli.reenact.pixels import WHITE

STEPS = 12  # in all
ROUND = 3  # steps with one scale of the errors
MAP_ROUNDS = 3  # of weights, for a map at one z
DAMPING = 1e-2  # relative to the diagonal of the normal equations
PRIOR = 1e-3  # weight of the mean of (z / deviation)²
RIDGE = 1e-4  # weight of the squares of the map, of features with a mean square of 1
SETTLED = 0.995  # share of the loss before, above which a round ends
SHRUNK = 0.97  # share of the scale before, above which no other round follows
FAR = 2.0  # s, in standard deviations of normal errors with their median
NORMAL = 0.6745  # median of the size of a standard normal number
LEAST_MEDIAN = 0.5  # grey levels, of errors, which rounding leaves


class MappedPicture(NamedTuple):
    """What is seen of G(z), mapped to be like a picture, in grey levels."""

    x: np.ndarray  # (latent + 8,), z and the parameters of the homography
    weights: np.ndarray  # (features, channels), the map
    view: View
    features: np.ndarray  # (features, counted pixels)
    picture: np.ndarray  # (counted pixels, channels)
    rest: np.ndarray  # (counted pixels, channels), of the target

    @property
    def median(self) -> float:
        """Of the size of what is left, no less than rounding leaves."""
        return max(float(np.median(np.abs(self.rest))), LEAST_MEDIAN)

    @property
    def scale(self) -> float:
        """s of the loss."""
        return FAR * self.median / NORMAL


def fit_flexible(views: Views, x: np.ndarray) -> MappedPicture | None:
    """Return the end of the fit that begins at x (n,); None if too little is seen there."""
    features = Features(views.renderer.generator.image_shape)
    best = _map(views, features, x, None, None)
    steps = STEPS
    while best is not None and steps > 0:
        end, used = _descend(views, features, best, min(ROUND, steps))
        is_settled = not used or end.scale > SHRUNK * best.scale
        best, steps = end, steps - max(used, 1)
        if is_settled:
            break
    return best


def differentiate_map(views: Views, end: MappedPicture) -> list[np.ndarray]:
    """Return the weighted derivatives (n, counted pixels) by x, without what the map can follow.

    One array for each channel.
    """
    features = Features(views.renderer.generator.image_shape)
    return [columns for columns, _ in _project(views, features, end, end.scale)]


def _descend(
    views: Views, features: Features, start: MappedPicture, steps: int
) -> tuple[MappedPicture, int]:
    """Return the end of a descent with the scale at its start, and how many steps it took."""
    scale, ends = start.scale, {start.x.tobytes(): start}

    def evaluate(x: np.ndarray) -> Point:
        end = ends.get(x.tobytes()) or _map(views, features, x, start.weights, scale)
        if end is None:
            return refuse(x)
        ends[x.tobytes()] = end
        squares = (end.rest / scale) ** 2
        prior, slope, curvature = views.weigh_prior(x)

        def linearise() -> tuple[np.ndarray, np.ndarray]:
            gradient, normal = PRIOR * slope, PRIOR * np.diag(curvature)
            for columns, rest in _project(views, features, end, scale):
                gradient = gradient - columns @ rest / squares.size / scale**2
                normal = normal + columns @ columns.T / squares.size / scale**2
            return gradient, normal

        return Point(x, float(np.mean(squares / (1 + squares))) + PRIOR * prior, linearise)

    taken: list[float] = []

    def is_enough(losses: list[float]) -> bool:
        taken[:] = losses
        return len(losses) > 1 and losses[-1] > SETTLED * losses[-2]

    low, high = views.bounds
    end, _ = minimise_squares(
        evaluate, start.x, low, high, steps=steps, damping=DAMPING, is_enough=is_enough
    )
    return ends[end.x.tobytes()], len(taken) - 1


def _map(
    views: Views,
    features: Features,
    x: np.ndarray,
    weights: np.ndarray | None,
    scale: float | None,
) -> MappedPicture | None:
    """Return the best map at x, from the weights of another one, with a scale of its errors.

    By default, from that of least squares, with the scale of its errors.
    """
    view = views.see(x)
    if view is None:
        return None
    values = features.compute(view.seen)[:, view.counted]
    wanted = views.target[view.counted]
    first = _solve(values, wanted, np.ones_like(wanted)) if weights is None else weights
    end = _compare(x, view, values, wanted, first)
    for _ in range(MAP_ROUNDS):
        errors = end.rest / (scale or end.scale)
        again = _solve(values, wanted, 1 / (1 + errors**2) ** 2)
        end = _compare(x, view, values, wanted, again)
    return end


def _compare(
    x: np.ndarray, view: View, values: np.ndarray, wanted: np.ndarray, weights: np.ndarray
) -> MappedPicture:
    mapped = values.T @ weights
    beyond = ((wanted <= 0) & (mapped < 0)) | ((wanted >= WHITE) & (mapped > WHITE))
    return MappedPicture(x, weights, view, values, mapped, np.where(beyond, 0.0, wanted - mapped))


def _solve(values: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the map (features, channels) with the least weighted squares."""
    scaled, sizes = _scale(values)
    solved = [
        np.linalg.solve(_gram(scaled, weight), (scaled * weight) @ channel)
        for channel, weight in zip(wanted.T, weights.T, strict=True)
    ]
    return np.asarray(np.stack(solved, 1) / sizes[:, None])


def _project(
    views: Views, features: Features, end: MappedPicture, scale: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weighted derivatives (n, pixels) without the map, and errors (pixels,), by channel."""
    derivatives = views.differentiate(end.x, end.view)
    moved = features.differentiate(end.view.seen, derivatives, end.weights)[:, end.view.counted]
    scaled, _ = _scale(end.features)
    found = []
    for channel in range(end.rest.shape[1]):
        rest = end.rest[:, channel]
        weight = 1 / (1 + (rest / scale) ** 2) ** 2
        root = np.sqrt(weight)
        columns, followed = moved[..., channel] * root, scaled * root
        along = np.linalg.solve(_gram(scaled, weight), followed @ columns.T)
        found.append((columns - along.T @ followed, rest * root))
    return found


def _scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features with a mean square of 1, and their sizes before."""
    sizes = np.sqrt(np.mean(values**2, 1)).clip(1e-9, None)
    return values / sizes[:, None], sizes


def _gram(scaled: np.ndarray, weight: np.ndarray) -> np.ndarray:
    gram = (scaled * weight) @ scaled.T
    return np.asarray(gram + RIDGE * weight.sum() * np.eye(len(gram)))
