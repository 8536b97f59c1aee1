"""The operations of a TensorFlow graph that give a batch other axes, as layers."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ganinv_cli.formats.graph import tensors as graph_tensors
from ganinv_cli.formats.graph.builder import CHANNELS_FIRST, Builder, constant, values
from ganinv_cli.formats.graph.pictures import select_indices, upsample
from ganinv_cli.formats.graph.values import (
    ConstantValue,
    Flow,
    Operation,
    TiledFlow,
    Value,
    make_constant,
    row_shape,
)
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds

Shape = tuple[int, ...]


def shape(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """The sizes of a batch, as a constant for each size of a batch."""
    flow = builder.as_flow(inputs[0], operation.name)
    kind = graph_tensors.dtype(operation.type("out_type") or 3)
    return make_constant(*(np.array(_graph_shape(flow, batch), kind) for batch in builder.batches))


def reshape(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """The same values in another shape; behind a tiling perhaps an upsampling."""
    given, target = inputs
    if not isinstance(target, ConstantValue):
        raise UnreadableError("makes a shape that depends on the latent vector")
    if isinstance(given, TiledFlow):
        total = values(given.flow) * math.prod(given.multiples)
        wanted, merged = row_shape(target, total, builder.batches)
        if not merged and (made := _match_upsampling(builder, operation, given, wanted)):
            return made
    flow = builder.as_flow(given, operation.name)
    row, merged = row_shape(target, values(flow), builder.batches)
    return builder.reshape(flow, row, operation.name, merged)


def transpose(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """No layer yet: where the order matters to a layer, it asks for it."""
    flow = builder.as_flow(inputs[0], operation.name)
    order = [int(axis) % (len(flow.shape) + 1) for axis in constant(inputs[1])]
    if sorted(order) != list(range(len(flow.shape) + 1)) or order[0] or flow.merged:
        raise UnreadableError(f"puts the axes in the order {order}, where the batch is not first")
    axes = [axis - 1 for axis in order[1:]]
    picked = tuple(flow.shape[axis] for axis in axes)
    return replace(flow, shape=picked, order=tuple(flow.order[axis] for axis in axes))


def expand_dims(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """An axis of one value more."""
    flow = builder.as_flow(inputs[0], operation.name)
    axis = int(constant(inputs[1])[0])
    axis = axis + len(flow.shape) + 2 if axis < 0 else axis
    if not 1 <= axis <= len(flow.shape) + 1 or flow.merged:
        raise UnreadableError("adds an axis before the batch")
    row = (*flow.shape[: axis - 1], 1, *flow.shape[axis - 1 :])
    return builder.reshape(flow, row, operation.name)


def squeeze(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Axes of one value less."""
    flow = builder.as_flow(inputs[0], operation.name)
    axes = len(flow.shape) + 1
    listed = operation.integers("squeeze_dims")
    gone = {axis % axes for axis in listed} or {1 + k for k, n in enumerate(flow.shape) if n == 1}
    if 0 in gone or any(flow.shape[axis - 1] != 1 for axis in gone) or flow.merged:
        raise UnreadableError(f"takes away axes of rows of {list(flow.shape)} that are not 1")
    row = tuple(n for k, n in enumerate(flow.shape) if k + 1 not in gone)
    return builder.reshape(flow, row, operation.name)


