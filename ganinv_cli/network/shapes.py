"""The shapes of layer outputs, and checks of their inputs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from ganinv_cli.network import layers as kinds
from ganinv_cli.network.layers import Layer

MAX_SQUARE_LATENT = 1024  # components of z up to which each trial has a (latent, latent) matrix

Shape = tuple[int, ...]  # of one row, without the batch


class ShapeError(Exception):
    """Raised if a layer cannot take its inputs; the message names both shapes."""


def infer_shape(layer: Layer, input_shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a layer's output from the shapes of its inputs. Raises ShapeError."""
    shape: Shape = _SHAPE_FUNCTIONS[type(layer)](layer, *input_shapes)
    if min(shape, default=1) < 1:
        raise ShapeError(f"makes {format_shape(shape)} of {_join_shapes(input_shapes)}")
    return shape


def format_shape(shape: Shape) -> str:
    """Return a shape as text, e.g. `4 x 4 x 512`."""
    return " x ".join(map(str, shape)) or "one number"


def _join_shapes(shapes: Sequence[Shape]) -> str:
    return " and ".join(map(format_shape, shapes))


def _expect(fits: bool, expected: str, found: Shape) -> None:
    if not fits:
        raise ShapeError(f"expects {expected}, found {format_shape(found)}")


def _expect_channels(input_shape: Shape, channels: int) -> None:
    _expect(input_shape[-1:] == (channels,), f"{channels} channels", input_shape)


def _expect_image(input_shape: Shape) -> None:
    _expect(len(input_shape) == 3, "height x width x channels", input_shape)


def _expect_bias(bias: np.ndarray, outputs: int) -> None:
    _expect(bias.shape == (outputs,), f"a bias of {outputs} values", bias.shape)


def _dense_shape(layer: kinds.Dense, input_shape: Shape) -> Shape:
    inputs, outputs = layer.weights.shape
    _expect(input_shape[-1:] == (inputs,), f"{inputs} inputs", input_shape)
    _expect_bias(layer.bias, outputs)
    return (*input_shape[:-1], outputs)


def _reshape_shape(layer: kinds.Reshape, input_shape: Shape) -> Shape:
    size = math.prod(layer.shape)
    expected = f"{size} values for {format_shape(layer.shape)}"
    _expect(size == math.prod(input_shape), expected, input_shape)
    return layer.shape


def _transpose_shape(layer: kinds.Transpose, input_shape: Shape) -> Shape:
    axes = list(range(len(input_shape)))
    _expect(sorted(layer.order) == axes, f"{len(layer.order)} axes", input_shape)
    return tuple(input_shape[axis] for axis in layer.order)


def _conv_transpose_shape(layer: kinds.ConvTranspose, input_shape: Shape) -> Shape:
    _expect_image(input_shape)
    *kernel, outputs, inputs = layer.weights.shape
    _expect_channels(input_shape, inputs)
    _expect_bias(layer.bias, outputs)
    sides = zip(input_shape[:2], kernel, layer.stride, layer.crop, strict=True)
    return (*((side - 1) * step + size - sum(crop) for side, size, step, crop in sides), outputs)


def _conv_shape(layer: kinds.Conv, input_shape: Shape) -> Shape:
    _expect_image(input_shape)
    *kernel, inputs, outputs = layer.weights.shape
    _expect_channels(input_shape, inputs)
    _expect_bias(layer.bias, outputs)
    sides = zip(input_shape[:2], kernel, layer.stride, layer.padding, strict=True)
    return (*((side + sum(pad) - size) // step + 1 for side, size, step, pad in sides), outputs)


def _upsample_shape(layer: kinds.Upsample, input_shape: Shape) -> Shape:
    _expect_image(input_shape)
    height, width, channels = input_shape
    return height * layer.factor[0], width * layer.factor[1], channels


def _pad_shape(layer: kinds.Pad, input_shape: Shape) -> Shape:
    _expect_image(input_shape)
    (height, width, channels), most = input_shape, max(map(max, layer.sides))
    fits = layer.mode == "constant" or most < min(height, width)
    _expect(fits, f"more than {most} pixels to mirror", input_shape)
    return height + sum(layer.sides[0]), width + sum(layer.sides[1]), channels


def _per_channel_shape(layer: Layer, input_shape: Shape) -> Shape:
    for field in fields(layer):
        value = getattr(layer, field.name)
        if isinstance(value, np.ndarray):
            _expect_channels(input_shape, value.size)
    return input_shape


def _group_norm_shape(layer: kinds.GroupNorm, input_shape: Shape) -> Shape:
    divides = input_shape and input_shape[-1] % layer.groups == 0
    _expect(bool(divides), f"channels in {layer.groups} groups", input_shape)
    return _per_channel_shape(layer, input_shape)


def _broadcast_shape(layer: Layer, *input_shapes: Shape) -> Shape:
    try:
        return np.broadcast_shapes(*input_shapes)
    except ValueError:
        raise ShapeError(f"cannot combine {_join_shapes(input_shapes)}") from None


def _concat_shape(layer: kinds.Concat, *input_shapes: Shape) -> Shape:
    if len({each[:-1] for each in input_shapes}) > 1 or not all(input_shapes):
        raise ShapeError(f"cannot concatenate {_join_shapes(input_shapes)}")
    return (*input_shapes[0][:-1], sum(each[-1] for each in input_shapes))


_SHAPE_FUNCTIONS: dict[type[Layer], Callable[..., Shape]] = {
    kinds.Dense: _dense_shape,
    kinds.Reshape: _reshape_shape,
    kinds.Transpose: _transpose_shape,
    kinds.ConvTranspose: _conv_transpose_shape,
    kinds.Conv: _conv_shape,
    kinds.Upsample: _upsample_shape,
    kinds.Pad: _pad_shape,
    kinds.BatchNorm: _per_channel_shape,
    kinds.Affine: _per_channel_shape,
    kinds.GroupNorm: _group_norm_shape,
    kinds.Activation: lambda layer, input_shape: input_shape,
    kinds.Constant: lambda layer: tuple(layer.value.shape),
    kinds.Add: _broadcast_shape,
    kinds.Multiply: _broadcast_shape,
    kinds.Concat: _concat_shape,
}
