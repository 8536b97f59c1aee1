"""Functions that a TensorFlow graph spells out in several operations, found by their product."""

from dataclasses import replace

from ganinv_cli.formats.graph.builder import Builder
from ganinv_cli.formats.graph.combining import scale_and_shift, through
from ganinv_cli.formats.graph.values import ConstantValue, Flow, Operation, Positive, Value
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Activation

ROOT_HALF = 0.7071067811865476


def multiple(builder: Builder, number: int) -> tuple[int, float]:
    """The node that another is a multiple of, and by how much: itself by 1 where it is of none."""
    factor = 1.0
    while (node := builder.layer(number)) and isinstance(node.layer, kinds.Affine):
        scale, shift = node.layer.scale, node.layer.shift
        if shift.any() or (scale != scale[0]).any():
            break
        number, factor = node.inputs[0], factor * float(scale[0])
    return number, factor


def swish(builder: Builder, operation: Operation, pair: list[Flow]) -> Flow | None:
    """x * sigmoid(x)."""
    for whole, gate in (pair, pair[::-1]):
        node = builder.layer(gate.node)
        gated = node and node.layer == Activation("sigmoid") and node.inputs == (whole.node,)
        if gated and whole.order == gate.order:
            return through(builder, Activation("swish"), operation, whole)
    return None


def gelu(builder: Builder, operation: Operation, pair: list[Flow]) -> Flow | None:
    """x / 2 * (1 + erf(x / √2)), or x / 2 * erfc(-x / √2)."""
    for half, other in (pair, pair[::-1]):
        if half.order != other.order or (found := _error_function(builder, other.node)) is None:
            continue
        inside, sign = found
        whole, factor = multiple(builder, half.node)
        source, slope = multiple(builder, inside)
        if source == whole and abs(slope * sign - 2 * factor * ROOT_HALF) < 1e-6:
            twice = scale_and_shift(builder, operation, replace(half, node=whole), 2 * factor, 0.0)
            return through(builder, Activation("gelu"), operation, twice)
    return None


def _error_function(builder: Builder, number: int) -> tuple[int, int] | None:
    """x and 1 where a node is 1 + erf(x), x and -1 where it is erfc(x), which is 1 + erf(-x)."""
    node = builder.layer(number)
    if node and node.layer == Activation("Erfc"):
        return node.inputs[0], -1
    if node and isinstance(node.layer, kinds.Affine):
        one = (node.layer.scale == 1).all() and (node.layer.shift == 1).all()
        before = builder.layer(node.inputs[0])
        if one and before and before.layer == Activation("Erf"):
            return before.inputs[0], 1
    return None


def positive(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x > 0, which waits for what is chosen by it."""
    left, right = inputs
    if isinstance(left, Flow) and isinstance(right, ConstantValue) and not right.value.any():
        return Positive(left)
    raise UnreadableError("compares what follows from z with something else than 0")


def select_activation(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """One of x above 0, and a part of x or of elu(x) below."""
    where, above, below = inputs
    if isinstance(where, Positive) and isinstance(above, Flow) and isinstance(below, Flow):
        source, slope = multiple(builder, below.node)
        node = builder.layer(above.node)
        same = source == above.node and above.order == below.order == where.flow.order
        if same and above == where.flow:
            return through(builder, Activation("leaky_relu", slope), operation, above)
        of_it = same and node and node.inputs == (where.flow.node,)
        if of_it and node and node.layer == Activation("elu", 1.0):
            return through(builder, Activation("elu", slope), operation, where.flow)
    raise UnreadableError("chooses between values otherwise than an activation does")
