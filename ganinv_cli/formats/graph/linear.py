"""The operations of a TensorFlow graph that have weights, as layers."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ganinv_cli.formats.graph.builder import CHANNELS_FIRST, Builder
from ganinv_cli.formats.graph.dilation import MAX_KERNEL, convolve_parts, dilate_kernel
from ganinv_cli.formats.graph.values import ConstantValue, Flow, Operation, SpaceToBatch, Value
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.graph import Z
from ganinv_cli.network.layers import Layer, Pair, Sides


def matmul(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x @ weights, over the last axis of x."""
    left, right = inputs
    if not isinstance(right, ConstantValue):
        raise UnreadableError("multiplies by a matrix that is not constant")
    if operation.true("transpose_a") or operation.true("adj_x"):
        raise UnreadableError("multiplies the transpose of what it is given")
    weights = right.value
    if operation.true("transpose_b") or operation.true("adj_y"):
        weights = np.swapaxes(weights, -1, -2)
    weights = weights.reshape(weights.shape[-2:]) if weights.ndim > 2 else weights
    flow = builder.as_flow(left, operation.name)
    if flow.node == Z and flow.shape == (0,):
        flow = builder.know_latent(weights.shape[0])
    dense = kinds.Dense(_float(weights), np.zeros(weights.shape[-1], np.float32))
    made = builder.flow(dense, operation.name, builder.plain(flow, operation.name))
    return replace(made, merged=flow.merged)


