"""The operations of a TensorFlow graph that enlarge, pad and cut pictures, as layers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from ganinv_cli.formats.graph.arithmetic import slices
from ganinv_cli.formats.graph.builder import CHANNELS_FIRST, Builder, constant
from ganinv_cli.formats.graph.values import ConstantValue, Flow, Operation, Value
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Pair

MAX_PICKED = 1 << 24  # values of a matrix that picks some of a row's


def pad(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Rows and columns of zeros, or mirrored, around pictures."""
    flow = builder.as_flow(inputs[0], operation.name)
    pads = [(int(a), int(b)) for a, b in constant(inputs[1]).reshape(-1, 2)]
    if len(pads) != len(flow.shape) + 1:
        raise UnreadableError(f"pads other axes than there are ({pads[:8]})")
    mirrored = operation.kind == "MirrorPad"
    if mirrored and operation.text("mode") != "REFLECT":
        raise UnreadableError("mirrors with the edge (SYMMETRIC), which is not supported")
    if operation.kind == "PadV2" and constant(inputs[2]).any():
        raise UnreadableError("pads with another value than 0")
    if any(pads[0]):
        raise UnreadableError("adds rows to the batch")
    mode: Literal["constant", "reflect"] = "reflect" if mirrored else "constant"
    return _add_padding(builder, operation, flow, pads[1:], mode)


