"""Plain gradient descent: the paper's method."""

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np
import tensorflow as tf

from ganinv_cli.clipping import ACTION_KINDS
from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.jacobian import find_spectrum
from ganinv_cli.network.generator import Generator
from ganinv_cli.problem import Problem
from ganinv_cli.settings.declare import MAX_NUMBER, declare
from ganinv_cli.settings.load import check_type
from ganinv_cli.solvers.parts.row_clipping import RowClipping
from ganinv_cli.solvers.solver import Solver, add_counts, start_counts
from ganinv_cli.statistics.descent import AUTHORS_RATE, HALVE_EVERY, find_stable_rate

STABLE = "stable"


class _State(NamedTuple):
    z: tf.Tensor  # (batch, latent)
    image_loss: tf.Tensor  # (batch,)
    bound: tf.Tensor  # (batch,)
    next_z: tf.Tensor  # (batch, latent), the z after the next update
    counts: dict[str, tf.Tensor]  # (batch,) each
    actions: tf.Tensor  # (batch, ACTION_KINDS)
    stalled: tf.Tensor  # (batch,)


@dataclass(frozen=True)
class GradientDescent(Solver):
    """z <- rule(z - rate * gradient), the rate halved every `halve_every` updates.

    `rate` is the learning rate for the mean of the squared error over a picture's values (height ·
    width · channels, of the pixels that count if there is a mask). So one number means the same for
    pictures of any size; the authors' is 1.0. "stable" is half of the limit of stability: 1/(2λ),
    with λ the largest eigenvalue of JᵀJ / values at 40 draws from the prior.

    The rule acts after every update, as in Lipton & Tripathi 2017. A row never stalls: it ends by
    tolerance or budget. A budget of N gradients is N - 1 updates and an evaluation of the last z.
    `precision` is the dtype of z and its update; gradients are float32, as in the authors' code.
    """

    rate: float | str | None = None  # a number or "stable"; None: AUTHORS_RATE
    halve_every: int = declare(HALVE_EVERY, range=(0, MAX_NUMBER))  # updates; 0: never
    precision: str = declare("float64", choices=("float32", "float64"))

    steps_per_increment: ClassVar[int] = 10
    default_snapshots: ClassVar[tuple[int, ...]] = (100, 20_000)
    expected_gradients: ClassVar[float] = float("inf")  # all that the budget allows

    def __post_init__(self) -> None:
        if self.rate is None:
            object.__setattr__(self, "rate", AUTHORS_RATE)
        elif isinstance(self.rate, str):
            if self.rate != STABLE:
                raise ConfigError(f'[gd] rate = {self.rate!r} should be a number, or "{STABLE}"')
        else:
            check_type("[gd] rate", self.rate, AUTHORS_RATE)
            if self.rate <= 0:
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
        eigenvalues = find_spectrum(generator, mask)
        if not (np.isfinite(eigenvalues).all() and eigenvalues.any()):
            raise CheckpointError(
                '[gd] rate = "stable" cannot be measured: the images of this generator do not '
                "depend on z, or are not finite; is its file complete?"
            )
        return replace(self, rate=find_stable_rate(eigenvalues))

    def init(self, z: tf.Tensor, near_solution: tf.Tensor | None = None) -> _State:
        rows = tf.shape(z)[0]
        z = tf.cast(z, self.precision)
        return _State(
            z=z,
            image_loss=tf.fill([rows], float("inf")),
            bound=tf.fill([rows], tf.cast(float("inf"), self.precision)),
            next_z=z,
            counts=start_counts(rows),
            actions=tf.zeros([rows, ACTION_KINDS], tf.int64),
            stalled=tf.zeros([rows], tf.bool),
        )

    def step(self, problem: Problem, state: _State, clipping: RowClipping) -> _State:
        z = state.next_z
        evaluation = problem.evaluate(z)
        learning_rate = self._compute_learning_rate(problem, state.counts["gradients"])
        updated = z - learning_rate[:, None] * evaluation.gradient
        redrawn = clipping.find_replaceable(updated)
        return _State(
            z=z,
            image_loss=evaluation.image_loss,
            bound=evaluation.bound,
            next_z=clipping.replace(clipping.clip_to_bounds(updated), state.counts["redraws"]),
            counts=add_counts(
                state.counts,
                gradients=1,
                redraws=redrawn,
            ),
            actions=state.actions + clipping.find_actions(updated),
            stalled=state.stalled,
        )

    def _compute_learning_rate(self, problem: Problem, updates: tf.Tensor) -> tf.Tensor:
        """Return the rate for the sum (batch,) after a number of updates (batch,)."""
        halvings = updates // self.halve_every if self.halve_every else tf.zeros_like(updates)
        assert isinstance(self.rate, int | float), "`resolve` must have measured a stable rate"
        rate = self.rate / problem.generator.count_values(problem.mask)
        return tf.cast(rate * 0.5**halvings, self.precision)


SOLVER = GradientDescent
