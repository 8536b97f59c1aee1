"""Refine z in float64, and test whether the result is a minimum.

An image outside the generator's range leaves a residual. Then the minima of ‖G(z) − x‖² lie at
kinks: z at which ReLUs switch. The gradient jumps there and does not go to 0. So the test uses the
gradients in a small ball around z: if 0 is a convex combination of them, no direction leads down
(Goldstein 1977; Burke, Lewis & Overton 2005). The shortest convex combination of 200 gradients is
never exactly 0. On the shipped generator it is .98 of their mean length at random z, and at most
.06 at the z that the solver returns. More gradients only make it shorter, so a part of them is
tried first; that part is enough if the loss is smooth. If rounding the image to 8 bits explains
the loss, z is right, and nothing is tested. These gradients are always float32. The loss at z is
float64 for a generator of layers; other generators are refined to the last digits of float32.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.generator import Generator, compute_jacobian
from ganinv_cli.generators.network.layers import MAX_SQUARE_LATENT
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.refine import Refined
from ganinv_cli.inversion.refine.least_squares import Point, find_free, minimise_squares
from ganinv_cli.inversion.refine.refinement import FLOAT64_COST, find_limits
from ganinv_cli.outcome import Outcome
from ganinv_cli.results.statistics import rounding_residual

SUM_WEIGHT = 1e3  # weight of the equation Σ sᵢ = 1 relative to the equations of the gradients
LOSS_ROUNDING = 1e-5  # relative rounding error of an image loss in float32
FIRST_SHARE = 1 / 8  # share of the points around z that are tried before the others
_TINY = 1e-300  # least denominator


@dataclass(frozen=True)
class MinimumTest:
    """Gauss–Newton, then the test for a minimum."""

    radius: float = 1e-2  # of the ball, in z
    level: float = 0.1  # largest steepness of a minimum
    steps: int = 10  # of Gauss–Newton
    explained: float = 1e-6  # image loss that is not tested, if rounding to 8 bits allows less

    def compile_for(self, generator: Generator, mask: np.ndarray | None = None) -> "MinimumTester":
        """Return the test for images of one generator, without what it knows of earlier runs."""
        tester = generator.reuse(MinimumTester, self, mask)
        tester.latest = None
        return tester


class MinimumTester:
    """The test for one generator, compiled once; `MinimumTest.compile_for` makes it."""

    def __init__(
        self, generator: Generator, settings: MinimumTest, mask: np.ndarray | None
    ) -> None:
        self._settings, self._generator = settings, generator
        self._mask = None if mask is None else mask.astype(np.float64)
        self._loss_and_gradient = _compile_loss_and_gradient(generator, self._mask)
        points = 2 * min(generator.latent, MAX_SQUARE_LATENT)
        shape = (points, max(points, generator.latent))
        directions = np.random.default_rng(0).standard_normal(shape)[:, : generator.latent]
        lengths = np.linalg.norm(directions, axis=1, keepdims=True)
        self._offsets = settings.radius * directions / lengths
        # the latest image and label, z, and JᵀJ there
        self.latest: tuple[tuple[bytes, int], np.ndarray, np.ndarray] | None = None

    def __call__(self, z: np.ndarray, target: np.ndarray, rule: str, label: int = -1) -> Refined:
        """Refine one z (latent,) for its target (height, width, channels) and test the result.

        Pixels of the target that are NaN do not count.
        """
        low, high = find_limits(self._generator.prior, rule)
        z = np.clip(z.astype(np.float64), low, high)  # a start without success may end outside
        if not np.isfinite(z).all():
            return Refined(z)
        z, loss, gradient, spent = self._run_gauss_newton(z, target, label, low, high)
        counted = np.isfinite(target) & (True if self._mask is None else self._mask > 0)
        if loss <= max(self._settings.explained, rounding_residual(int(counted.sum()))):
            return Refined(z, loss, gradients=spent, outcome=Outcome.converged)
        inside = (z > low) & (z < high)
        points = np.clip(np.where(inside, z + self._offsets, z), low, high)
        first = max(1, round(FIRST_SHARE * len(points)))
        gradients, least = gradient[None], np.inf
        for part in (points[:first], points[first:]):
            losses, others = self.evaluate(part, target, label)
            spent += len(others)
            gradients, least = np.vstack([gradients, others]), min(least, losses.min())
            if not np.isfinite(gradients).all():
                return Refined(z, loss, gradients=spent)
            free = gradients[:, find_free(z, gradients.mean(0), low, high)]
            norm = float(np.linalg.norm(shortest_combination(free)))
            steepness = norm / max(float(np.linalg.norm(free, axis=1).mean()), _TINY)
            lower = least < loss * (1 - LOSS_ROUNDING)  # at a ridge the combination is also 0
            minimum = steepness <= self._settings.level and not lower
            if minimum:
                break
        outcome = Outcome.converged if minimum else Outcome.stalled
        return Refined(z, loss, norm, steepness, spent, outcome=outcome)

    def evaluate(
        self, z: np.ndarray, target: np.ndarray, label: int = -1, precision: str = "float32"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return image losses (points,) and gradients (points, latent) at some z, in blocks."""
        rows = self._generator.max_rows
        blocks = []
        for first in range(0, len(z), rows):
            part = z[first : first + rows].astype(precision)
            images = np.broadcast_to(target.astype(precision), (len(part), *target.shape))
            blocks.append(self._loss_and_gradient(part, images, label))
        losses, gradients = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return losses, gradients

    def _run_gauss_newton(
        self, z: np.ndarray, target: np.ndarray, label: int, low: float, high: float
    ) -> tuple[np.ndarray, float, np.ndarray, float]:
        """Run Gauss–Newton with one JᵀJ; return z, loss, gradient and the gradients spent."""
        gram, spent = self._find_gram(z, target, label)

        def evaluate(z: np.ndarray) -> Point:
            losses, gradients = self.evaluate(z[None], target, label, "float64")
            slope = gradients[0] / 2
            return Point(z, float(losses[0]), lambda: (slope, gram))

        steps = self._settings.steps if np.isfinite(gram).all() else 0
        end, evaluations = minimise_squares(evaluate, z, low, high, steps=steps)
        slope, _ = end.linearise()
        return end.x, end.loss, 2 * slope, spent + FLOAT64_COST * evaluations

    def _find_gram(self, z: np.ndarray, target: np.ndarray, label: int) -> tuple[np.ndarray, float]:
        """Return JᵀJ (latent, latent), and the gradients that it cost.

        Starts of one image often end at one z. J at the latest one serves others within the radius:
        Gauss–Newton ends where the gradient does, whatever J is.
        """
        picture = target.tobytes(), label
        if self.latest is not None:
            latest_picture, latest_z, gram = self.latest
            if picture == latest_picture and np.linalg.norm(z - latest_z) <= self._settings.radius:
                return gram, 0.0
        jacobian = compute_jacobian(self._generator, z, label, mask=self._mask)
        jacobian[:, np.isnan(target).ravel()] = 0
        jacobian = tf.constant(jacobian, tf.float64)  # of TensorFlow, which shares its threads
        gram = tf.matmul(jacobian, jacobian, transpose_b=True).numpy()
        self.latest = picture, z, gram
        return gram, self._generator.jacobian_gradients


