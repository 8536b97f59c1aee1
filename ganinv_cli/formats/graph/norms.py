"""Norms by a row's own moments, which a TensorFlow graph spells out: found by their last product.

With m the mean of x, r = 1 / sqrt(variance + epsilon), a norm is (x - m) * r, or
x * (r * gamma) + (beta - m * (r * gamma)), or without m where the mean square stands for the
variance. What is between is kept as it is until the norm is complete.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ganinv_cli.formats.graph.builder import Builder, channels, constant
from ganinv_cli.formats.graph.combining import arithmetic
from ganinv_cli.formats.graph.values import ConstantValue, Flow, Moment, Operation, Value
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds


def mean(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Of x, or of its squares."""
    given, axes = inputs[0], constant(inputs[1])
    if not (operation.true("keep_dims") or operation.true("keepdims")):
        raise UnreadableError("takes a mean that does not keep its axes, as pooling does")
    flow = given if isinstance(given, Flow) else given.flow if isinstance(given, Moment) else None
    if flow is None or flow.merged:
        raise UnreadableError("takes a mean that is no part of a norm")
    over = tuple(sorted(int(axis) % (len(flow.shape) + 1) - 1 for axis in axes))
    if over[:1] < (0,):
        raise UnreadableError("takes a mean over the batch, which couples the pictures")
    if isinstance(given, Moment):
        if given.form != "squares" or given.axes not in ((), over):
            raise UnreadableError("takes a mean that is no part of a norm")
        return replace(given, form="variance", axes=over)
    node = builder.layer(flow.node)
    if node and isinstance(node.layer, kinds.Multiply) and node.inputs[0] == node.inputs[1]:
        return Moment("variance", replace(flow, node=node.inputs[0]), over, centred=False)
    return Moment("mean", flow, over)


