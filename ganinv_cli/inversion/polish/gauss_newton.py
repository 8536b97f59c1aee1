"""Gauss–Newton with one J: z <- z − (JᵀJ)⁻¹ Jᵀ r while this lowers ‖r‖², r = G(z) − x.

J is computed once, near the solution, and the gradient at every step. So the descent ends where the
gradient does, whatever J is, and one J serves all starts of an image that are near one another.
Near a z without residual, J in float32 is enough for full float64 accuracy.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import RULES
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.local_model import compute_counted_jacobian
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.polish import Polished
from ganinv_cli.inversion.polish.least_squares import Point, compute_gram, minimise_squares
from ganinv_cli.outcome import Outcome
from ganinv_cli.precision import Dtype
from ganinv_cli.prior import Prior
from ganinv_cli.results.statistics import POLISHED_EPSILON

FLOAT64_COST = 5.0  # of a float64 gradient, in float32 gradients, in batches on the CPU
STEPS = 10
ATTEMPTS = 5  # to find the damping of a step that lowers the loss
DAMPING = 1e-4  # at first, relative to the diagonal of JᵀJ
ROUNDING = 1e-28  # squared error of a pixel that float64 may leave
JACOBIANS = 2  # at most, for all digits of z: the first J may be too far from it
EXACT_ERROR = 1e-24  # bound on the error of z below which another step changes nothing
SETTLED = 1e-6  # relative decrease of the loss that ends polishing


def find_z_bounds(prior: Prior, rule: str) -> tuple[float, float]:
    """Return the least and the largest value of a component of z under a rule.

    They are the bounds rounded to float32, as in the solver.
    """
    if not RULES[rule].keeps_bounds:
        return -np.inf, np.inf
    return float(np.float32(prior.low)), float(np.float32(prior.high))


@dataclass(frozen=True)
class Start:
    """A z near a minimum, and what it is fitted to."""

    z: np.ndarray  # (latent,)
    target: np.ndarray  # (height, width, channels) in [-1, 1]; NaN: does not count
    label: int  # -1 for an unconditional generator
    bounds: tuple[float, float]  # of the components of z


class GaussNewton:
    """The descent for one generator, compiled once; `mask` (height, width, 1) says what counts."""

    def __init__(self, generator: Generator, mask: np.ndarray | None = None) -> None:
        """Take a generator with frozen batch-norm statistics."""
        self._generator = generator
        self._mask = None if mask is None else mask.astype(np.float64)
        self._loss_and_gradient = _compile_loss_and_gradient(generator, self._mask)

    def compute_jacobian(self, start: Start) -> np.ndarray:
        """Return J transposed (latent, pixels) at a start, in float32; 0 at pixels not counted.

        It costs `generator.jacobian_gradients`.
        """
        return compute_counted_jacobian(
            self._generator, start.z, start.target, start.label, self._mask
        )

    def run(
        self,
        start: Start,
        gram: np.ndarray,
        precision: Dtype = "float64",
        steps: int = STEPS,
        damping: float = 0.0,
        enough: float = -1.0,
    ) -> tuple[Point, float]:
        """Return the last point of the descent with JᵀJ (latent, latent), and gradients spent.

        The linear model of a point is (gradient / 2, JᵀJ). Nothing moves if J is not finite. The
        descent ends at a loss that is `enough`.
        """

        def evaluate(z: np.ndarray) -> Point:
            losses, gradients = self.evaluate(z[None], start.target, start.label, precision)
            slope = gradients[0].astype(np.float64) / 2
            return Point(z, float(losses[0]), lambda: (slope, gram))

        most = steps if np.isfinite(gram).all() else 0
        z = start.z.astype(np.float64)

        def is_enough(losses: list[float]) -> bool:
            is_rounding = losses[-1] <= ROUNDING * start.target.size
            is_at_end = bool(damping) and (is_rounding or _has_settled(losses))
            return is_at_end or losses[-1] <= enough

        end, evaluations = minimise_squares(
            evaluate,
            z,
            *start.bounds,
            steps=most,
            damping=damping,
            attempts=ATTEMPTS,
            is_enough=is_enough,
        )
        return end, evaluations * (FLOAT64_COST if precision == "float64" else 1.0)

    def polish(
        self,
        start: Start,
        outcome: Outcome,
        gram: np.ndarray | None = None,
        precision: Dtype = "float32",
    ) -> Polished:
        """Polish the z of a start that ended with an outcome; without JᵀJ, by J at this z.

        JᵀJ that is given is of a z nearby, so that a whole step may fail, and is damped.
        """
        z = np.clip(start.z.astype(np.float64), *start.bounds)
        if not np.isfinite(z).all():
            return Polished(z)
        start, spent = replace(start, z=z), 0.0
        damping = 0.0 if gram is None else DAMPING
        if gram is None:
            gram = compute_gram(self.compute_jacobian(start))
            spent = self._generator.jacobian_gradients
        end, more = self.run(start, gram, precision, damping=damping)
        if precision == "float64" and more > STEPS * FLOAT64_COST:  # it had not ended: J was off
            start, spent = (
                replace(start, z=end.x),
                spent + more + self._generator.jacobian_gradients,
            )
            gram = compute_gram(self.compute_jacobian(start))
            end, more = self.run(start, gram, precision, damping=damping)
        return Polished(end.x, end.loss, gradients=spent + more, outcome=outcome)

    def polish_exactly(
        self, z: np.ndarray, target: np.ndarray, rule: str, label: int = -1
    ) -> Polished:
        """Polish a z (latent,) near the true one of a target to full float64 accuracy.

        A rule with bounds keeps z inside. The outcome is `converged` if the bound
        ‖z − z_true‖² ≤ loss / σ² puts the error below POLISHED_EPSILON; σ is the least singular
        value of J.
        """
        bounds = find_z_bounds(self._generator.prior, rule)
        start = Start(np.clip(z, *bounds).astype(np.float64), target, label, bounds)
        end = Polished(start.z)
        for _ in range(JACOBIANS):
            gram = compute_gram(self.compute_jacobian(start))
            spent = end.gradients + self._generator.jacobian_gradients
            if not np.isfinite(gram).all():
                return end._replace(gradients=spent)
            # ‖z − z_true‖² / latent is less than the loss over this
            least = len(z) * max(float(np.linalg.eigvalsh(gram)[0]), 0.0)
            point, more = self.run(start, gram, enough=EXACT_ERROR * least)
            is_found = point.loss < POLISHED_EPSILON * least
            outcome = Outcome.converged if is_found else Outcome.stalled
            end = Polished(point.x, point.loss, gradients=spent + more, outcome=outcome)
            if is_found:
                break
            start = replace(start, z=point.x)
        return end

    def evaluate(
        self, z: np.ndarray, target: np.ndarray, label: int = -1, precision: Dtype = "float32"
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


def _has_settled(losses: list[float]) -> bool:
    return len(losses) > 1 and not losses[-1] < losses[-2] * (1 - SETTLED)


def _compile_loss_and_gradient(
    generator: Generator, mask: np.ndarray | None
) -> Callable[[np.ndarray, np.ndarray, int], tuple[tf.Tensor, tf.Tensor]]:
    """From z (batch, latent), targets and a label to image loss (batch,) and gradient."""

    def evaluate(z: tf.Tensor, targets: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        unknown = tf.fill([tf.shape(z)[0]], tf.constant(np.inf, z.dtype))
        cast_mask = None if mask is None else tf.cast(mask, z.dtype)
        labels = tf.fill([tf.shape(z)[0]], label)
        problem = Problem(generator, targets, unknown, mask=cast_mask, labels=labels)
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
