"""How near a generator comes to pictures that it did not make: averages of two of its own."""

import hashlib

import numpy as np

from ganinv_cli import cache
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.ground_truth import draw_z
from ganinv_cli.inversion.randomness import Purpose
from ganinv_cli.progress.measurements import count_steps
from ganinv_cli.reenact.changes import Change
from ganinv_cli.reenact.fit import Renderer, fit
from ganinv_cli.reenact.resampling import Resizing
from ganinv_cli.reenact.storage import Pixels, round_to_pixels

VERSION = 2  # of this method; a new number invalidates kept measurements
STRANGERS = 8
EVALUATIONS = 15  # of each fit, which begins at the mean of both z


def find_stranger_errors(generator: Generator, mask: np.ndarray | None) -> np.ndarray:
    """Return the errors of `measure_stranger_errors`, which are kept between commands."""
    mask_hash = "" if mask is None else hashlib.sha256(mask.tobytes()).hexdigest()
    inputs = VERSION, generator.sha256, generator.prior, STRANGERS, mask_hash
    arrays = cache.measure_once(
        "strangers", lambda: {"rmse": measure_stranger_errors(generator, mask)}, *inputs
    )
    return arrays["rmse"]


def measure_stranger_errors(generator: Generator, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the RMSE of fits to averages of two draws, ascending: float64 (strangers,).

    In grey levels, over the pixels that count by the mask (height, width, 1). Both draws of a
    conditional generator have label 0.
    """
    draws = draw_z(generator, Purpose.strangers, np.arange(2 * STRANGERS))
    pairs = draws.reshape(STRANGERS, 2, generator.latent)
    shape = generator.image_shape
    counted = np.ones(shape[:2], np.bool_) if mask is None else mask[..., 0].astype(np.bool_)
    prior = generator.prior
    renderer = Renderer(generator, 0 if generator.labels else -1, prior.low, prior.high)
    change = Change(Resizing(shape))
    errors = []
    for pair in count_steps([*pairs.astype(np.float64)], "fitting {} pictures that no z makes"):
        average = np.mean([renderer.render(z) for z in pair], axis=0)
        storage = Pixels(round_to_pixels(average))
        start = pair.mean(axis=0)
        end = fit(renderer, change, storage, start, change.start, counted, EVALUATIONS)
        errors.append(end.excess)
    return np.sort(errors)
