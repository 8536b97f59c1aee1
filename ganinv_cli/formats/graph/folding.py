"""What a graph computes of constants, shapes and labels alone, worked out with NumPy."""

from collections.abc import Sequence

import numpy as np

from ganinv_cli.formats.graph.arithmetic import FOLDS, Array, Fold, convert_errors
from ganinv_cli.formats.graph.tensors import Budget
from ganinv_cli.formats.graph.values import (
    ConstantValue,
    Label,
    Operation,
    make_constant,
    row_shape,
)
from ganinv_cli.formats.interface import UnreadableError

MAX_STEPS = 200  # from a label to what a layer takes: each is taken again for each use


def fold(
    operation: Operation,
    budget: Budget,
    inputs: Sequence[ConstantValue | Label],
    batches: tuple[int, ...],
) -> ConstantValue | Label:
    """The output of an operation of FOLDS. Raises UnreadableError."""
    function = FOLDS[operation.kind]
    if any(isinstance(each, Label) for each in inputs):
        return _of_label(operation, budget, inputs, batches)
    constants = [each for each in inputs if isinstance(each, ConstantValue)]
    return make_constant(
        *(
            _fold_arrays(function, operation, budget, [each.case(number) for each in constants])
            for number in range(max((len(each.cases) for each in constants), default=1))
        )
    )


def _of_label(
    operation: Operation,
    budget: Budget,
    inputs: Sequence[ConstantValue | Label],
    batches: tuple[int, ...],
) -> ConstantValue | Label:
    steps = 1 + sum(each.steps for each in inputs if isinstance(each, Label))
    if steps > MAX_STEPS:
        raise UnreadableError(f"computes with the label in more than {MAX_STEPS} steps")
    first, second = (inputs[0], inputs[1]) if len(inputs) > 1 else (inputs[0], None)
    if isinstance(first, Label) and operation.kind in ("Shape", "Size", "Rank"):
        cases = (first.of(np.zeros(batch, np.int64)) for batch in batches)
        return make_constant(
            *(_fold_arrays(FOLDS[operation.kind], operation, budget, [c]) for c in cases)
        )
    if (
        isinstance(first, Label)
        and operation.kind == "Reshape"
        and isinstance(second, ConstantValue)
    ):
        row, merged = row_shape(second, first.of(np.zeros(1, np.int64)).size, batches)
        if merged:
            raise UnreadableError("puts the labels of a batch together")
        return Label(lambda labels: first.of(labels).reshape(len(labels), *row), steps)

    def of(labels: Array) -> Array:
        given = [each.of(labels) if isinstance(each, Label) else each.value for each in inputs]
        return _fold_arrays(FOLDS[operation.kind], operation, budget, given)

    return Label(of, steps)


def _fold_arrays(function: Fold, operation: Operation, budget: Budget, given: list[Array]) -> Array:
    with convert_errors(), np.errstate(all="ignore"):
        made = np.asarray(function(operation, budget, *given))
    budget.spend(made.shape)
    return made
