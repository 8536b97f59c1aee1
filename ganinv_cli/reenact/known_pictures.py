"""Pictures of known origin: a generator's own ones, and some that it did not make."""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ganinv_cli import cache
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.siblings import make_sibling
from ganinv_cli.images import to_pixels
from ganinv_cli.inversion.objective.ground_truth import draw_z
from ganinv_cli.inversion.randomness import Purpose
from ganinv_cli.progress.measurements import count_steps
from ganinv_cli.reenact.chain import Chain, Fit, Own
from ganinv_cli.reenact.fit import Renderer, fit
from ganinv_cli.reenact.pixels import round_to_pixels, to_grey_levels
from ganinv_cli.reenact.stages.eight_bits import EightBits

DRAWS = 64  # own pictures on which limits are measured, if they are small
MIN_DRAWS = 8
MAX_VALUES = 2**24  # of all these pictures together
MAX_MULTIPLY_ADDS = 2**38  # for all these pictures together
VERSION = 3  # of the errors of strangers; a new number invalidates kept measurements
STRANGERS = 8  # averages of two, whose errors are kept
EVALUATIONS = 15  # of each fit, which begins at the mean of both z
SHARES = 0.95, 0.9, 0.8, 0.65, 0.5  # of the first of two pictures in an average
FAR_SHARES = 0.65, 0.5  # that neither an edit nor a JPEG hides
NOISES = 0.03, 0.1, 0.3  # of the weights of siblings
FAR_NOISES = 0.1, 0.3  # that neither hides


class OwnDraws(Own):
    """Own pictures of a generator, computed when a limit asks for them."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    @cached_property
    def z(self) -> np.ndarray:
        """(n, latent) float64, of the draws."""
        generator = self.renderer.generator
        count = count_affordable(generator, DRAWS)
        return draw_z(generator, Purpose.copies, np.arange(count)).astype(np.float64)

    @property
    def draws(self) -> np.ndarray:
        return self.renderer.generator.reuse(_render_draws)

    @property
    def rounding(self) -> float:
        return self.renderer.generator.reuse(_measure_rounding)

    def differentiate(self, end: Fit) -> np.ndarray:
        picture, jacobian = self.renderer.render(end.z), self.renderer.compute_jacobian(end.z)
        return end.chain.differentiate(picture, jacobian, end.parameters)


def _render_draws(generator: Generator, most: int = DRAWS) -> np.ndarray:
    return to_grey_levels(render_draws(generator, most))


def _measure_rounding(generator: Generator) -> float:
    """Return the mean squared error of pixels of the worst draw."""
    exact = render_draws(generator, MIN_DRAWS, "float64")
    errors = render_draws(generator, MIN_DRAWS) - exact
    return float(np.mean(errors**2, (1, 2, 3)).max())


def count_affordable(generator: Generator, most: int) -> int:
    """Return how many draws are rendered: fewer if they are large or slow to compute."""
    values = int(np.prod(generator.image_shape))
    affordable = min(MAX_VALUES // values, MAX_MULTIPLY_ADDS // max(1, generator.multiply_adds))
    return min(most, max(MIN_DRAWS, affordable))


def render_draws(generator: Generator, most: int, precision: str = "float32") -> np.ndarray:
    """Return pictures of draws from the prior in [−1, 1], of all labels in turn."""
    numbers = np.arange(count_affordable(generator, most))
    labels = numbers % generator.labels if generator.labels else None
    z = draw_z(generator, Purpose.copies, numbers)
    return generator.render(z, min(len(z), MIN_DRAWS), precision, labels)


class Stranger(NamedTuple):
    """A picture that a generator did not make."""

    pixels: np.ndarray  # (height, width, channels) uint8
    z: np.ndarray  # (latent,), of an own picture that it is like
    is_far: bool  # whether neither an edit nor a JPEG makes it look like an own picture


def make_strangers(generator: Generator, count: int, *, far_alone: bool) -> Iterator[Stranger]:
    """Yield averages of two own pictures, two halves, and pictures of generators of near weights.

    With `far_alone`, only those that neither an edit nor a JPEG hides. Pictures of a conditional
    generator have label 0.
    """
    random, z = np.random.default_rng(2), _draw_pairs(generator, count)
    shares, noises = (FAR_SHARES, FAR_NOISES) if far_alone else (SHARES, NOISES)
    siblings = [make_sibling(generator, noise, random) for noise in noises]
    half = generator.image_shape[1] // 2
    for number, pair in enumerate(z):
        one, other = to_pixels(generator.render(pair, 2))
        kind, turn = number % 4, number // 4
        share, noise = shares[turn % len(shares)], noises[turn % len(noises)]
        sibling = siblings[turn % len(noises)] if kind == 3 else None
        if kind == 2:
            halves = np.concatenate([one[:, :half], other[:, half:]], 1)
            yield Stranger(halves, pair[0], is_far=True)
        elif sibling is not None:
            pixels = to_pixels(sibling.render(pair[:1], 1))[0]
            yield Stranger(pixels, pair[0], noise in FAR_NOISES)
        else:
            average = round_to_pixels(share * one + (1 - share) * other)
            yield Stranger(average, pair[0], share in FAR_SHARES)


def _draw_pairs(generator: Generator, count: int) -> np.ndarray:
    """Return z (count, 2, latent) float64."""
    z = draw_z(generator, Purpose.strangers, np.arange(2 * count))
    return z.reshape(count, 2, -1).astype(np.float64)


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
    counted = np.ones(generator.image_shape[:2], np.bool_)
    if mask is not None:
        counted = mask[..., 0].astype(np.bool_)
    prior, errors = generator.prior, []
    renderer = Renderer(generator, 0 if generator.labels else -1, prior.low, prior.high)
    pairs = [*_draw_pairs(generator, STRANGERS)]
    for pair in count_steps(pairs, "fitting {} pictures that no z makes"):
        average = np.mean([renderer.render(z) for z in pair], axis=0)
        chain = Chain((), EightBits(round_to_pixels(average)))
        end = fit(renderer, chain, pair.mean(axis=0), chain.start, counted, EVALUATIONS)
        errors.append(end.excess)
    return np.sort(errors)
