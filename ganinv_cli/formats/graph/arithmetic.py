"""Operations of a TensorFlow graph in NumPy: for constants, shapes and labels, never for z."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import EllipsisType

import numpy as np

from ganinv_cli.formats.graph import tensors as graph_tensors
from ganinv_cli.formats.graph.tensors import Budget
from ganinv_cli.formats.graph.values import Operation
from ganinv_cli.formats.interface import UnreadableError

Array = np.ndarray
Fold = Callable[..., Array]  # (operation, budget, *inputs) -> output
Index = slice | int | EllipsisType | None

MAX_SIZES = 64  # in a shape, or a list of axes


@contextmanager
def convert_errors() -> Iterator[None]:
    """Around arithmetic on what a file says, which raises these where it does not fit."""
    try:
        yield
    except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UnreadableError(f"does not fit what it is given ({reason})") from None


def _binary(function: Callable[[Array, Array], Array]) -> Fold:
    def fold(operation: Operation, budget: Budget, left: Array, right: Array) -> Array:
        budget.spend(np.broadcast_shapes(left.shape, right.shape))
        return function(left, right)

    return fold


def _unary(function: Callable[[Array], Array]) -> Fold:
    def fold(operation: Operation, budget: Budget, x: Array) -> Array:
        made = np.asarray(function(x))
        return np.asarray(made, x.dtype if x.dtype.kind == "f" and made.dtype != bool else None)

    return fold


def _reduction(function: Callable[..., Array]) -> Fold:
    def fold(operation: Operation, budget: Budget, x: Array, axes: Array) -> Array:
        over = tuple(_sizes(axes))
        keep = operation.true("keep_dims") or operation.true("keepdims")
        made = function(x, axis=over, keepdims=keep)
        return np.asarray(made).astype(x.dtype)

    return fold


def _cast(operation: Operation, budget: Budget, x: Array) -> Array:
    return x.astype(graph_tensors.dtype(operation.type("DstT")))


def _matmul(operation: Operation, budget: Budget, left: Array, right: Array) -> Array:
    if operation.true("transpose_a") or operation.true("adj_x"):
        left = np.swapaxes(left, -1, -2)
    if operation.true("transpose_b") or operation.true("adj_y"):
        right = np.swapaxes(right, -1, -2)
    budget.spend((*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), left.shape[-2], 1))
    budget.spend((left.shape[-2], right.shape[-1]))
    return np.asarray(left @ right)


def _reshape(operation: Operation, budget: Budget, x: Array, shape: Array) -> Array:
    return x.reshape(_sizes(shape))


def _transpose(operation: Operation, budget: Budget, x: Array, order: Array) -> Array:
    return x.transpose(_sizes(order))


def _expand(operation: Operation, budget: Budget, x: Array, axis: Array) -> Array:
    return np.expand_dims(x, int(np.reshape(axis, -1)[0]))


def _squeeze(operation: Operation, budget: Budget, x: Array) -> Array:
    return np.squeeze(x, axis=tuple(operation.integers("squeeze_dims")) or None)


def _pack(operation: Operation, budget: Budget, *parts: Array) -> Array:
    return np.stack(parts, axis=operation.integer("axis"))


def _concat(operation: Operation, budget: Budget, *parts: Array) -> Array:
    *arrays, axis = parts
    return np.concatenate(arrays, axis=int(axis))


def _strided_slice(
    operation: Operation, budget: Budget, x: Array, begin: Array, end: Array, strides: Array
) -> Array:
    return np.asarray(x[slices(operation, begin, end, strides)])


def slices(operation: Operation, begin: Array, end: Array, strides: Array) -> tuple[Index, ...]:
    """What a StridedSlice means, as an index of NumPy. Raises UnreadableError."""
    index: list[Index] = []
    masks = {
        name: operation.integer(f"{name}_mask")
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    if masks["ellipsis"] and masks["ellipsis"].bit_count() > 1:
        raise UnreadableError("slices with several ellipses")
    sides = zip(_sizes(begin), _sizes(end), _sizes(strides), strict=True)
    for axis, (first, last, step) in enumerate(sides):
        bit = 1 << axis
        if masks["ellipsis"] & bit:
            index.append(...)
        elif masks["new_axis"] & bit:
            index.append(None)
        elif masks["shrink_axis"] & bit:
            index.append(first)
        else:
            start = None if masks["begin"] & bit else first
            index.append(slice(start, None if masks["end"] & bit else last, step))
    return tuple(index)


def _slice(operation: Operation, budget: Budget, x: Array, begin: Array, size: Array) -> Array:
    sides = zip(_sizes(begin), _sizes(size), strict=True)
    return x[tuple(slice(b, None if n == -1 else b + n) for b, n in sides)]


def _gather(operation: Operation, budget: Budget, table: Array, rows: Array, *axis: Array) -> Array:
    if operation.integer("batch_dims"):
        raise UnreadableError("gathers within rows")
    along = int(axis[0]) if axis else 0
    if rows.size and rows.min() < 0:
        raise IndexError(f"index {rows.min()} of {table.shape[along]}")
    budget.spend((*table.shape[:along], *rows.shape, *table.shape[along:][1:]))
    return np.take(table, rows.astype(np.int64), axis=along)


def _one_hot(
    operation: Operation, budget: Budget, labels: Array, depth: Array, on: Array, off: Array
) -> Array:
    if operation.integer("axis", -1) not in (-1, labels.ndim):
        raise UnreadableError("makes one-hot vectors along another axis than the last")
    budget.spend((*labels.shape, int(depth)))
    return np.where(labels[..., None] == np.arange(int(depth)), on, off)


def _fill(operation: Operation, budget: Budget, shape: Array, value: Array) -> Array:
    budget.spend(tuple(_sizes(shape)))
    return np.asarray(np.full(_sizes(shape), value))


def _tile(operation: Operation, budget: Budget, x: Array, multiples: Array) -> Array:
    budget.spend(tuple(s * m for s, m in zip(x.shape, _sizes(multiples), strict=True)))
    return np.tile(x, _sizes(multiples))


def _broadcast(operation: Operation, budget: Budget, x: Array, shape: Array) -> Array:
    budget.spend(tuple(_sizes(shape)))
    return np.broadcast_to(x, _sizes(shape))


def _range(operation: Operation, budget: Budget, start: Array, end: Array, step: Array) -> Array:
    budget.spend((max(math.ceil((end.item() - start.item()) / step.item()), 0),))
    return np.arange(start.item(), end.item(), step.item()).astype(start.dtype)


def _sizes(array: Array) -> list[int]:
    if array.size > MAX_SIZES:
        raise ValueError(f"{array.size:,} sizes or axes")
    return [int(each) for each in np.reshape(array, -1)]


def _shape(operation: Operation, budget: Budget, x: Array) -> Array:
    return np.array(x.shape, graph_tensors.dtype(operation.type("out_type") or 3))


def _divide(left: Array, right: Array) -> Array:
    return np.asarray(left / right if left.dtype.kind == "f" else left // right)


def _select(operation: Operation, budget: Budget, which: Array, left: Array, right: Array) -> Array:
    budget.spend(np.broadcast_shapes(which.shape, left.shape, right.shape))
    return np.asarray(np.where(which, left, right))


def _same(operation: Operation, budget: Budget, x: Array) -> Array:
    return x


FOLDS: dict[str, Fold] = {
    **{name: _binary(np.add) for name in ("Add", "AddV2")},
    **{name: _binary(_divide) for name in ("RealDiv", "Div")},
    **{name: _binary(np.floor_divide) for name in ("FloorDiv",)},
    **{"Sub": _binary(np.subtract), "Mul": _binary(np.multiply), "Pow": _binary(np.power)},
    **{"Maximum": _binary(np.maximum), "Minimum": _binary(np.minimum), "FloorMod": _binary(np.mod)},
    **{"Less": _binary(np.less), "LessEqual": _binary(np.less_equal)},
    **{"Greater": _binary(np.greater), "GreaterEqual": _binary(np.greater_equal)},
    **{"Equal": _binary(np.equal), "NotEqual": _binary(np.not_equal)},
    **{"LogicalAnd": _binary(np.logical_and), "LogicalOr": _binary(np.logical_or)},
    "SquaredDifference": _binary(lambda left, right: (left - right) ** 2),
    **{"Neg": _unary(np.negative), "Square": _unary(np.square), "Sqrt": _unary(np.sqrt)},
    **{"Exp": _unary(np.exp), "Log": _unary(np.log), "Abs": _unary(np.abs)},
    **{"Tanh": _unary(np.tanh), "LogicalNot": _unary(np.logical_not), "Sign": _unary(np.sign)},
    **{"Floor": _unary(np.floor), "Ceil": _unary(np.ceil), "Round": _unary(np.rint)},
    **{name: _unary(lambda x: 1 / x) for name in ("Reciprocal", "Inv")},
    "Rsqrt": _unary(lambda x: 1 / np.sqrt(x)),
    "Relu": _unary(lambda x: np.maximum(x, 0)),
    "Sigmoid": _unary(lambda x: 1 / (1 + np.exp(-x))),
    "Softplus": _unary(lambda x: np.logaddexp(x, 0)),
    **{"ZerosLike": _unary(np.zeros_like), "OnesLike": _unary(np.ones_like)},
    **{"Sum": _reduction(np.sum), "Prod": _reduction(np.prod), "Mean": _reduction(np.mean)},
    **{"Max": _reduction(np.max), "Min": _reduction(np.min)},
    **{"All": _reduction(np.all), "Any": _reduction(np.any)},
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2"), _matmul),
    **{"Cast": _cast, "Reshape": _reshape, "Transpose": _transpose, "ExpandDims": _expand},
    **{"Squeeze": _squeeze, "Pack": _pack, "ConcatV2": _concat, "StridedSlice": _strided_slice},
    **{"Slice": _slice, "GatherV2": _gather, "Gather": _gather, "OneHot": _one_hot},
    **{"Fill": _fill, "Tile": _tile, "BroadcastTo": _broadcast, "Range": _range, "Shape": _shape},
    **{"Select": _select, "SelectV2": _select},
    "Size": lambda operation, budget, x: np.array(x.size, np.int32),
    "Rank": lambda operation, budget, x: np.array(x.ndim, np.int32),
    "BiasAdd": lambda operation, budget, x, bias: x + bias,
    **dict.fromkeys(("PreventGradient", "CheckNumerics"), _same),
}
