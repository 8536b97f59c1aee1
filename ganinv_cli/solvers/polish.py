"""Polishing z in float64, and whether what was found is a minimum.

An image that no z makes leaves a residual, and then the minima of ‖G(z) − x‖² lie in creases, where
ReLUs switch: the gradient jumps there and does not go to 0. So a minimum is judged by the gradients
of a small ball around z: where 0 is a convex combination of them, no direction leads down
(Goldstein 1977; Burke, Lewis & Overton 2005). Of 200 gradients the shortest combination is never
quite 0; on the shipped generator it is .98 of their mean length at random z, and at most .06 where
the solver has stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.optimize import nnls

from ganinv_cli.clipping import RULES
from ganinv_cli.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.problem import Problem
from ganinv_cli.solvers.trial import Polished

STEP = 1e-3  # of the finite difference of J, in z; float32 gives it three digits
WEIGHT = 1e3  # of the equation "the shares sum to 1" among those of the gradients
DAMPING = 1e-10  # of JᵀJ, as a share of its largest diagonal element
ROUNDING = 1e-5  # share of an image loss that float32 can be wrong by
_NOTHING = 1e-300  # what a share may be taken of


@dataclass(frozen=True)
class Polish:
    """Gauss–Newton in float64, then the test for a minimum."""

    radius: float = 1e-2  # of the ball, in z
    level: float = 0.1  # steepness below which z is a minimum
    steps: int = 10  # of Gauss–Newton

    def prepared(
        self, generator: Generator, tolerance: float, mask: np.ndarray | None = None
    ) -> "Polisher":
        """For images of one generator; a loss below `tolerance` is a minimum whatever follows."""
        return Polisher(self, generator, tolerance, mask)


class Polisher:
    """Compiled once for a generator; made by `Polish.prepared`."""

    def __init__(
        self, settings: Polish, generator: Generator, tolerance: float, mask: np.ndarray | None
    ) -> None:
        self._settings, self._generator, self._tolerance = settings, generator, tolerance
        self._mask = None if mask is None else mask.astype(np.float64)
        self._evaluate = _compiled(generator, self._mask)
        directions = np.random.default_rng(0).standard_normal((2 * generator.latent,) * 2)
        directions = directions[:, : generator.latent]
        lengths = np.linalg.norm(directions, axis=1, keepdims=True)
        self._around = settings.radius * directions / lengths

    def __call__(self, z: np.ndarray, target: np.ndarray, rule: str) -> Polished:
        """Polish one z (latent,) for its target (height, width, channels)."""
        prior = self._generator.prior
        kept = RULES[rule].clamps or RULES[rule].redraws
        low, high = (prior.low, prior.high) if kept else (-np.inf, np.inf)
        z = z.astype(np.float64)
        if (z < low).any() or (z > high).any():  # a rule that redraws had no need to hold it
            low, high = -np.inf, np.inf
        if not np.isfinite(z).all():
            return Polished(z, np.nan, np.nan, np.nan, Outcome.non_finite)
        z, loss, gradient = self._descended(z, target, low, high)
        free = (z > low) & (z < high)
        losses, others = self._near(z, target, low, high)
        gradients = np.vstack([gradient, others])[:, free]
        norm = _shortest(gradients)
        steepness = norm / max(float(np.linalg.norm(gradients, axis=1).mean()), _NOTHING)
        lower = losses.min() < loss * (1 - ROUNDING)  # a ridge is level too
        minimum = loss <= self._tolerance or (steepness <= self._settings.level and not lower)
        outcome = Outcome.converged if minimum else Outcome.stalled
        return Polished(z, loss, norm, steepness, outcome)

    def _descended(
        self, z: np.ndarray, target: np.ndarray, low: float, high: float
    ) -> tuple[np.ndarray, float, np.ndarray]:
        """Gauss–Newton with one J, as long as it lowers the loss: z, loss and gradient."""
        loss, gradient = self._at(z, target)
        free = (z > low) & (z < high)
        normal = self._normal(z)[np.ix_(free, free)]
        normal[np.diag_indices_from(normal)] += DAMPING * normal.diagonal().max(initial=_NOTHING)
        for _ in range(self._settings.steps):
            move = np.zeros_like(z)
            move[free] = np.linalg.solve(normal, -gradient[free] / 2)
            nearer = np.clip(z + move, low, high)
            lower, its_gradient = self._at(nearer, target)
            if not lower < loss:
                break
            z, loss, gradient = nearer, lower, its_gradient
        return z, loss, gradient

    def _normal(self, z: np.ndarray) -> np.ndarray:
        """JᵀJ at z, (latent, latent)."""
        latent = self._generator.latent
        moved = z + np.vstack([np.zeros(latent), STEP * np.eye(latent)])
        images = self._generator.render(moved, latent + 1).astype(np.float64)
        images = images if self._mask is None else images * self._mask
        columns = (images[1:] - images[0]).reshape(latent, -1) / STEP
        return np.asarray(columns @ columns.T)

    def _near(
        self, z: np.ndarray, target: np.ndarray, low: float, high: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Losses (points,) and gradients (points, latent) around z; what a bound holds stays."""
        free = (z > low) & (z < high)
        near = np.clip(z + self._around * free, low, high).astype(np.float32)
        images = np.broadcast_to(target.astype(np.float32), (len(near), *target.shape))
        losses, gradients = self._evaluate(near, images)
        return losses.numpy(), gradients.numpy()

    def _at(self, z: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = self._evaluate(z[None], target[None].astype(np.float64))
        return float(loss[0]), gradient.numpy()[0]


def _compiled(
    generator: Generator, mask: np.ndarray | None
) -> Callable[[np.ndarray, np.ndarray], tuple[tf.Tensor, tf.Tensor]]:
    """Image loss (batch,) and its gradient (batch, latent) in the precision of z."""

    @tf.function(reduce_retracing=False)
    def evaluate(z: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        none = tf.zeros(tf.shape(z)[0], z.dtype)
        counted = None if mask is None else tf.cast(mask, z.dtype)
        found = Problem(generator, targets, none, none, mask=counted).evaluate(z)
        return found.image_loss, found.gradient

    return lambda z, targets: evaluate(tf.constant(z), tf.constant(targets))


def _shortest(gradients: np.ndarray) -> float:
    """min ‖Σ sᵢ gᵢ‖ over sᵢ ≥ 0, Σ sᵢ = 1, for gradients (n, free)."""
    scale = np.abs(gradients).max(initial=0.0)
    if scale == 0:
        return 0.0
    equations = np.vstack([gradients.T / scale, np.full(len(gradients), WEIGHT)])
    wanted = np.zeros(len(equations))
    wanted[-1] = WEIGHT
    shares, _ = nnls(equations, wanted)
    return float(np.linalg.norm(shares / shares.sum() @ gradients))