def shortest_combination(gradients: np.ndarray) -> np.ndarray:
    """Return Σ sᵢ gᵢ (free,) of least norm over sᵢ ≥ 0, Σ sᵢ = 1, for gradients (n, free)."""
    from scipy.optimize import nnls  # here: slow to import

    scale = np.abs(gradients).max(initial=0.0)
    if scale == 0:
        return np.zeros(gradients.shape[1])
    equations = np.vstack([gradients.T / scale, np.full(len(gradients), SUM_WEIGHT)])
    right_side = np.zeros(len(equations))
    right_side[-1] = SUM_WEIGHT
    shares, _ = nnls(equations, right_side)
    return np.asarray(shares / shares.sum() @ gradients)


def _compile_loss_and_gradient(
    generator: Generator, mask: np.ndarray | None
) -> Callable[[np.ndarray, np.ndarray, int], tuple[tf.Tensor, tf.Tensor]]:
    """From z (batch, latent), targets and a label to image loss (batch,) and gradient."""

    def evaluate(z: tf.Tensor, targets: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        zeros = tf.zeros(tf.shape(z)[0], z.dtype)
        cast_mask = None if mask is None else tf.cast(mask, z.dtype)
        labels = tf.fill([tf.shape(z)[0]], label)
        problem = Problem(generator, targets, zeros, zeros, mask=cast_mask, labels=labels)
        evaluation = problem.evaluate(z)
        return evaluation.image_loss, evaluation.gradient

    def compile_for(precision: str) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        signature = [
            tf.TensorSpec([None, generator.latent], precision),
            tf.TensorSpec([None, *generator.image_shape], precision),
            tf.TensorSpec([], tf.int32),
        ]
        return tf.function(evaluate, signature, autograph=False)  # type: ignore[no-any-return]

    compiled = {precision: compile_for(precision) for precision in ("float32", "float64")}
    return lambda z, targets, label: compiled[z.dtype.name](z, targets, label)
