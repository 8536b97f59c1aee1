"""The interface of a solver."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import ConfigError
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping
from ganinv_cli.inversion.solvers.parts.state import State
from ganinv_cli.settings.config import Config


@dataclass(frozen=True)
class Solver(ABC):
    """The frozen settings of a method, with `start` and `step`; the true z is not available.

    A step costs the same for each row, and a row's numbers never depend on another row: the loop
    freezes finished rows and starts other trials in their place.
    """

    steps_per_increment: ClassVar[int]  # least steps of an increment of the loop
    default_snapshots: ClassVar[tuple[int, ...]]  # gradients at which Figure 1 shows images
    uses_low_precision: ClassVar[bool] = False  # whether its gradients may have
    can_stall: ClassVar[bool] = True  # if not, each start ends by tolerance or budget

    @property
    def expected_gradients(self) -> float:
        """Gradients of a trial, for the first estimate of the time."""
        return math.inf  # all that the budget allows

    @property
    def preconditioner_points(self) -> int:
        """Number of random z for `measure_preconditioner`; 0 for none."""
        return 0

    def measures_guesses(self, generator: Generator) -> bool:
        """Return whether J is measured at each encoder's guess, in place of random z."""
        return False

    def resolve(
        self, generator: Generator, mask: np.ndarray | None = None, *, has_guesses: bool = False
    ) -> Self:
        """Return the solver with numbers for all settings that depend on the generator.

        `mask` (height, width, 1) is 1 for pixels that count. Done once for all workers.
        `has_guesses` says whether first starts are an encoder's.
        """
        return self

    def check_config(self, config: Config) -> None:
        """Raise ConfigError if settings of a config do not go with this solver."""
        name, other = config.solver, 'a first-order method, e.g. solver = "gd" (--solver gd)'
        default = getattr(type(config), "stationary", None)
        if self.can_stall and config.batch_norm == "batch":
            raise ConfigError(
                'batch_norm = "batch" couples the trials, and runs all as one batch to their '
                f"budget: it needs {other}"
            )
        if self.can_stall and config.tolerance == 0:
            raise ConfigError(
                f"tolerance = 0: rounding makes it impossible with {name}; give a number above 0, "
                f"or {other}"
            )
        if not self.can_stall and getattr(config, "stationary", None) != default:
            raise ConfigError(
                f"stationary is not a setting of {name}, whose starts do not end before the "
                f'budget: leave it out, or give solver = "{Config.solver}"'
            )

    @abstractmethod
    def start(self, z: tf.Tensor, near_solution: tf.Tensor | None = None) -> State:
        """Return the state at a start z (batch, latent), before the first evaluation.

        `near_solution` (batch,) bool: starts that were not drawn and may be near a solution.
        """

    @abstractmethod
    def step(self, problem: Problem, state: State, clipping: RowClipping) -> State:
        """Return the state after one evaluation of the problem and one move of every row.

        A row does not count as converged while z is outside bounds that its rule keeps. The step
        must bring z inside.
        """
