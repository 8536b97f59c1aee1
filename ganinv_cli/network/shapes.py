"""The shapes that layers make, and what they refuse."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Layer

Shape = tuple[int, ...]  # of one row, without the batch


class MisfitError(Exception):
    """What a layer expects, and what it found in its place."""


def made(layer: Layer, given: Sequence[Shape]) -> Shape:
    """The shape that a layer makes of its inputs'. Raises MisfitError."""
    shape: Shape = _MADE[type(layer)](layer, *given)
    if min(shape, default=1) < 1:
        raise MisfitError(f"makes {shown(shape)} of {' and '.join(map(shown, given))}")
    return shape


def shown(shape: Shape) -> str:
    """As 4 x 4 x 512."""
    return " x ".join(map(str, shape)) or "one number"


def _wanted(expected: str, given: Shape) -> MisfitError:
    return MisfitError(f"expects {expected}, found {shown(given)}")


def _check_channels(given: Shape, channels: int) -> None:
    if not given or given[-1] != channels:
        raise _wanted(f"{channels} channels", given)


def _check_picture(given: Shape) -> None:
    if len(given) != 3:
        raise _wanted("height x width x channels", given)


def _check_bias(bias: np.ndarray, outputs: int) -> None:
    if bias.shape != (outputs,):
        raise _wanted(f"a bias of {outputs} values", bias.shape)


def _dense(layer: kinds.Dense, given: Shape) -> Shape:
    inputs, outputs = layer.weights.shape
    if not given or given[-1] != inputs:
        raise _wanted(f"{inputs} inputs", given)
    _check_bias(layer.bias, outputs)
    return (*given[:-1], outputs)


def _reshape(layer: kinds.Reshape, given: Shape) -> Shape:
    if math.prod(layer.shape) != math.prod(given):
        raise _wanted(f"{math.prod(layer.shape)} values for {shown(layer.shape)}", given)
    return layer.shape


def _transpose(layer: kinds.Transpose, given: Shape) -> Shape:
    if sorted(layer.order) != list(range(len(given))):
        raise _wanted(f"{len(layer.order)} axes", given)
    return tuple(given[axis] for axis in layer.order)


def _conv_transpose(layer: kinds.ConvTranspose, given: Shape) -> Shape:
    _check_picture(given)
    *kernel, outputs, inputs = layer.weights.shape
    _check_channels(given, inputs)
    _check_bias(layer.bias, outputs)
    sides = zip(given[:2], kernel, layer.stride, layer.crop, strict=True)
    return (*((side - 1) * step + size - sum(crop) for side, size, step, crop in sides), outputs)


def _conv(layer: kinds.Conv, given: Shape) -> Shape:
    _check_picture(given)
    *kernel, inputs, outputs = layer.weights.shape
    _check_channels(given, inputs)
    _check_bias(layer.bias, outputs)
    sides = zip(given[:2], kernel, layer.stride, layer.padding, strict=True)
    return (*((side + sum(pad) - size) // step + 1 for side, size, step, pad in sides), outputs)


def _upsample(layer: kinds.Upsample, given: Shape) -> Shape:
    _check_picture(given)
    return given[0] * layer.factor[0], given[1] * layer.factor[1], given[2]


def _pad(layer: kinds.Pad, given: Shape) -> Shape:
    _check_picture(given)
    if layer.mode == "reflect" and max(map(max, layer.sides)) >= min(given[:2]):
        raise _wanted(f"more than {max(map(max, layer.sides))} pixels to mirror", given)
    return given[0] + sum(layer.sides[0]), given[1] + sum(layer.sides[1]), given[2]


def _by_channel(layer: Layer, given: Shape) -> Shape:
    for field in fields(layer):
        value = getattr(layer, field.name)
        if isinstance(value, np.ndarray):
            _check_channels(given, value.size)
    return given


def _group_norm(layer: kinds.GroupNorm, given: Shape) -> Shape:
    if not given or given[-1] % layer.groups:
        raise _wanted(f"channels in {layer.groups} groups", given)
    return _by_channel(layer, given)


def _constant(layer: kinds.Constant) -> Shape:
    return tuple(layer.value.shape)


def _broadcast(layer: Layer, *given: Shape) -> Shape:
    try:
        return np.broadcast_shapes(*given)
    except ValueError:
        raise MisfitError(f"cannot combine {' and '.join(map(shown, given))}") from None


def _concat(layer: kinds.Concat, *given: Shape) -> Shape:
    if len({each[:-1] for each in given}) > 1 or not all(given):
        raise MisfitError(f"cannot put {' and '.join(map(shown, given))} beside one another")
    return (*given[0][:-1], sum(each[-1] for each in given))


def _unchanged(layer: Layer, given: Shape) -> Shape:
    return given


_MADE: dict[type[Layer], Callable[..., Shape]] = {
    kinds.Dense: _dense,
    kinds.Reshape: _reshape,
    kinds.Transpose: _transpose,
    kinds.ConvTranspose: _conv_transpose,
    kinds.Conv: _conv,
    kinds.Upsample: _upsample,
    kinds.Pad: _pad,
    kinds.BatchNorm: _by_channel,
    kinds.Affine: _by_channel,
    kinds.GroupNorm: _group_norm,
    kinds.PixelNorm: _unchanged,
    kinds.Activation: _unchanged,
    kinds.Constant: _constant,
    kinds.Add: _broadcast,
    kinds.Multiply: _broadcast,
    kinds.Concat: _concat,
}
