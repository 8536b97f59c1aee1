"""Parts of a picture that no z explains and that lie together: text, a sticker, a margin."""

import numpy as np
from scipy import ndimage

from ganinv_cli.reenact.chain import Chain, Storage
from ganinv_cli.reenact.fit import STEEP, Renderer, fit

ROUNDS = 8  # of weights, each from the errors before
EVALUATIONS = 2  # of a round
PASSES = 3  # of fits to the pixels that are not left out
FITTING = 4  # evaluations of each
SPREAD = 3  # pixels of a side, over which errors are averaged
FIRST_SCALE = 2.0  # of the weights, over the median error; it is halved each round
LEAST_SCALE = 2.0  # grey levels
FAR = 4.0  # times the median error, from which a pixel is left out
LEAST_FAR = 3.0  # grey levels
STEADY = 0.9  # share of the median error of two rounds before, above which the rounds end
LARGE = 2.0  # median error in grey levels, beyond that of the storage, of no such picture


def fit_without_region(
    renderer: Renderer,
    storage: Storage,
    counted: np.ndarray,
    z: np.ndarray,
    fewest: float,
    error: float = 0.0,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return z and the pixels (height, width) that it explains, if others lie together.

    Errors are weighted as 1 / (1 + (e / s)²)² (Geman & McClure 1987), with smaller and smaller s;
    `error` is that of how the picture was stored, in grey levels. None: fewer than `fewest` pixels
    are explained, or all.
    """
    chain, none = Chain((), storage), np.zeros(0)
    medians: list[float] = []
    for number in range(ROUNDS):
        errors = _spread_errors(storage, renderer.render(z))
        median = float(np.median(errors[counted]))
        if len(medians) > 1 and median > STEADY * medians[-2]:
            if median > LARGE + error:
                return None
            break
        medians.append(median)
        scale = max(FIRST_SCALE * medians[0] / 2**number, LEAST_SCALE, median)
        weights = 1 / (1 + (errors / scale) ** 2) ** 2
        z = fit(renderer, chain, z, none, counted, EVALUATIONS, weights=weights).z
    kept = counted
    for _ in range(PASSES):  # the right z shows where the edges of a region are
        errors = _spread_errors(storage, renderer.render(z))
        limit = max(FAR * float(np.median(errors[kept])), LEAST_FAR)
        left_out = ndimage.binary_dilation(errors > limit) & counted
        kept = counted & ~left_out
        if not left_out.any() or kept.sum() < fewest:
            return None
        z = fit(renderer, chain, z, none, kept, FITTING, steep=np.inf if error else STEEP).z
    return z, kept


def _spread_errors(storage: Storage, picture: np.ndarray) -> np.ndarray:
    """Return the RMS error (height, width) around each pixel, over the channels."""
    everywhere = np.ones(picture.shape[:2], np.bool_)
    squares = storage.subtract(picture, everywhere).reshape(*everywhere.shape, -1) ** 2
    means = ndimage.uniform_filter(squares.mean(-1), SPREAD, mode="nearest")
    return np.asarray(np.sqrt(means.clip(0)))  # the filter's running sum may end below 0
