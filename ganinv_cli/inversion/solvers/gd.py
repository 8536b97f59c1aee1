"""Gradient descent: the paper's method, and with momentum."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.jacobian import find_eigenvalues
from ganinv_cli.inversion.solvers.parts.first_order import FirstOrder
from ganinv_cli.settings.declare import declare

AUTHORS_RATE = 1.0  # on the mean over a picture's values
STABLE = "stable"
DIGITS = 3  # of a stable rate, so that processors that round differently give the same


@dataclass(frozen=True)
class GradientDescent(FirstOrder):
    """z <- rule(z - rate * velocity).

    The velocity is momentum * velocity + gradient (Polyak 1964, *Some methods of speeding up the
    convergence of iteration methods*); without momentum, as in the paper, it is the gradient.

    `rate` is the learning rate for the mean of the squared error over a picture's values, so one
    number means the same for pictures of any size; the authors' is 1.0. If the generator is linear,
    an update multiplies the error along each eigenvector of JᵀJ / values by 1 − 2·rate·λ (Nesterov
    2018, *Lectures on Convex Optimization*, section 1.2.3), so descent is stable if rate < 1/λ.
    Above this limit z stays at some distance from the solution (Cohen et al. 2021, *Gradient
    Descent on Neural Networks Typically Occurs at the Edge of Stability*). "stable" is half of it:
    1/(2λ), with λ the largest eigenvalue at 40 draws from the prior. With momentum both are
    1 + momentum times as large.
    """

    rate: float | str = declare(AUTHORS_RATE)  # a number or "stable"
    halve_every: int = declare(50_000)  # the authors'
    momentum: float = declare(0.0, range=(0, 1))  # share of the velocity that an update keeps

    def __post_init__(self) -> None:
        if isinstance(self.rate, str):
            if self.rate != STABLE:
                raise ConfigError(f'[gd] rate = {self.rate!r} should be a number, or "{STABLE}"')
        elif self.rate <= 0:
            raise ConfigError(f"[gd] rate = {self.rate} is not above 0")

    def resolve(self, generator: Generator, mask: np.ndarray | None = None) -> Self:
        """Return the solver with the rate "stable" replaced by the measured number."""
        if self.rate != STABLE:
            return self
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
        return replace(self, rate=float(f"{rate:.{DIGITS}g}"))

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
