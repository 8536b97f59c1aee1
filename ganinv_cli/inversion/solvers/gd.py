"""Gradient descent: the paper's method, in a metric, and with momentum."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self, cast

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.jacobian import find_eigenvalues
from ganinv_cli.inversion.objective.preconditioner import MAX_POINTS, choose_points
from ganinv_cli.inversion.solvers.parts.first_order import FirstOrder
from ganinv_cli.settings.declare import MAX_NUMBER, declare

STABLE = "stable"
AUTHORS_RATE = 1.0  # on the mean over a picture's values
AUTHORS_HALVING = 50_000  # updates
METRIC_HALVING = 500  # the same in a metric, where descent ends in 400 to 1,500 updates
DIGITS = 3  # of a stable rate, so that processors that round differently give the same


@dataclass(frozen=True)
class GradientDescent(FirstOrder):
    """z <- rule(z - rate * velocity).

    The velocity is momentum * velocity + direction (Polyak 1964, *Some methods of speeding up the
    convergence of iteration methods*); without momentum, as in the paper, it is the direction.

    The direction is H₀ times the gradient of rᵀWr, with W and H₀ from J at `metric` random z
    (`objective/preconditioner.py`): steepest descent in the metric H₀⁻¹ (Nocedal & Wright 2006,
    *Numerical Optimization*, section 2.2). With `metric` 0 it is the gradient of ‖r‖², as in the
    paper.

    `rate` is the learning rate. With `metric` 0 it is for the mean of the squared error over a
    picture's values, so one number means the same for pictures of any size; the authors' is 1.0.
    If the generator is linear, an update multiplies the error along each eigenvector of
    JᵀJ / values by 1 − 2·rate·λ (Nesterov 2018, *Lectures on Convex Optimization*, section 1.2.3),
    so descent is stable if rate < 1/λ. Above this limit z stays at some distance from the solution
    (Cohen et al. 2021, *Gradient Descent on Neural Networks Typically Occurs at the Edge of
    Stability*). "stable" is half of it: 1/(2λ), with λ the largest eigenvalue at 40 draws from the
    prior. In a metric the unit of `rate` is this half, and "stable" is 1. With momentum both are
    1 + momentum times as large.
    """

    metric: int = declare(40, range=(0, MAX_POINTS))  # random z of the preconditioner; 0: none
    rate: float | str = declare(AUTHORS_RATE)  # a number or "stable"
    halve_every: int = declare(  # type: ignore[assignment]  # a number once it is built
        None, example=AUTHORS_HALVING, range=(0, MAX_NUMBER)
    )
    momentum: float = declare(0.0, range=(0, 1))  # share of the velocity that an update keeps

    default_snapshots: ClassVar[tuple[int, ...]] = (20, 100)

    def __post_init__(self) -> None:
        if cast("int | None", self.halve_every) is None:
            halving = METRIC_HALVING if self.metric else AUTHORS_HALVING
            object.__setattr__(self, "halve_every", halving)
        if isinstance(self.rate, str):
            if self.rate != STABLE:
                raise ConfigError(f'[gd] rate = {self.rate!r} should be a number, or "{STABLE}"')
        elif self.rate <= 0:
            raise ConfigError(f"[gd] rate = {self.rate} is not above 0")

    @property
    def expected_gradients(self) -> float:
        return 500.0 if self.metric else super().expected_gradients  # on faces32

    @property
    def preconditioner_points(self) -> int:
        return self.metric

    def resolve(
        self, generator: Generator, mask: np.ndarray | None = None, *, has_guesses: bool = False
    ) -> Self:
        """Return the solver with the rate "stable" replaced by the measured number.

        There is no metric if J takes too much memory.
        """
        if self.metric and generator.batch_norm == "batch":
            raise ConfigError(
                '[gd] metric is measured for single trials, but batch_norm = "batch" couples the '
                "trials; give metric = 0"
            )
        solver = replace(self, metric=choose_points(generator, self.metric))
        if solver.rate != STABLE:
            return solver
        if solver.metric:
            return replace(solver, rate=1 + self.momentum)
        if generator.batch_norm == "batch":
            raise ConfigError(
                '[gd] rate = "stable" is measured for single trials, but batch_norm = "batch" '
                "couples the trials; give a number, such as 1.0"
            )
        eigenvalues = find_eigenvalues(generator, mask)
        if not (np.isfinite(eigenvalues).all() and eigenvalues.any()):
            raise CheckpointError(
                '[gd] rate = "stable" cannot be measured: the images of this generator do not '
                "depend on z, or are not finite; is its file complete?"
            )
        rate = (1 + self.momentum) / (2 * eigenvalues.max())
        return replace(solver, rate=float(f"{rate:.{DIGITS}g}"))

    def init(self, z: tf.Tensor) -> tf.Tensor:
        """Return the velocity (batch, latent)."""
        return tf.zeros_like(z)

    def update(
        self, gradient: tf.Tensor, memory: tf.Tensor, values: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        assert isinstance(self.rate, int | float), "`resolve` must have measured a stable rate"
        rate = tf.constant(self.rate / values)  # for the sum; float32, as in the kept results
        velocity = self.momentum * memory + gradient
        return -tf.cast(rate, gradient.dtype) * velocity, velocity


SOLVER = GradientDescent
