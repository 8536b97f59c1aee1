"""Convolutions with dilation as TensorFlow spells them out where it has none: on parts of pictures.

Each block of pixels is spread over the batch, the parts are convolved, and put together again.
"""

from dataclasses import replace

import numpy as np

from ganinv_cli.formats.graph.builder import Builder, constant
from ganinv_cli.formats.graph.values import Flow, Operation, SpaceToBatch, Value
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds

MAX_KERNEL = 1 << 26  # values of a kernel with the zeros of its dilation

_OTHERWISE = "computes with parts of a picture otherwise than a dilated convolution does"


def space_to_batch(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """SpaceToBatchND of a picture."""
    flow = builder.as_flow(inputs[0], operation.name)
    block, pads = _sizes(inputs[1]), _sizes(inputs[2])
    if len(flow.shape) != 3 or flow.merged or len(block) != 2 or len(pads) != 4:
        raise UnreadableError(_OTHERWISE)
    if min(block) < 1 or min(pads) < 0 or max(*block, *pads) > 1024:
        raise UnreadableError(_OTHERWISE)
    return SpaceToBatch(flow, (block[0], block[1]), ((pads[0], pads[1]), (pads[2], pads[3])))


def convolve_parts(operation: Operation, given: SpaceToBatch, kernel: np.ndarray) -> SpaceToBatch:
    """The convolution of the parts, by a kernel (height, width, inputs, outputs)."""
    strides = operation.integers("strides")
    plain = operation.text("padding") == "VALID" and set(strides) == {1}
    first = operation.text("data_format", "NHWC") != "NHWC"
    if given.kernel is not None or not plain or first:
        raise UnreadableError(_OTHERWISE)
    return replace(given, kernel=dilate_kernel(kernel, given.block))


def together(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """BatchToSpaceND: the picture again, and so the whole convolution."""
    given, block, crops = inputs[0], _sizes(inputs[1]), _sizes(inputs[2])
    if not isinstance(given, SpaceToBatch) or given.kernel is None or len(crops) != 4:
        raise UnreadableError(_OTHERWISE)
    if tuple(block) != given.block or min(crops) < 0:
        raise UnreadableError(_OTHERWISE)
    number = builder.plain(given.flow, operation.name)
    deep = given.kernel.shape[2]
    if deep != given.flow.shape[2]:
        raise UnreadableError(f"has a kernel of {deep} channels for {given.flow.shape[2]}")
    (top, bottom), (left, right) = given.pads
    pads = ((top, bottom - crops[1]), (left, right - crops[3]))
    if crops[0] or crops[2] or min(map(min, pads)) < 0:
        raise UnreadableError(_OTHERWISE)
    bias = np.zeros(given.kernel.shape[3], np.float32)
    layer = kinds.Conv(given.kernel, bias, (1, 1), pads)
    made: Flow = builder.flow(layer, operation.name, number)
    return made


def dilate_kernel(kernel: np.ndarray, apart: tuple[int, int]) -> np.ndarray:
    """A kernel with the zeros of its dilation. Raises UnreadableError where they are too many."""
    height, width = ((n - 1) * d + 1 for n, d in zip(kernel.shape[:2], apart, strict=True))
    if height * width * kernel.shape[2] * kernel.shape[3] > MAX_KERNEL:
        raise UnreadableError(f"has a kernel of {height} x {width} with its dilation")
    spread = np.zeros((height, width, *kernel.shape[2:]), np.float32)
    spread[:: apart[0], :: apart[1]] = kernel
    return spread


def _sizes(value: Value) -> list[int]:
    return [int(each) for each in constant(value).reshape(-1)]