def tile(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Kept as it is until a reshape says what it means."""
    flow = builder.as_flow(inputs[0], operation.name)
    multiples = tuple(int(each) for each in constant(inputs[1]))
    if len(multiples) != len(flow.shape) + 1 or multiples[0] != 1 or min(multiples) < 1:
        raise UnreadableError(f"repeats the batch ({list(multiples)[:8]})")
    return flow if max(multiples) == 1 else TiledFlow(flow, multiples[1:])


def concat(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Beside one another along any axis behind the batch."""
    *parts, last = inputs
    first = next((each for each in parts if not isinstance(each, ConstantValue)), parts[0])
    axes = len(builder.as_flow(first, operation.name).shape)
    axis = int(constant(last)[0]) % (axes + 1) - 1
    if axis < 0:
        raise UnreadableError("puts batches behind one another")
    flows = [_spread(builder, operation, each, axes) for each in parts]
    if any(len(flow.shape) != axes or flow.merged for flow in flows):
        raise UnreadableError("puts rows of other axes beside one another")
    order = (*(k for k in range(axes) if k != axis), axis)
    numbers = [builder.transpose_axes(flow, order, operation.name) for flow in flows]
    made = builder.flow(kinds.Concat(), operation.name, *numbers)
    back = tuple(order.index(k) for k in range(axes))
    return Flow(made.node, tuple(made.shape[k] for k in back), back)


def apart(builder: Builder, operation: Operation, inputs: list[Value]) -> list[Value]:
    """Split, SplitV and Unpack: parts along an axis."""
    if operation.kind == "Split":
        given, axis, count = inputs[1], int(constant(inputs[0])[0]), operation.integer("num_split")
    elif operation.kind == "SplitV":
        given, axis, count = inputs[0], int(constant(inputs[2])[0]), 0
    else:
        given, axis, count = inputs[0], operation.integer("axis"), operation.integer("num")
    if isinstance(given, ConstantValue):
        return _constants_apart(operation, given, axis, count, inputs)
    flow = builder.as_flow(given, operation.name)
    along = axis % (len(flow.shape) + 1) - 1
    if along < 0 or flow.merged:
        raise UnreadableError("takes some rows of the batch, where each row has its own picture")
    side = flow.shape[along]
    sizes = (
        [int(n) for n in constant(inputs[1])]
        if not count
        else [side // count] * min(count, side + 1)
    )
    sizes = [side - sum(sizes) - 1 if size == -1 else size for size in sizes]
    if sum(sizes) != side or min(sizes, default=0) < 1:
        raise UnreadableError(f"takes {side} values apart as {sizes[:8]}")
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    parts = [
        select_indices(builder, operation, flow, along, range(end - size, end))
        for size, end in zip(sizes, ends, strict=True)
    ]
    if operation.kind != "Unpack":
        return list(parts)
    row = (*flow.shape[:along], *flow.shape[along + 1 :])
    return [builder.reshape(part, row, operation.name) for part in parts]


def cast(operation: Operation, flow: Flow) -> Flow:
    """Between floats: all is float32 here."""
    if operation.type("DstT") % 100 not in graph_tensors.FLOATS:
        raise UnreadableError("makes whole numbers of what depends on the latent vector")
    return flow


def _constants_apart(
    operation: Operation, given: ConstantValue, axis: int, count: int, inputs: list[Value]
) -> list[Value]:
    side = given.cases[0].shape[axis]
    if operation.kind == "SplitV":
        ends = [int(n) for n in np.cumsum(constant(inputs[1]))]
    elif not 0 < count <= side or side % count:
        raise UnreadableError(f"takes {side} values apart in {count}")
    else:
        ends = [side // count * (number + 1) for number in range(count)]
    parts = [np.split(case, ends[:-1], axis) for case in given.cases]
    if operation.kind == "Unpack":
        parts = [[np.squeeze(each, axis) for each in case] for case in parts]
    return [make_constant(*cases) for cases in zip(*parts, strict=True)]


def _match_upsampling(
    builder: Builder, operation: Operation, tiled: TiledFlow, wanted: Shape
) -> Flow | None:
    """An axis of one value, repeated, then joined with the axis before it: each pixel again."""
    base: list[int] = []
    factors: list[int] = []
    for size, multiple in zip(tiled.flow.shape, tiled.multiples, strict=True):
        if multiple > 1 and (size != 1 or not base):
            return None
        if multiple > 1:
            factors[-1] *= multiple
        else:
            base.append(size)
            factors.append(1)
    if len(base) != 3 or wanted != tuple(n * f for n, f in zip(base, factors, strict=True)):
        return None
    flow = builder.reshape(tiled.flow, tuple(base), operation.name)
    if factors[2] == 1:
        return upsample(builder, operation, flow, (factors[0], factors[1]), "nearest")
    if factors[0] > 1:
        return None
    turned = builder.transpose_axes(flow, (1, 2, 0), operation.name)
    flow = Flow(turned, builder.shape(turned), (0, 1, 2))
    made = upsample(builder, operation, flow, (factors[1], factors[2]), "nearest")
    return Flow(made.node, wanted, CHANNELS_FIRST)


def _graph_shape(flow: Flow, batch: int) -> Shape:
    """What the graph's shape of a batch is."""
    return (batch * flow.shape[0], *flow.shape[1:]) if flow.merged else (batch, *flow.shape)


def _spread(builder: Builder, operation: Operation, value: Value, axes: int) -> Flow:
    """A constant that stands beside flows, with the axes of a row."""
    if isinstance(value, ConstantValue) and value.cases[0].ndim != axes + 1:
        raise UnreadableError("puts a constant of other axes beside what it is given")
    return builder.as_flow(value, operation.name)


SHAPES: dict[str, Callable[[Builder, Operation, list[Value]], Value]] = {
    **{"Shape": shape, "Reshape": reshape, "Transpose": transpose, "ExpandDims": expand_dims},
    **{"Squeeze": squeeze, "Tile": tile, "ConcatV2": concat},
}