def combine_moments(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """An operation on a moment. Raises UnreadableError where it is no step to a norm."""
    made = _STEPS[operation.kind](builder, operation, inputs) if operation.kind in _STEPS else None
    if made is None:
        raise UnreadableError("computes with a mean or a variance otherwise than a norm does")
    return made


def _negate(builder: Builder, operation: Operation, inputs: list[Value]) -> Value | None:
    (given,) = inputs
    if isinstance(given, Moment) and given.form in ("mean", "offset"):
        return given.times(-1.0)
    return None


def _root(builder: Builder, operation: Operation, inputs: list[Value]) -> Value | None:
    (given,) = inputs
    if not isinstance(given, Moment) or given.form != "variance":
        return None
    return replace(given, form="inverse" if operation.kind == "Rsqrt" else "deviation")


def _square(builder: Builder, operation: Operation, inputs: list[Value]) -> Value | None:
    first = inputs[0]
    if isinstance(first, Moment) and first.form == "centred" and len({*map(id, inputs)}) == 1:
        return replace(first, form="squares")
    return None


def _difference(builder: Builder, operation: Operation, inputs: list[Value]) -> Value | None:
    left, right = inputs
    if isinstance(right, Moment) and right.form == "mean" and right.gamma is None:
        form = "squares" if operation.kind == "SquaredDifference" else "centred"
        return replace(right, form=form) if left == right.flow else None
    if operation.kind == "Sub" and isinstance(right, Moment) and right.form == "offset":
        return _sum(builder, operation, [left, right.times(-1.0)])
    return None


def _product(builder: Builder, operation: Operation, inputs: list[Value]) -> Value | None:
    left, right = inputs
    if not isinstance(right, Moment) or right.form != "inverse":
        left, right = right, left
    if not isinstance(right, Moment):
        return None
    if operation.kind == "Mul" and left is right:
        return _square(builder, operation, inputs)
    if right.form != "inverse":
        return None
    if isinstance(left, ConstantValue):
        return right.times(left.value)
    if isinstance(left, Moment) and left.form == "mean":
        return replace(right.times(1.0 if left.gamma is None else left.gamma), form="offset")
    if isinstance(left, Moment) and left.form == "centred":
        return _norm(builder, operation, right, None)
    if isinstance(left, Flow) and left == right.flow:
        if right.centred:
            return replace(right, form="scaled")
        return _norm(builder, operation, right, None)
    return None


def _quotient(builder: Builder, operation: Operation, inputs: list[Value]) -> Value | None:
    left, right = inputs
    if not isinstance(right, Moment) or right.form != "deviation":
        return None
    centred = isinstance(left, Moment) and left.form == "centred"
    if centred if right.centred else left == right.flow:
        return _norm(builder, operation, right, None)
    return None


def _sum(builder: Builder, operation: Operation, inputs: list[Value]) -> Value | None:
    left, right = inputs
    if isinstance(left, ConstantValue) or (isinstance(right, Moment) and right.form == "scaled"):
        left, right = right, left
    if not isinstance(left, Moment):
        return None
    if isinstance(right, ConstantValue):
        if left.form == "variance" and right.value.size == 1:
            return replace(left, epsilon=left.epsilon + float(right.value.item()))
        if left.form == "offset":
            return replace(left, beta=right.value if left.beta is None else left.beta + right.value)
    if left.form == "scaled" and isinstance(right, Moment) and right.form == "offset":
        gamma, back = (np.asarray(1.0 if e.gamma is None else e.gamma) for e in (left, right))
        if left.flow == right.flow and left.axes == right.axes and np.array_equal(gamma, -back):
            return _norm(builder, operation, left, right.beta)
    return None


def _norm(builder: Builder, operation: Operation, moment: Moment, beta: np.ndarray | None) -> Flow:
    """The complete norm of the flow, with its scale and shift."""
    flow = moment.flow
    last = flow.order.index(len(flow.shape) - 1)  # the graph's axis of the node's channels
    if not moment.centred or (moment.axes == (last,) and len(flow.shape) > 1):
        made = _by_pixel(builder, operation, moment, last)
    else:
        made = _by_groups(builder, operation, moment, last)
    deep = channels(made)
    for layer, values in ((kinds.Multiply(), moment.gamma), (kinds.Add(), beta)):
        if values is not None:
            flat = np.reshape(values, -1) if np.size(values) == deep != flow.shape[last] else values
            made = arithmetic(builder, operation, made, ConstantValue((np.asarray(flat),)), layer)
    return builder.reshape(made, flow.shape, operation.name)


def _by_pixel(builder: Builder, operation: Operation, moment: Moment, last: int) -> Flow:
    """Over the channels of each pixel; with the mean taken away before, by a matrix."""
    flow, wide = moment.flow, moment.flow.shape[last]
    if moment.axes != (last,):
        raise UnreadableError("divides by a mean square over other axes than the channels")
    number = flow.node
    if moment.centred:
        builder.budget.spend((wide, wide))
        centring = (np.eye(wide) - 1 / wide).astype(np.float32)
        dense = kinds.Dense(centring, np.zeros(wide, np.float32))
        number = builder.emit(dense, operation.name, number)
    pixel = kinds.PixelNorm(moment.epsilon)
    return replace(flow, node=builder.emit(pixel, operation.name, number))


def _by_groups(builder: Builder, operation: Operation, moment: Moment, last: int) -> Flow:
    """Over whole rows, over each channel of a picture, or over groups of its channels."""
    flow = moment.flow
    every = tuple(range(len(flow.shape)))
    rest = [axis for axis in every if axis not in moment.axes]
    if len(every) == 4 and rest == [2] and flow.order == every:
        groups, deep = flow.shape[2], flow.shape[2] * flow.shape[3]
        flow = builder.reshape(flow, (*flow.shape[:2], deep), operation.name)
    elif rest in ([], [last]):
        deep = flow.shape[last]
        groups = deep if rest else 1
    else:
        raise UnreadableError(f"normalises rows of {list(flow.shape)} over axes {moment.axes}")
    ones, zeros = np.ones(deep, np.float32), np.zeros(deep, np.float32)
    norm = kinds.GroupNorm(ones, zeros, groups, moment.epsilon)
    return replace(flow, node=builder.emit(norm, operation.name, flow.node))


_STEPS: dict[str, Callable[[Builder, Operation, list[Value]], Value | None]] = {
    **{"Neg": _negate, "Sqrt": _root, "Rsqrt": _root, "Square": _square},
    **{"Sub": _difference, "SquaredDifference": _difference},
    **{"Mul": _product, "RealDiv": _quotient, "Add": _sum, "AddV2": _sum},
}
