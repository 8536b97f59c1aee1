"""When what a flexible fit leaves is an edit of an own picture: quantiles of known pictures.

Own pictures under random edits, and strangers, are fitted as a picture of unknown origin is. The
rule is linear in the logarithms of traits, and refuses nineteen of twenty of these strangers. They
are near ones, mixtures of own pictures and pictures of near weights: others are refused more often.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from ganinv_cli import cache
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import to_pixels
from ganinv_cli.inversion.objective.ground_truth import draw_z
from ganinv_cli.inversion.randomness import Purpose
from ganinv_cli.precision import Dtype
from ganinv_cli.progress.measurements import count_steps
from ganinv_cli.reenact.chain import Chain
from ganinv_cli.reenact.fit import STEEP, Renderer, fit
from ganinv_cli.reenact.flexible.attempts import (
    TRAITS,
    Attempt,
    Traits,
    iterate_attempts,
)
from ganinv_cli.reenact.flexible.own_pictures import OwnPictures, measure_own_pictures
from ganinv_cli.reenact.flexible.random_edits import edit_at_random, store_at_random
from ganinv_cli.reenact.flexible.views import Views
from ganinv_cli.reenact.known_pictures import make_strangers
from ganinv_cli.reenact.stages.eight_bits import EightBits
from ganinv_cli.results import statistics

VERSION = 3  # of this method; a new number invalidates kept measurements
OWN = 40  # own pictures, each edited, of each class
STRANGERS = 40
RIGHT_SHARE = 0.5  # of the distance of two draws, within which z is right
SCORE_QUANTILE = 0.95  # of strangers, which a rule refuses; most others are less like own ones
MIN_POWER = 0.3  # share of own pictures that a rule must accept, or it accepts none
SMALLEST_DEVIATION = 1e-6  # of a trait, whose deviation it is divided by
EVALUATIONS = 4  # of the fit without a map


class Rule(NamedTuple):
    """What traits must be for an edit."""

    direction: np.ndarray  # (TRAITS,), of the logarithms of the traits
    limit: float  # of their sum times the direction; more is an edit
    power: float  # share of own pictures that it accepts

    def accepts(self, traits: Traits) -> bool:
        """Return whether traits are those of an edit."""
        return self.power >= MIN_POWER and float(traits.logarithms @ self.direction) > self.limit


class Case(NamedTuple):
    """A picture of known origin."""

    pixels: np.ndarray  # (height, width, channels) uint8
    start: np.ndarray  # (latent,), near the best z without a map
    z: np.ndarray | None  # the one that made it; None: a stranger


def find_rule(generator: Generator, step_precision: Dtype, *, is_jpeg: bool) -> Rule:
    """Return the rule for pictures as JPEG or not, which is kept between commands.

    J is computed in a precision, which makes no difference that counts.
    """
    inputs = VERSION, generator.sha256, generator.prior, OWN, STRANGERS, is_jpeg

    def measure() -> cache.Arrays:
        return _to_arrays(measure_rule(generator, step_precision, is_jpeg=is_jpeg))

    arrays = cache.measure_once("edits", measure, *inputs)
    limit, power = arrays["limits"].tolist()
    return Rule(arrays["direction"], limit, power)


def measure_rule(generator: Generator, step_precision: Dtype, *, is_jpeg: bool) -> Rule:
    """Return the rule from pictures that are fitted now."""
    prior, own = generator.prior, generator.reuse(measure_own_pictures)
    label = 0 if generator.labels else -1
    renderer = Renderer(generator, label, prior.low, prior.high, step_precision=step_precision)
    distance = statistics.expected_distance(generator.latent, prior) * generator.latent
    fitted: list[list[tuple[Traits, bool]]] = []  # of each picture, and whether its z is right
    cases = [*edit_own(generator, is_jpeg=is_jpeg), *edit_strangers(generator, is_jpeg=is_jpeg)]
    for case in count_steps(cases, "fitting edits to {} pictures of known origin"):
        fitted.append([])
        for attempt in _fit_case(renderer, case, own):
            error = np.inf
            if case.z is not None:
                error = float(np.linalg.norm(attempt.end.x[: generator.latent] - case.z))
            fitted[-1].append((attempt.traits, error < RIGHT_SHARE * distance))
            if fitted[-1][-1][1]:
                break
    return find_limits(fitted[:OWN], fitted[OWN:])


def edit_own(generator: Generator, *, is_jpeg: bool) -> Iterator[Case]:
    """Yield own pictures after random edits."""
    random, z = np.random.default_rng(1), _draw(generator, OWN, 2)
    for each, pixels in zip(z, _render(generator, z), strict=True):
        edited = edit_at_random(pixels, random)
        yield Case(store_at_random(edited, random) if is_jpeg else edited, each, each)


def edit_strangers(generator: Generator, *, is_jpeg: bool) -> Iterator[Case]:
    """Yield strangers, of which some are edited too.

    One that is too near is not: no one can tell it from an own picture then.
    """
    random = np.random.default_rng(2)
    for number, stranger in enumerate(make_strangers(generator, STRANGERS, far_alone=is_jpeg)):
        pixels = stranger.pixels
        if stranger.is_far and number // 8 % 2:
            pixels = edit_at_random(pixels, random)
        yield Case(store_at_random(pixels, random) if is_jpeg else pixels, stranger.z, None)


def _fit_case(renderer: Renderer, case: Case, own: OwnPictures) -> Iterator[Attempt]:
    """Yield the fits of a picture."""
    shape = renderer.generator.image_shape
    counted, chain = np.ones(shape[:2], np.bool_), Chain((), EightBits(case.pixels))
    given = case.start, chain.start, counted, EVALUATIONS
    plain = fit(renderer, chain, *given, steep=STEEP)
    views = Views(renderer, case.pixels.astype(np.float64), counted)
    yield from iterate_attempts(views, plain.z, plain.excess, own)


def find_limits(
    own: Sequence[Sequence[tuple[Traits, bool]]], strangers: Sequence[Sequence[tuple[Traits, bool]]]
) -> Rule:
    """Return the rule from the fits of each own picture, and whether its z is right, and others."""
    every = [each for fits in (*own, *strangers) for each in fits]
    right, wrong = (
        np.array([traits.logarithms for traits, is_right in every if is_right == wanted])
        for wanted in (True, False)
    )
    if len(right) < MIN_POWER * len(own):
        return Rule(np.zeros(TRAITS), np.inf, 0.0)
    direction = _separate(right, wrong) if len(wrong) else np.zeros(TRAITS)

    def find_score(fits: Sequence[tuple[Traits, bool]], wanted: bool) -> float:
        """Return the best score of a picture; -inf: it has none."""
        scores = [float(traits.logarithms @ direction) for traits, right in fits if right == wanted]
        return max(scores, default=-np.inf)

    refused = [find_score(fits, False) for fits in strangers]
    limit = float(np.quantile(refused, SCORE_QUANTILE, method="lower"))
    power = np.mean([find_score(fits, True) > limit for fits in own])
    return Rule(direction, limit, float(power))


def _separate(right: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Return the direction (n,) that separates vectors (m, n) of two kinds: logistic regression."""
    from scipy.optimize import minimize  # here: slow to import

    vectors = np.concatenate([right, wrong])
    sizes = vectors.std(0) + SMALLEST_DEVIATION
    scaled = (vectors - vectors.mean(0)) / sizes
    signs = np.repeat([1.0, -1.0], [len(right), len(wrong)])

    def evaluate(weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss of weights and of an offset (n + 1,), and its slope."""
        margins = signs * (scaled @ weights[:-1] + weights[-1])
        slope = np.append(weights[:-1], 0.0)
        pulls = signs * expit(-margins)
        slope -= np.append(pulls @ scaled, pulls.sum())
        loss = np.logaddexp(0, -margins).sum() + np.sum(weights[:-1] ** 2) / 2
        return float(loss), slope

    found = minimize(evaluate, np.zeros(scaled.shape[1] + 1), jac=True, method="L-BFGS-B")
    return np.asarray(found.x[:-1] / sizes)


def _to_arrays(rule: Rule) -> cache.Arrays:
    limits = np.array([rule.limit, rule.power])
    return {"limits": limits, "direction": rule.direction}


def _draw(generator: Generator, count: int, stream: int) -> np.ndarray:
    """Return draws of z (count, latent) float64; those of a stream are the same."""
    return draw_z(generator, Purpose.edits, np.arange(count), stream).astype(np.float64)


def _render(generator: Generator, z: np.ndarray) -> np.ndarray:
    """Return the pictures of z (n, latent), uint8 (n, height, width, channels)."""
    return to_pixels(generator.render(z, 8))
