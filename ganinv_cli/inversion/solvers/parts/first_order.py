"""First-order methods: all but how they turn a gradient into a step."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping
from ganinv_cli.inversion.solvers.parts.solver import Solver
from ganinv_cli.inversion.solvers.parts.state import State, add_counts, start_state
from ganinv_cli.settings.declare import MAX_NUMBER, declare


@dataclass(frozen=True)
class FirstOrder(Solver):
    """z <- rule(z + step), the step from the gradient and the memory of the method.

    Steps are halved every `halve_every` updates, so that a method whose steps do not become shorter
    by themselves comes to rest.
    The rule acts after every update, as in Lipton & Tripathi 2017. A row never stalls: it ends by
    tolerance or budget. A budget of N gradients is N - 1 updates and an evaluation of the last z.
    `precision` is the dtype of z and its update; gradients are float32, as in the authors' code.
    """

    precision: str = declare("float64", choices=("float32", "float64"))
    halve_every: int = declare(0, range=(0, MAX_NUMBER))  # updates; 0: never

    steps_per_increment: ClassVar[int] = 10
    default_snapshots: ClassVar[tuple[int, ...]] = (100, 20_000)
    can_stall: ClassVar[bool] = False

    @abstractmethod
    def init(self, z: tf.Tensor) -> Any:
        """Return the memory at a start z (batch, latent): tensors with the batch axis first."""

    @abstractmethod
    def update(self, gradient: tf.Tensor, memory: Any, values: int) -> tuple[tf.Tensor, Any]:
        """Return the step (batch, latent) and the new memory.

        `gradient` (batch, latent) is that of the squared error, summed over `values` values of a
        picture: height · width · channels, of the pixels that count if there is a mask. If it is
        preconditioned, it is in units of z, and `values` is 1.
        """

    def start(self, z: tf.Tensor, near_solution: tf.Tensor | None = None) -> State:
        z = tf.cast(z, self.precision)
        return start_state(z, self.init(z))

    def step(self, problem: Problem, state: State, clipping: RowClipping) -> State:
        z = state.candidate
        evaluation = problem.evaluate(z)
        gradient, values = evaluation.gradient, problem.generator.count_values(problem.mask)
        if problem.preconditioner is not None:
            gradient, values = tf.cast(problem.precondition(evaluation), z.dtype), 1
        step, memory = self.update(gradient, state.memory, values)
        if self.halve_every:
            halvings = state.counts["gradients"] // self.halve_every
            step *= tf.cast(0.5**halvings, step.dtype)[:, None]
        updated = z + step
        return State(
            z=z,
            image_loss=evaluation.image_loss,
            bound=evaluation.bound,
            candidate=clipping.replace(clipping.clip_to_bounds(updated), state.counts["redraws"]),
            counts=add_counts(
                state.counts,
                gradients=1,
                redraws=clipping.find_replaceable(updated),
            ),
            actions=state.actions + clipping.find_actions(updated),
            stalled=state.stalled,
            memory=memory,
        )
