"""Translation of Keras's layers and functions of several values, or a value and a number."""

from collections.abc import Callable

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras.config import LayerConfig
from ganinv_cli.formats.keras.network_builder import NetworkBuilder, Value, row_axis
from ganinv_cli.network.layers import Add, Affine, Concat, Layer, Multiply

Operands = list[Value | float]


def add(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    return _merge(builder, layer, Add(), inputs)


def multiply(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    return _merge(builder, layer, Multiply(), inputs)


def subtract(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    if len(inputs) != 2:
        raise UnreadableError(f"{layer.name} subtracts {len(inputs)} values; expected two")
    return add(builder, layer, [inputs[0], scale_and_shift(builder, layer, inputs[1], -1, 0)])


def average(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    return scale_and_shift(builder, layer, add(builder, layer, inputs), 1 / len(inputs), 0)


def concatenate(builder: NetworkBuilder, layer: LayerConfig, inputs: list[Value]) -> Value:
    """Translate Concatenate along an axis, which is moved last."""
    axis = row_axis(inputs[0], layer.settings.read_ints("axis")[0], layer.name)
    if len({len(each.shape) for each in inputs}) > 1:
        raise UnreadableError(f"{layer.name} concatenates values of different numbers of axes")
    first = builder.move_axis_last(inputs[0], axis, layer.name)
    others = [builder.transpose(each, first.order, layer.name) for each in inputs[1:]]
    return builder.add_layer(Concat(), [first, *others], layer.name)


def scale_and_shift(
    builder: NetworkBuilder, layer: LayerConfig, x: Value, scale: float, shift: float
) -> Value:
    """Return x * scale + shift."""
    channels = x.shape[-1]
    affine = Affine(np.full(channels, scale, np.float32), np.full(channels, shift, np.float32))
    return builder.add_layer(affine, [x], layer.name)


def _merge(
    builder: NetworkBuilder, layer: LayerConfig, combine: Layer, inputs: list[Value]
) -> Value:
    """Combine values in the axis order of the first, or of the file if ranks differ."""
    if len({len(each.shape) for each in inputs}) > 1:
        return builder.add_layer(
            combine, [builder.to_file_order(each, layer.name) for each in inputs], layer.name
        )
    reordered = [builder.transpose(each, inputs[0].order, layer.name) for each in inputs]
    return builder.add_layer(combine, reordered, layer.name)


def add_operands(builder: NetworkBuilder, layer: LayerConfig, operands: Operands) -> Value:
    return _apply_binary(builder, layer, operands, add, lambda x, n, _: (x, 1, n))


def multiply_operands(builder: NetworkBuilder, layer: LayerConfig, operands: Operands) -> Value:
    return _apply_binary(builder, layer, operands, multiply, lambda x, n, _: (x, n, 0))


def subtract_operands(builder: NetworkBuilder, layer: LayerConfig, operands: Operands) -> Value:
    return _apply_binary(
        builder, layer, operands, subtract, lambda x, n, front: (x, -1, n) if front else (x, 1, -n)
    )


def divide_by_number(builder: NetworkBuilder, layer: LayerConfig, operands: Operands) -> Value:
    if len(operands) != 2 or not isinstance(operands[1], float) or not operands[1]:
        raise layer.settings.untranslated_error("no number to divide by")
    return multiply_operands(builder, layer, [operands[0], 1 / operands[1]])


def _apply_binary(
    builder: NetworkBuilder,
    layer: LayerConfig,
    operands: Operands,
    combine: Callable[[NetworkBuilder, LayerConfig, list[Value]], Value],
    to_affine: Callable[[Value, float, bool], tuple[Value, float, float]],
) -> Value:
    """Combine two values, or a value and a number on either side."""
    if len(operands) != 2:
        raise layer.settings.untranslated_error(f"{len(operands)} arguments", "supports two")
    left, right = operands
    if isinstance(left, Value) and isinstance(right, Value):
        return combine(builder, layer, [left, right])
    if isinstance(left, Value) and isinstance(right, float):
        return scale_and_shift(builder, layer, *to_affine(left, right, False))
    if isinstance(left, float) and isinstance(right, Value):
        return scale_and_shift(builder, layer, *to_affine(right, left, True))
    raise layer.settings.untranslated_error("two numbers")