def bias_add(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x + bias, along the channels."""
    flow = builder.as_flow(inputs[0], operation.name)
    first = operation.text("data_format", "NHWC") == "NCHW"
    if not flow.shape or not isinstance(inputs[1], ConstantValue):
        raise UnreadableError("adds a bias that is not constant, or to no channels")
    bias = inputs[1].value
    if first and len(flow.shape) > 1:
        axes = (*range(1, len(flow.shape)), 0)
    else:
        axes = tuple(range(len(flow.shape)))
    number = builder.transpose_axes(flow, axes, operation.name)
    made = builder.affine(number, np.ones(bias.size, np.float32), _float(bias), operation.name)
    order = [axes.index(axis) for axis in range(len(axes))]
    return Flow(made, flow.shape, tuple(order), flow.merged)


def batch_norm(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """With constant statistics."""
    if operation.true("is_training", True):
        raise UnreadableError(
            "normalises by the statistics of its own batch; export the generator for inference "
            "(training=False), so that it uses its moving statistics"
        )
    number, back = _picture(builder, operation, inputs[0])
    gamma, beta, mean, variance = (_float(_constant(each)) for each in inputs[1:5])
    if variance.size and variance.min() < 0:
        raise UnreadableError(f"has a variance of {variance.min():g}, which is below 0")
    norm = kinds.BatchNorm(gamma, beta, mean, variance, operation.real("epsilon", 1e-4))
    return back(norm, number)


def convolution(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Conv2D and DepthwiseConv2dNative."""
    kernel = _kernel(operation, inputs[1])
    if isinstance(inputs[0], SpaceToBatch) and operation.kind == "Conv2D":
        return convolve_parts(operation, inputs[0], kernel)
    number, back = _picture(builder, operation, inputs[0])
    flow = builder.as_flow(inputs[0], operation.name)
    given = flow.shape[0] if _first(operation) else flow.shape[-1]
    if operation.kind == "DepthwiseConv2dNative":
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    groups = max(given // max(kernel.shape[2], 1), 1)
    if kernel.shape[2] * groups != given or kernel.shape[3] % groups:
        raise UnreadableError(f"has a kernel {list(kernel.shape)} for {given} channels")
    builder.budget.spend((*kernel.shape[:2], given, kernel.shape[3]))
    kernel = _apart(kernel, groups) if groups > 1 else kernel
    stride = _pair(operation, "strides")
    sides = flow.shape[1:] if _first(operation) else flow.shape[:2]
    padding = _padding(operation, sides, kernel.shape[:2], stride)
    bias = np.zeros(kernel.shape[3], np.float32)
    return back(kinds.Conv(kernel, bias, stride, padding), number)


def convolution_transpose(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """Conv2DBackpropInput: the convolution is of the picture that this makes."""
    size, weights, given = inputs
    number, back = _picture(builder, operation, given)
    kernel = _kernel(operation, weights)
    flow = builder.as_flow(given, operation.name)
    first = _first(operation)
    wanted = [int(each) for each in _read_output_shape(size)]
    sides: Any = wanted[2:4] if first else wanted[1:3]
    before = flow.shape[1:] if first else flow.shape[:2]
    channels_given = flow.shape[0] if first else flow.shape[-1]
    if min(sides) < 1 or kernel.shape[3] != channels_given:
        raise UnreadableError(
            f"makes a picture of {sides} by a kernel {list(kernel.shape)} "
            f"from {channels_given} channels"
        )
    stride = _pair(operation, "strides")
    padding = _padding(operation, tuple(sides), kernel.shape[:2], stride)
    crop = []
    for side, there, size_, step, (top, bottom) in zip(
        before, sides, kernel.shape[:2], stride, padding, strict=True
    ):
        if (there + top + bottom - size_) // step + 1 != side:
            raise UnreadableError(f"makes {there} pixels of {side}, which its stride does not")
        crop.append((top, (side - 1) * step + size_ - there - top))
    bias = np.zeros(kernel.shape[2], np.float32)
    return back(kinds.ConvTranspose(kernel, bias, stride, (crop[0], crop[1])), number)


def _picture(
    builder: Builder, operation: Operation, value: Value
) -> tuple[int, Callable[[Layer, int], Flow]]:
    """The node with the channels last, and how a layer behind it gives the graph's axes back."""
    flow = builder.as_flow(value, operation.name)
    if flow.merged or len(flow.shape) != 3:
        raise UnreadableError("expects pictures: (batch, height, width, channels)")
    first = _first(operation)
    number = builder.transpose_axes(flow, (1, 2, 0) if first else (0, 1, 2), operation.name)

    def back(layer: Layer, given: int) -> Flow:
        made = builder.flow(layer, operation.name, given)
        if not first:
            return made
        height, width, deep = made.shape
        return Flow(made.node, (deep, height, width), CHANNELS_FIRST)

    return number, back


def _first(operation: Operation) -> bool:
    """Whether the channels come first."""
    found = operation.text("data_format", "NHWC")
    if found not in ("NHWC", "NCHW"):
        raise UnreadableError(f"works on {found}, where pictures (NHWC or NCHW) were expected")
    return found == "NCHW"


def _pair(operation: Operation, name: str) -> Pair:
    """What an attribute says of height and width."""
    listed = operation.integers(name) or [1, 1, 1, 1]
    if len(listed) != 4 or not min(listed) >= 1 or max(listed) > 1024:
        raise UnreadableError(f"has {name} {listed[:8]}, where four small numbers were expected")
    along = listed[2:] if _first(operation) else listed[1:3]
    if math.prod(listed) != along[0] * along[1]:
        raise UnreadableError(f"has {name} {listed} beyond the height and the width")
    return along[0], along[1]


def _padding(operation: Operation, sides: Any, kernel: Any, stride: Pair) -> Sides:
    """The pads of a convolution of a picture of `sides`."""
    rule = operation.text("padding")
    if rule == "VALID":
        return (0, 0), (0, 0)
    if rule == "EXPLICIT":
        listed = operation.integers("explicit_paddings")
        if len(listed) != 8 or min(listed) < 0 or max(listed) > 1024:
            raise UnreadableError(f"has the paddings {listed[:16]}")
        pairs = [(listed[k], listed[k + 1]) for k in range(0, 8, 2)]
        along = pairs[2:] if _first(operation) else pairs[1:3]
        return along[0], along[1]
    if rule != "SAME":
        raise UnreadableError(f"has the padding {rule!r}")
    pads = []
    for side, size, step in zip(sides, kernel, stride, strict=True):
        over = max((-(-side // step) - 1) * step + size - side, 0)
        pads.append((over // 2, over - over // 2))
    return pads[0], pads[1]


def _kernel(operation: Operation, value: Value) -> np.ndarray:
    """With the zeros of its dilation."""
    kernel = _constant(value)
    if kernel.ndim != 4 or not kernel.size:
        raise UnreadableError(f"has a kernel of shape {list(kernel.shape)}")
    apart = _pair(operation, "dilations")
    if apart == (1, 1):
        return _float(kernel)
    return dilate_kernel(kernel, apart)


def _apart(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A kernel of groups as one of all channels, with zeros between the groups."""
    height, width, inputs, outputs = kernel.shape
    if kernel.size * groups > MAX_KERNEL:
        raise UnreadableError(f"has a kernel {list(kernel.shape)} in {groups} groups")
    each = outputs // groups
    spread = np.zeros((height, width, inputs * groups, outputs), np.float32)
    for group in range(groups):
        there = slice(group * each, (group + 1) * each)
        spread[:, :, group * inputs : (group + 1) * inputs, there] = kernel[:, :, :, there]
    return spread


def _constant(value: Value) -> np.ndarray:
    if not isinstance(value, ConstantValue):
        raise UnreadableError("has weights that depend on what it is given")
    return value.value


def _read_output_shape(value: Value) -> np.ndarray:
    """A shape whose batch may vary."""
    if not isinstance(value, ConstantValue):
        raise UnreadableError("makes a picture of a size that depends on what it is given")
    if any(case.shape != (4,) for case in value.cases):
        raise UnreadableError("makes a picture whose shape is not of four numbers")
    if any((case[1:] != value.cases[0][1:]).any() for case in value.cases):
        raise UnreadableError("makes a picture of a size that depends on the batch")
    return value.cases[0].reshape(-1)


def _float(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused later
        return np.ascontiguousarray(array, np.float32)
