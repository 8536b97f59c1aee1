"""The interface of a solver."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import tensorflow as tf

from ganinv_cli.network.generator import Generator
from ganinv_cli.problem import Problem
from ganinv_cli.solvers.parts.row_clipping import RowClipping
from ganinv_cli.store.columns import COUNTS


class State(Protocol):
    """The state of a solver: a NamedTuple of tensors with the batch axis first in each.

    The loop reads these fields; a solver adds its own.
    """

    z: tf.Tensor  # (batch, latent), the latest z that was accepted
    image_loss: tf.Tensor  # (batch,), at that z; infinite before the first evaluation
    bound: tf.Tensor  # (batch,), estimated bound on ‖z − z_true‖² / latent, near no residual
    counts: dict[str, tf.Tensor]  # (batch,) each, since init: the counted columns of the results
    # (batch, ACTION_KINDS) int64: number of updates since init in which a rule of each kind changed
    # z or, in rows of other rules, would have changed it
    actions: tf.Tensor
    stalled: tf.Tensor  # (batch,) bool: further steps will not help


@dataclass(frozen=True)
class Solver(ABC):
    """The frozen settings of a method, with `init` and `step`; the true z is not available.

    A step costs the same for each row, and a row's numbers never depend on another row: the loop
    freezes finished rows and starts other trials in their place.
    """

    steps_per_increment: ClassVar[int]  # least steps of an increment of the loop
    default_snapshots: ClassVar[tuple[int, ...]]  # gradients at which Figure 1 shows images
    expected_gradients: ClassVar[float]  # per trial, for the first estimate of the time
    uses_low_precision: ClassVar[bool] = False  # whether it can use bfloat16 gradients

    @property
    def preconditioner_points(self) -> int:
        """Number of random z for `measure_preconditioner`; 0 for none."""
        return 0

    def resolve(self, generator: Generator, mask: np.ndarray | None = None) -> Self:
        """Return the solver with numbers for all settings that depend on the generator.

        `mask` (height, width, 1) is 1 for pixels that count. Done once for all workers.
        """
        return self

    @abstractmethod
    def init(self, z: tf.Tensor, near_solution: tf.Tensor | None = None) -> Any:
        """Return the state at a start z (batch, latent), before the first evaluation.

        `near_solution` (batch,) bool: starts that were not drawn and may be near a solution.
        """

    @abstractmethod
    def step(self, problem: Problem, state: Any, clipping: RowClipping) -> Any:
        """Return the state after one evaluation of the problem and one move of every row.

        A row does not count as converged while z is outside bounds that its rule keeps. The step
        must bring z inside.
        """


def start_counts(rows: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the counts of this many rows before the first step: (rows,) each, float32 or int64."""
    return {
        name: tf.zeros([rows], tf.float32 if column.dtype == "float64" else tf.int64)
        for name, column in COUNTS.items()
    }


def add_counts(counts: Mapping[str, tf.Tensor], **more: Any) -> dict[str, tf.Tensor]:
    """Return counts with more, a number or (batch,), added to some of them."""
    new = {name: counts[name] + tf.cast(each, counts[name].dtype) for name, each in more.items()}
    return {**counts, **new}


Nested = TypeVar("Nested")


def select_rows(rows: tf.Tensor, selected: Nested, others: Nested) -> Nested:
    """Return these rows (batch,) of the first structure of tensors, the others of the second."""

    def choose(this: tf.Tensor, that: tf.Tensor) -> tf.Tensor:
        axes = len(this.shape) - 1
        return tf.where(tf.reshape(rows, [-1] + [1] * axes) if axes else rows, this, that)

    chosen: Nested = tf.nest.map_structure(choose, selected, others)
    return chosen
