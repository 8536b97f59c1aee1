"""Keras's layers and functions of several values, and of a value and a number."""

from collections.abc import Callable

import numpy as np

from ganinv_cli.formats.keras.config import Described
from ganinv_cli.formats.keras.values import Growing, Value, axis_of
from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.network.layers import Add, Affine, Concat, Layer, Multiply

Given = list[Value | float]


def add(growing: Growing, layer: Described, given: list[Value]) -> Value:
    return _merged(growing, layer, Add(), given)


def multiply(growing: Growing, layer: Described, given: list[Value]) -> Value:
    return _merged(growing, layer, Multiply(), given)


def subtract(growing: Growing, layer: Described, given: list[Value]) -> Value:
    if len(given) != 2:
        raise UnreadableError(f"{layer.name} subtracts {len(given)} values; expected two")
    return add(growing, layer, [given[0], scaled(growing, layer, given[1], -1, 0)])


def average(growing: Growing, layer: Described, given: list[Value]) -> Value:
    return scaled(growing, layer, add(growing, layer, given), 1 / len(given), 0)


def concatenate(growing: Growing, layer: Described, given: list[Value]) -> Value:
    """Beside one another along an axis, which is put last for it."""
    axis = axis_of(given[0], layer.settings.wholes("axis")[0], layer.name)
    if len({len(each.shape) for each in given}) > 1:
        raise UnreadableError(f"{layer.name} concatenates values of different numbers of axes")
    first = growing.with_last(given[0], axis, layer.name)
    others = [growing.moved(each, first.order, layer.name) for each in given[1:]]
    return growing.add(Concat(), [first, *others], layer.name)


def scaled(growing: Growing, layer: Described, x: Value, scale: float, shift: float) -> Value:
    """x * scale + shift."""
    channels = x.shape[-1]
    affine = Affine(np.full(channels, scale, np.float32), np.full(channels, shift, np.float32))
    return growing.add(affine, [x], layer.name)


def _merged(growing: Growing, layer: Described, combine: Layer, given: list[Value]) -> Value:
    """Of one order: the first's, or the file's where the axes differ in number."""
    if len({len(each.shape) for each in given}) > 1:
        return growing.add(combine, [growing.plain(each, layer.name) for each in given], layer.name)
    moved = [growing.moved(each, given[0].order, layer.name) for each in given]
    return growing.add(combine, moved, layer.name)


def added_up(growing: Growing, layer: Described, given: Given) -> Value:
    return _either(growing, layer, given, add, lambda x, n, _: (x, 1, n))


def multiplied(growing: Growing, layer: Described, given: Given) -> Value:
    return _either(growing, layer, given, multiply, lambda x, n, _: (x, n, 0))


def subtracted(growing: Growing, layer: Described, given: Given) -> Value:
    return _either(
        growing, layer, given, subtract, lambda x, n, front: (x, -1, n) if front else (x, 1, -n)
    )


def divided(growing: Growing, layer: Described, given: Given) -> Value:
    if len(given) != 2 or not isinstance(given[1], float) or not given[1]:
        raise layer.settings.untranslated("no number to divide by")
    return multiplied(growing, layer, [given[0], 1 / given[1]])


def _either(
    growing: Growing,
    layer: Described,
    given: Given,
    values: Callable[[Growing, Described, list[Value]], Value],
    number: Callable[[Value, float, bool], tuple[Value, float, float]],
) -> Value:
    """Of two values, or of a value and a number on either side."""
    if len(given) != 2:
        raise layer.settings.untranslated(f"{len(given)} arguments", "knows those of two")
    left, right = given
    if isinstance(left, Value) and isinstance(right, Value):
        return values(growing, layer, [left, right])
    if isinstance(left, Value) and isinstance(right, float):
        return scaled(growing, layer, *number(left, right, False))
    if isinstance(left, float) and isinstance(right, Value):
        return scaled(growing, layer, *number(right, left, True))
    raise layer.settings.untranslated("two numbers")
