"""The operations of a TensorFlow graph on each value by itself, as layers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ganinv_cli.formats.graph.builder import Builder
from ganinv_cli.formats.graph.combining import arithmetic, combine, scale_and_shift, through
from ganinv_cli.formats.graph.patterns import gelu, multiple, positive, select_activation, swish
from ganinv_cli.formats.graph.values import ConstantValue, Flow, Operation, Value
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Activation

NAMES = {
    **{"Relu": "relu", "Relu6": "relu6", "Selu": "selu", "Tanh": "tanh", "Sigmoid": "sigmoid"},
    **{"Softplus": "softplus", "Exp": "exp", "Softsign": "softsign"},
}


def activation(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """A function by name."""
    if operation.kind == "LeakyRelu":
        layer = Activation("leaky_relu", operation.real("alpha", 0.2))
    elif operation.kind == "Elu":
        layer = Activation("elu", 1.0)
    else:
        layer = Activation(NAMES[operation.kind])
    return through(builder, layer, operation, inputs[0])


def error_function(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """erf or erfc, which no layer is: a product makes it a gelu, or the network is refused."""
    return through(builder, Activation(operation.kind), operation, inputs[0])


def negate(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """-x."""
    flow = builder.as_flow(inputs[0], operation.name)
    return scale_and_shift(builder, operation, flow, -1.0, 0.0)


def square(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x * x."""
    flow = builder.as_flow(inputs[0], operation.name)
    return combine(builder, operation, kinds.Multiply(), flow, flow)


def power(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x * x, or x * x * x."""
    flow = builder.as_flow(inputs[0], operation.name)
    exponent = inputs[1].value if isinstance(inputs[1], ConstantValue) else np.array(0)
    if exponent.size != 1 or exponent.item() not in (1, 2, 3):
        raise UnreadableError("raises to a power that is not 1, 2 or 3")
    made = flow
    for _ in range(int(exponent.item()) - 1):
        made = combine(builder, operation, kinds.Multiply(), made, flow)
    return made


def add(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x + y."""
    return arithmetic(builder, operation, inputs[0], inputs[1], kinds.Add())


def subtract(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x - y."""
    left, right = inputs
    if isinstance(right, ConstantValue):
        opposite = ConstantValue(tuple(np.negative(case) for case in right.cases))
        return arithmetic(builder, operation, left, opposite, kinds.Add())
    turned = negate(builder, operation, [right])
    return arithmetic(builder, operation, left, turned, kinds.Add())


def multiply(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x * y."""
    if all(isinstance(each, Flow) for each in inputs):
        pair = [each for each in inputs if isinstance(each, Flow)]
        found = swish(builder, operation, pair) or gelu(builder, operation, pair)
        if found:
            return found
    return arithmetic(builder, operation, inputs[0], inputs[1], kinds.Multiply())


def divide(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """x / constant."""
    left, right = inputs
    if not isinstance(right, ConstantValue):
        raise UnreadableError("divides by what depends on the latent vector")
    with np.errstate(divide="ignore"):  # what is infinite is refused later
        inverse = ConstantValue(tuple(1 / case.astype(np.float64) for case in right.cases))
    return arithmetic(builder, operation, left, inverse, kinds.Multiply())


def largest(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """max(x, 0), or max(x, slope * x)."""
    left, right = inputs
    if isinstance(left, ConstantValue):
        left, right = right, left
    if isinstance(left, Flow) and isinstance(right, ConstantValue):
        if not any(case.any() for case in right.cases):
            return through(builder, Activation("relu"), operation, left)
    elif isinstance(left, Flow) and isinstance(right, Flow) and left.order == right.order:
        for whole, part in ((left, right), (right, left)):
            source, slope = multiple(builder, part.node)
            if source == whole.node and 0 <= slope <= 1:
                return through(builder, Activation("leaky_relu", slope), operation, whole)
    raise UnreadableError("takes a maximum that is no activation (of 0, or of a part of itself)")


def smallest(builder: Builder, operation: Operation, inputs: list[Value]) -> Value:
    """min(max(x, 0), 6)."""
    left, right = inputs
    if isinstance(left, ConstantValue):
        left, right = right, left
    if isinstance(left, Flow) and isinstance(right, ConstantValue):
        before = builder.layer(left.node)
        six = all((case == 6).all() for case in right.cases)
        if before and before.layer == Activation("relu") and six:
            return replace(left, node=builder.emit(Activation("relu6"), operation.name, *before[1]))
    raise UnreadableError("takes a minimum that is no relu6")


ELEMENTWISE: dict[str, Callable[[Builder, Operation, list[Value]], Value]] = {
    **dict.fromkeys((*NAMES, "LeakyRelu", "Elu"), activation),
    **dict.fromkeys(("Erf", "Erfc"), error_function),
    **{"Neg": negate, "Square": square, "Pow": power, "Sub": subtract, "Mul": multiply},
    **{"Add": add, "AddV2": add, "RealDiv": divide, "Div": divide},
    **{"Maximum": largest, "Minimum": smallest, "Greater": positive},
    **{"Select": select_activation, "SelectV2": select_activation},
}
