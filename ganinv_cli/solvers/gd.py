"""Plain gradient descent: the paper's method."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import tensorflow as tf

from ganinv_cli.clipping import ACTION_KINDS
from ganinv_cli.errors import ConfigError
from ganinv_cli.problem import Problem
from ganinv_cli.solvers.parts.row_clipping import RowClipping
from ganinv_cli.solvers.solver import Solver


class _State(NamedTuple):
    z: tf.Tensor  # (batch, latent)
    image_loss: tf.Tensor  # (batch,)
    bound: tf.Tensor  # (batch,)
    next_z: tf.Tensor  # (batch, latent), the z after the next update
    gradients: tf.Tensor  # (batch,)
    redraws: tf.Tensor  # (batch,)
    actions: tf.Tensor  # (batch, ACTION_KINDS)
    stalled: tf.Tensor  # (batch,)


@dataclass(frozen=True)
class GradientDescent(Solver):
    """z <- rule(z - learning_rate * gradient), the rate halved every `halve_every` updates.

    The rule acts after every update, as in Lipton & Tripathi 2017. A row never stalls: it ends by
    tolerance or budget. A budget of N gradients is N - 1 updates and an evaluation of the last z.
    `precision` is the dtype of z and its update; gradients are float32, as in their code.
    """

    learning_rate: float = 8.14e-5  # on the sum of squares; 1.0 on the mean of 12,288 pixels
    halve_every: int = 50_000  # updates; 0: never
    precision: str = "float64"

    steps_per_increment: ClassVar[int] = 10
    default_snapshots: ClassVar[tuple[int, ...]] = (100, 20_000)
    expected_gradients: ClassVar[float] = float("inf")  # all that the budget allows

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ConfigError(f"[gd] learning_rate = {self.learning_rate} is not above 0")
        if self.halve_every < 0:
            raise ConfigError(f"[gd] halve_every = {self.halve_every} is below 0; 0 is never")
        if self.precision not in ("float32", "float64"):
            raise ConfigError(f"[gd] precision = {self.precision!r} is not float32 or float64")

    def init(self, z: tf.Tensor, near_solution: tf.Tensor | None = None) -> _State:
        rows = tf.shape(z)[0]
        z = tf.cast(z, self.precision)
        return _State(
            z=z,
            image_loss=tf.fill([rows], float("inf")),
            bound=tf.fill([rows], tf.cast(float("inf"), self.precision)),
            next_z=z,
            gradients=tf.zeros([rows]),
            redraws=tf.zeros([rows], tf.int64),
            actions=tf.zeros([rows, ACTION_KINDS], tf.int64),
            stalled=tf.zeros([rows], tf.bool),
        )

    def step(self, problem: Problem, state: _State, clipping: RowClipping) -> _State:
        z = state.next_z
        evaluation = problem.evaluate(z)
        updated = z - self._compute_learning_rate(state.gradients)[:, None] * evaluation.gradient
        redrawn = clipping.find_redrawable(updated)
        return _State(
            z=z,
            image_loss=evaluation.image_loss,
            bound=evaluation.bound,
            next_z=clipping.redraw(clipping.clip_to_bounds(updated), state.redraws),
            gradients=state.gradients + 1,
            redraws=state.redraws + tf.cast(redrawn, tf.int64),
            actions=state.actions + clipping.find_actions(updated),
            stalled=state.stalled,
        )

    def _compute_learning_rate(self, updates: tf.Tensor) -> tf.Tensor:
        """Return the learning rate (batch,) after a number of updates (batch,)."""
        halvings = updates // self.halve_every if self.halve_every else tf.zeros_like(updates)
        return tf.cast(self.learning_rate * 0.5**halvings, self.precision)


SOLVER = GradientDescent
