"""Gauss–Newton with one Jacobian: z <- z − (JᵀJ)⁻¹ Jᵀ r while this lowers ‖r‖², r = G(z) − x.

Near a z without residual, J in float32 is enough for full float64 accuracy: each step reduces the
error by the relative error of J, and the limit depends on r alone.
"""

import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import RULES
from ganinv_cli.generators.network.generator import Generator, compute_jacobian
from ganinv_cli.inversion.polish import Polished
from ganinv_cli.inversion.polish.gauss_newton import FLOAT64_COST
from ganinv_cli.inversion.polish.least_squares import Point, minimise_squares
from ganinv_cli.outcome import Outcome
from ganinv_cli.prior import Prior
from ganinv_cli.results.statistics import POLISHED_EPSILON

MAX_STEPS = 10  # three are enough on the shipped generator
CONVERGED_ERROR = 1e-24  # bound on the error of z below which another step changes nothing


def find_limits(prior: Prior, rule: str) -> tuple[float, float]:
    """Return the least and the largest value of a component of z under a rule.

    They are the bounds rounded to float32, as in the solver.
    """
    if not RULES[rule].keeps_bounds:
        return -np.inf, np.inf
    return float(np.float32(prior.low)), float(np.float32(prior.high))


class Float64Polish:
    """Polishes a z near the true z of an image, to full float64 accuracy."""

    def __init__(self, generator: Generator) -> None:
        """Take a generator with frozen batch-norm statistics."""
        self._generator = generator
        self._compiled_loss = tf.function(self._compute_loss, autograph=False)

    def __call__(self, z: np.ndarray, target: np.ndarray, rule: str, label: int = -1) -> Polished:
        """Polish one z (latent,) for its target (height, width, channels), in float64.

        A rule with bounds keeps z inside. Costs J at z and half a float64 gradient per evaluation.
        The outcome is `converged` if the bound ‖z − z_true‖² ≤ loss / σ² puts the error below
        POLISHED_EPSILON; σ is the least singular value of J.
        """
        labels, image = tf.constant([label]), tf.constant(target, tf.float64)
        low, high = find_limits(self._generator.prior, rule)
        z = np.clip(z, low, high)
        jacobian = tf.constant(compute_jacobian(self._generator, z, label), tf.float64)
        normal = tf.matmul(jacobian, jacobian, transpose_b=True).numpy()
        if not np.isfinite(normal).all():
            return Polished(z.astype(np.float64), gradients=self._generator.jacobian_gradients)
        # ‖z − z_true‖² / latent is less than the loss over this
        least = len(z) * max(float(np.linalg.eigvalsh(normal)[0]), 0.0)

        def evaluate(z: np.ndarray) -> Point:
            loss, slope = self._compiled_loss(tf.constant(z), image, jacobian, labels)
            return Point(z, float(loss), lambda: (slope.numpy(), normal))

        end, evaluations = minimise_squares(
            evaluate,
            z.astype(np.float64),
            low,
            high,
            steps=MAX_STEPS,
            is_enough=lambda losses: losses[-1] <= CONVERGED_ERROR * least,
        )
        outcome = Outcome.converged if end.loss < POLISHED_EPSILON * least else Outcome.stalled
        spent = self._generator.jacobian_gradients + 0.5 * FLOAT64_COST * evaluations
        return Polished(end.x, end.loss, gradients=spent, outcome=outcome)

    def _compute_loss(
        self, z: tf.Tensor, image: tf.Tensor, jacobian: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the loss, and Jᵀr (latent,) by J at the start."""
        residuals = tf.reshape(self._generator(z[None], labels=labels)[0] - image, [-1])
        return tf.reduce_sum(residuals**2), tf.linalg.matvec(jacobian, residuals)
