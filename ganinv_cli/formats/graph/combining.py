"""Values of a TensorFlow graph together: their sums and products, as the layers of a network."""

from dataclasses import replace

import numpy as np

from ganinv_cli.formats.graph.builder import Builder, channels
from ganinv_cli.formats.graph.values import ConstantValue, Flow, Operation, Value
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Layer


def arithmetic(
    builder: Builder,
    operation: Operation,
    left: Value,
    right: Value,
    layer: kinds.Add | kinds.Multiply,
) -> Flow:
    """The sum or the product of two values, by an Affine where one is a number a channel."""
    if isinstance(left, ConstantValue):
        left, right = right, left
    flow = builder.as_flow(left, operation.name)
    if not isinstance(right, ConstantValue):
        return combine(builder, operation, layer, flow, builder.as_flow(right, operation.name))
    row = _row(builder, flow, right)
    wide = channels(flow)
    if row.size == 1 or (row.size == row.shape[-1] and row.size == wide and len(flow.shape) > 0):
        values = np.asarray(np.broadcast_to(row.reshape(-1), (wide,)), np.float32)
        if isinstance(layer, kinds.Add):
            return scale_and_shift(builder, operation, flow, 1.0, values)
        return scale_and_shift(builder, operation, flow, values, 0.0)
    if flow.merged:
        raise UnreadableError("computes with a constant that tells the rows apart")
    constant = builder.emit(kinds.Constant(np.asarray(row, np.float32)), operation.name)
    number = builder.emit(layer, operation.name, flow.node, constant)
    return _after(builder, number, flow.order)


def _row(builder: Builder, flow: Flow, constant: ConstantValue) -> np.ndarray:
    """A constant as it is in each row, its axes in the order of the flow's node."""
    axes = len(flow.shape) + 1
    if max(case.ndim for case in constant.cases) > axes:
        raise UnreadableError("computes with a constant of more axes than the batch has")
    cases = tuple(c.reshape((1,) * (axes - c.ndim) + c.shape) for c in constant.cases)
    row = builder.row(ConstantValue(cases))
    return row.transpose([flow.order.index(axis) for axis in range(len(flow.order))])


def combine(
    builder: Builder, operation: Operation, layer: kinds.Add | kinds.Multiply, a: Flow, b: Flow
) -> Flow:
    """The sum or the product of two flows."""
    if len(a.shape) != len(b.shape) or a.merged != b.merged:
        raise UnreadableError(
            f"combines rows of {list(a.shape)} and {list(b.shape)}, which have other axes"
        )
    if a.merged and a.shape[0] != b.shape[0]:
        raise UnreadableError("combines rows of several batches")
    if a.order == b.order:
        number = builder.emit(layer, operation.name, a.node, b.node)
        return replace(_after(builder, number, a.order), merged=a.merged)
    plain = [builder.plain(each, operation.name) for each in (a, b)]
    return replace(builder.flow(layer, operation.name, *plain), merged=a.merged)


def _after(builder: Builder, number: int, order: tuple[int, ...]) -> Flow:
    own = builder.shape(number)
    return Flow(number, tuple(own[axis] for axis in order), order)


def through(builder: Builder, layer: Layer, operation: Operation, value: Value) -> Flow:
    """Whatever the order of the axes."""
    flow = builder.as_flow(value, operation.name)
    return replace(flow, node=builder.emit(layer, operation.name, flow.node))


def scale_and_shift(
    builder: Builder,
    operation: Operation,
    flow: Flow,
    scale: float | np.ndarray,
    shift: float | np.ndarray,
) -> Flow:
    """x * scale + shift, by one number or one a channel of the flow's node."""
    wide = (channels(flow),)
    by, on = (np.array(np.broadcast_to(each, wide), np.float32) for each in (scale, shift))
    return replace(flow, node=builder.affine(flow.node, by, on, operation.name))
