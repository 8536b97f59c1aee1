"""Fit z and a homography to a picture by its local structure, whatever was done to its colours.

The mean of each neighbourhood is taken away, and what is left is divided by its standard deviation
there: what tone, contrast, a filter of colours or a shade leave of a picture is nearly the same.
"""

import numpy as np
from scipy import ndimage

from ganinv_cli.inversion.polish.least_squares import Point, minimise_squares
from ganinv_cli.reenact.flexible.views import Views, refuse

COARSE, FINE = 2, 4  # sides of a picture over those of a neighbourhood
LEAST_DEVIATION = 4.0  # grey levels, which is added to that of a neighbourhood
STEPS = 10
DAMPING = 1e-2  # relative to the diagonal of the normal equations
PRIOR = 3e-3  # weight of the mean of (z / deviation)²
SETTLED = 0.98  # share of the loss before, above which the fit ends

_Normalised = tuple[np.ndarray, np.ndarray, np.ndarray]  # what `_normalise` returns


def fit_normalised(views: Views, x: np.ndarray, divisor: int) -> tuple[np.ndarray, float]:
    """Return x (n,) and the loss of the fit that begins at x: about 0 to 2, the square of it.

    A neighbourhood is a square of the picture's height over `divisor`. If too little is seen at x,
    return it with an infinite loss.
    """
    side = _find_side(views.target, divisor)
    wanted = normalise(views.target, divisor)

    def evaluate(x: np.ndarray) -> Point:
        view = views.see(x)
        if view is None:
            return refuse(x)
        normalised = _normalise(view.seen, side)
        rest = (normalised[0] - wanted)[view.counted].ravel()
        prior, slope, curvature = views.weigh_prior(x)

        def linearise() -> tuple[np.ndarray, np.ndarray]:
            changed = _differentiate(normalised, views.differentiate(x, view), side)
            columns = changed[:, view.counted].reshape(len(x), -1)
            normal = (columns @ columns.T).astype(np.float64) / rest.size
            normal[np.diag_indices(len(x))] += PRIOR * curvature
            return columns @ rest / rest.size + PRIOR * slope, normal

        return Point(x, float(np.mean(rest**2)) + PRIOR * prior, linearise)

    def is_enough(losses: list[float]) -> bool:
        return not np.isfinite(losses[0]) or (len(losses) > 1 and losses[-1] > SETTLED * losses[-2])

    low, high = views.bounds
    end, _ = minimise_squares(
        evaluate, x, low, high, steps=STEPS, damping=DAMPING, is_enough=is_enough
    )
    return end.x, end.loss


def normalise(picture: np.ndarray, divisor: int) -> np.ndarray:
    """Return a picture (height, width, channels) without local means, over local deviations."""
    return _normalise(picture, _find_side(picture, divisor))[0]


def measure_detail(views: Views, divisor: int) -> float:
    """Return the mean square of the normalised picture: 0 without detail, at most about 1."""
    return float(np.mean(normalise(views.target, divisor)[views.counted] ** 2))


def _find_side(picture: np.ndarray, divisor: int) -> int:
    """Return the side of a neighbourhood in pixels, which is odd."""
    return int(picture.shape[0] // divisor | 1)


def _normalise(picture: np.ndarray, side: int) -> _Normalised:
    """Return a picture normalised, without the local mean, and the local standard deviation."""
    centred = picture - _average(picture, side)
    variance = _average(centred**2, side).clip(0)
    deviation = np.sqrt(variance + LEAST_DEVIATION**2)
    return centred / deviation, centred, deviation


def _differentiate(normalised: _Normalised, derivatives: np.ndarray, side: int) -> np.ndarray:
    """Return the derivatives of a normalised picture, from those of the picture (n, …)."""
    _, centred, deviation = (each.astype(np.float32) for each in normalised)
    moved = derivatives - _average(derivatives, side)
    spread = _average(centred * moved, side)
    return np.asarray((moved - centred / deviation**2 * spread) / deviation)


def _average(pictures: np.ndarray, side: int) -> np.ndarray:
    """Return the local means of pictures (..., height, width, channels); edges are repeated."""
    size = *(1,) * (pictures.ndim - 3), side, side, 1
    return np.asarray(ndimage.uniform_filter(pictures, size, mode="nearest"))
