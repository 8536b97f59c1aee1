"""What the outputs of a graph's operations are to a reader that runs none of them.

A graph has no fixed batch. What it computes of the batch's size is worked out for two sizes that
stand for all: a shape's axis that follows both is the batch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganinv_cli.formats.interface import UnreadableError

BATCHES = (3, 11)  # the two sizes

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ConstantValue:
    """An array that no input changes; one for each of BATCHES where it depends on the size."""

    cases: tuple[np.ndarray, ...]

    @property
    def value(self) -> np.ndarray:
        """Where it is the same for all sizes. Raises UnreadableError."""
        if len(self.cases) > 1:
            raise UnreadableError("depends on the size of the batch")
        return self.cases[0]

    def case(self, number: int) -> np.ndarray:
        """The one for a size of the batch."""
        return self.cases[number % len(self.cases)]


@dataclass(frozen=True)
class Label:
    """What follows from the label alone: labels (batch,) -> (batch, *row)."""

    of: Callable[[np.ndarray], np.ndarray]
    steps: int = 1  # operations that it takes


@dataclass(frozen=True)
class Flow:
    """What a node of the network makes: graph axis 1 + i is the node's axis `order[i]`."""

    node: int
    shape: Shape  # of one row, in the graph's order of axes
    order: tuple[int, ...]
    merged: bool = False  # the graph's axis 0 is the batch times the first axis of a row

    @property
    def own(self) -> Shape:
        """The shape of one row in the node's order of axes."""
        return tuple(self.shape[self.order.index(axis)] for axis in range(len(self.shape)))


@dataclass(frozen=True)
class TiledFlow:
    """A flow repeated along its axes, which waits for the reshape that shows what it means."""

    flow: Flow
    multiples: tuple[int, ...]  # of a row's axes


@dataclass(frozen=True)
class Moment:
    """A step on the way to a norm of a flow by its own moments; graph_norms says which."""

    form: str
    flow: Flow
    axes: tuple[int, ...] = ()  # of a row
    centred: bool = True  # by the variance, not by the mean square
    epsilon: float = 0.0
    gamma: np.ndarray | None = None  # factor
    beta: np.ndarray | None = None

    def times(self, factor: float | np.ndarray) -> "Moment":
        """With everything multiplied."""
        by = np.asarray(factor)
        beta = None if self.beta is None else self.beta * by
        return replace(self, gamma=by if self.gamma is None else self.gamma * by, beta=beta)


@dataclass(frozen=True)
class Positive:
    """Where a flow is above 0."""

    flow: Flow


@dataclass(frozen=True)
class SpaceToBatch:
    """A picture in parts, as a convolution with dilation takes it."""

    flow: Flow
    block: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    kernel: np.ndarray | None = None  # once the convolution is known


@dataclass(frozen=True)
class Handle:
    """A variable that has not been read."""

    key: str  # in the checkpoint beside the graph


@dataclass(frozen=True)
class Text:
    """A constant that is no number."""


@dataclass(frozen=True)
class Dead:
    """The output of the branch that is not taken."""


Value = (
    ConstantValue
    | Label
    | Flow
    | TiledFlow
    | Moment
    | Positive
    | SpaceToBatch
    | Handle
    | Text
    | Dead
)


@dataclass(frozen=True)
class Operation:
    """A node of a graph: what it is called, what it does, and its attributes.

    A SavedModel leaves out attributes that have TensorFlow's default, which is then given here.
    """

    name: str
    kind: str
    attributes: Any  # names to AttrValue messages

    def integers(self, name: str) -> list[int]:
        """An attribute that lists integers."""
        return list(self.attributes[name].list.i)

    def integer(self, name: str, default: int = 0) -> int:
        """An attribute that is an integer."""
        return int(self.attributes[name].i) if name in self.attributes else default

    def real(self, name: str, default: float) -> float:
        """An attribute that is a number."""
        return float(self.attributes[name].f) if name in self.attributes else default

    def true(self, name: str, default: bool = False) -> bool:
        """An attribute that is true or false."""
        return bool(self.attributes[name].b) if name in self.attributes else default

    def text(self, name: str, default: str = "") -> str:
        """An attribute that is text."""
        found: str = self.attributes[name].s.decode("utf-8", "replace")
        return found or default

    def type(self, name: str) -> int:
        """An attribute that is a type, by TensorFlow's number."""
        return int(self.attributes[name].type)


def make_constant(*arrays: np.ndarray) -> ConstantValue:
    """One array for all sizes of the batch where they are equal."""
    first, *others = arrays
    if all(np.array_equal(first, other) for other in others):
        return ConstantValue((first,))
    return ConstantValue(arrays)


def row_shape(target: ConstantValue, values: int, batches: Shape) -> tuple[Shape, bool]:
    """A shape of a batch as the shape of one row of `values` values.

    And whether its first axis is the batch times the row's first. Raises UnreadableError.
    """
    if max(case.size for case in target.cases) > 64:
        raise UnreadableError("makes a shape of more than 64 axes")
    cases = [[int(n) for n in np.reshape(target.case(k), -1)] for k in range(len(batches))]
    first = cases[0]
    if not first or any(case[1:] != first[1:] for case in cases):
        raise UnreadableError("makes a shape that depends on the size of the batch")
    row = first[1:]
    leads = {case[0] / batch for case, batch in zip(cases, batches, strict=True)}
    lead = 0 if first[0] == -1 else next(iter(leads))
    if first.count(-1) > 1 or (lead and (len(leads) > 1 or lead != int(lead))):
        raise _no_rows(first, values)
    if lead and -1 in row:
        row[row.index(-1)] = values // max(int(lead) * -math.prod(row), 1)
    elif not lead:
        lead = values // max(math.prod(row), 1)
    if min(row, default=1) < 1 or int(lead) * math.prod(row) != values:
        raise _no_rows(first, values)
    return (tuple(row), False) if lead == 1 else ((int(lead), *row), True)


def _no_rows(shape: list[int], values: int) -> UnreadableError:
    return UnreadableError(f"makes {shape} of rows of {values:,} values, which is no batch of rows")