def strided_slice(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Parts of rows: x[:, 1:-1, 1:-1, :], x[:, 0]."""
    flow = builder.as_flow(inputs[0], operation.name)
    index = list(slices(operation, *(constant(each) for each in inputs[1:4])))
    wide = len(flow.shape) + 1
    if ... in index:
        place = index.index(...)
        taken = sum(each is not None for each in index) - 1
        index[place : place + 1] = [slice(None)] * (wide - taken)
    if flow.merged or index[0] not in (slice(None), slice(None, None, 1), slice(0, None, 1)):
        raise UnreadableError("takes some rows of the batch, where each row has its own picture")
    taken_from = sum(each is not None for each in index)
    if taken_from > wide:
        raise UnreadableError(f"takes parts of {taken_from} axes of {wide}")
    index += [slice(None)] * (wide - taken_from)
    row: list[int] = []
    axis = 0
    for each in index[1:]:
        if each is None:
            row.append(1)
            continue
        one = isinstance(each, int)
        cut = slice(each, each + 1 or None) if isinstance(each, int) else each
        assert isinstance(cut, slice)
        flow = select_indices(builder, operation, flow, axis, range(flow.shape[axis])[cut])
        row += [] if one else [flow.shape[axis]]
        axis += 1
    return builder.reshape(flow, tuple(row), operation.name)


def slice_of(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Parts of rows by starts and sizes."""
    flow = builder.as_flow(inputs[0], operation.name)
    begins = [int(each) for each in constant(inputs[1])]
    sized = inputs[2]
    if not isinstance(sized, ConstantValue) or begins[:1] != [0] or flow.merged:
        raise UnreadableError("takes some rows of the batch, where each row has its own picture")
    whole = all(
        int(case[0]) in (-1, batch)
        for case, batch in zip(sized.cases, builder.batches, strict=False)
    )
    sizes = [int(each) for each in sized.cases[0]]
    if not whole or not len(begins) == len(sizes) == len(flow.shape) + 1:
        raise UnreadableError("takes some rows of the batch, where each row has its own picture")
    for axis, (begin, size) in enumerate(zip(begins[1:], sizes[1:], strict=True)):
        every = range(flow.shape[axis])
        part = every[begin:] if size == -1 else every[begin : begin + size]
        flow = select_indices(builder, operation, flow, axis, part)
    return flow


def resize(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """By a whole factor, to the nearest pixel or bilinear between the centres of pixels."""
    flow = builder.as_flow(inputs[0], operation.name)
    wanted = [int(each) for each in constant(inputs[1])]
    if len(flow.shape) != 3 or len(wanted) != 2 or flow.merged:
        raise UnreadableError("resizes what is no picture")
    factors = [size // max(side, 1) for size, side in zip(wanted, flow.shape, strict=False)]
    if any(s * f != n or f < 1 for s, f, n in zip(flow.shape[:2], factors, wanted, strict=True)):
        raise UnreadableError(
            f"resizes {flow.shape[0]} x {flow.shape[1]} to {wanted[0]} x {wanted[1]}, "
            "where a whole factor was expected"
        )
    bilinear = operation.kind == "ResizeBilinear"
    if operation.true("align_corners") and factors != [1, 1]:
        raise UnreadableError("resizes between the corners (align_corners)")
    if bilinear and not operation.true("half_pixel_centers") and factors != [1, 1]:
        raise UnreadableError("resizes from the corners of pixels (half_pixel_centers is false)")
    method: Literal["nearest", "bilinear"] = "bilinear" if bilinear else "nearest"
    return upsample(builder, operation, flow, (factors[0], factors[1]), method)


def depth_to_space(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Channels as pixels."""
    flow = builder.as_flow(inputs[0], operation.name)
    name, size = operation.name, operation.integer("block_size")
    first = operation.text("data_format", "NHWC") == "NCHW"
    if len(flow.shape) != 3 or flow.merged or size < 1:
        raise UnreadableError("moves the channels of what is no picture")
    number = builder.transpose_axes(flow, (1, 2, 0) if first else (0, 1, 2), name)
    height, width, deep = builder.shape(number)
    if operation.kind == "DepthToSpace":
        apart = (height, width, size, size, deep // size**2)
        order, sides = (0, 2, 1, 3, 4), (height * size, width * size, deep // size**2)
    else:
        apart = (height // size, size, width // size, size, deep)
        order, sides = (0, 2, 1, 3, 4), (height // size, width // size, deep * size**2)
    number = builder.emit(kinds.Reshape(apart), name, number)
    number = builder.emit(kinds.Transpose(order), name, number)
    number = builder.emit(kinds.Reshape(sides), name, number)
    if first:
        return Flow(number, (sides[2], *sides[:2]), CHANNELS_FIRST)
    return Flow(number, sides, (0, 1, 2))


def upsample(
    builder: Builder,
    operation: Operation,
    flow: Flow,
    factor: Pair,
    method: Literal["nearest", "bilinear"],
) -> Flow:
    """Pixels as several pixels; twice to the nearest is once."""
    if factor == (1, 1):
        return flow
    number = builder.plain(flow, operation.name)
    before = builder.layer(number)
    twice = before.layer if before and isinstance(before.layer, kinds.Upsample) else None
    if before and twice and twice.method == method == "nearest":
        factor = twice.factor[0] * factor[0], twice.factor[1] * factor[1]
        number = before.inputs[0]
    return builder.flow(kinds.Upsample(factor, method), operation.name, number)


def _add_padding(
    builder: Builder,
    operation: Operation,
    flow: Flow,
    pads: list[Pair],
    mode: Literal["constant", "reflect"],
) -> Flow:
    """Pads of a row's axes: of height and width, wherever the channels are."""
    if not any(map(any, pads)):
        return flow
    first = pads[:1] == [(0, 0)] and (flow.order == CHANNELS_FIRST or any(pads[-1]))
    if len(pads) != 3 or flow.merged or any(pads[0] if first else pads[-1]):
        raise UnreadableError(f"pads or cuts other axes than height and width ({pads[:8]})")
    number = builder.transpose_axes(flow, (1, 2, 0) if first else (0, 1, 2), operation.name)
    sides = (pads[1], pads[2]) if first else (pads[0], pads[1])
    before = builder.layer(number)
    cut = before.layer if before and isinstance(before.layer, kinds.Pad) else None
    if before and cut and max(map(max, (*sides, *cut.sides))) <= 0:  # a cut of a cut
        above, beside = ((a[0] + b[0], a[1] + b[1]) for a, b in zip(sides, cut.sides, strict=True))
        sides, number = (above, beside), before.inputs[0]
    made = builder.flow(kinds.Pad(sides, mode), operation.name, number)
    if not first:
        return made
    height, width, deep = made.shape
    return Flow(made.node, (deep, height, width), CHANNELS_FIRST)


def select_indices(
    builder: Builder, operation: Operation, flow: Flow, axis: int, part: range
) -> Flow:
    """Some places along an axis: as a cut of a picture, or as the product with a matrix."""
    side = flow.shape[axis]
    if part == range(side):
        return flow
    if not len(part):
        raise UnreadableError(f"takes none of {side} values")
    spatial = (1, 2) if flow.order == CHANNELS_FIRST else (0, 1)
    if len(flow.shape) == 3 and axis in spatial and part.step == 1:
        pads = [(0, 0)] * 3
        pads[axis] = (-part.start, part.stop - side)
        return _add_padding(builder, operation, flow, pads, "constant")
    if side * len(part) > MAX_PICKED:
        raise UnreadableError(f"takes {len(part):,} of {side:,} values along an axis")
    order = (*(k for k in range(len(flow.shape)) if k != axis), axis)
    number = builder.transpose_axes(flow, order, operation.name)
    builder.budget.spend((side, len(part)))
    matrix = np.zeros((side, len(part)), np.float32)
    matrix[list(part), range(len(part))] = 1
    dense = kinds.Dense(matrix, np.zeros(len(part), np.float32))
    made = builder.emit(dense, operation.name, number)
    back = tuple(order.index(k) for k in range(len(order)))
    return replace(flow, node=made, shape=tuple(builder.shape(made)[k] for k in back), order=back)


PICTURES: dict[str, Callable[[Builder, Operation, list[Value]], Value]] = {
    **{"Pad": pad, "PadV2": pad, "MirrorPad": pad},
    **{"StridedSlice": strided_slice, "Slice": slice_of},
    **{"ResizeNearestNeighbor": resize, "ResizeBilinear": resize},
    **{"DepthToSpace": depth_to_space, "SpaceToDepth": depth_to_space},
}
