"""ONNX's operations on pictures: convolutions, pooling, norms and padding."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.onnx.values import (
    Call,
    UnsupportedError,
    Value,
    get_shape,
    is_constant,
    make_tensor,
    move_axis,
    read_constant,
    read_integers,
    to_tensor,
)

MAX_SPAN = 1 << 12  # pixels of a window, a stride or a padding
Pads = list[tuple[int, int]]  # of two sides


class _Window(NamedTuple):
    """Settings of a sliding window, for each of two sides."""

    strides: list[int]
    pads: Pads
    span: list[int]  # pixels from the first to the last of a window


def _read_window(call: Call, x: Value, kernel: Sequence[int]) -> _Window:
    strides, dilations = call.get("strides", [1, 1]), call.get("dilations", [1, 1])
    flat = call.get("pads", [0] * 4)
    if len(kernel) != 2:
        raise UnsupportedError("is not on pictures of two sides; export such a generator")
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if max(*span, *strides, *flat) > MAX_SPAN:
        raise UnsupportedError(f"spans over {MAX_SPAN:,} pixels; is it a generator?")
    pads = list(zip(flat[:2], flat[2:], strict=True))
    if call.get("auto_pad", "NOTSET").startswith("SAME"):
        pads = _pad_equally(call, get_shape(x)[2:], strides, span)
    return _Window(strides, pads, span)


def _pad_equally(
    call: Call, sides: Sequence[int], strides: Sequence[int], span: Sequence[int]
) -> Pads:
    """Return the pads with which a stride of 1 keeps the sides."""
    if call.kind == "ConvTranspose":
        totals = [k - s for s, k in zip(strides, span, strict=True)]
    else:
        sizes = zip(sides, strides, span, strict=True)
        totals = [max((-(-i // s) - 1) * s + k - i, 0) for i, s, k in sizes]
    return _halve(totals, call.get("auto_pad", "SAME_UPPER") == "SAME_UPPER")


def _halve(totals: Sequence[int], more_at_end: bool) -> Pads:
    pairs = [(total // 2, total - total // 2) for total in totals]
    return pairs if more_at_end else [(after, before) for before, after in pairs]


def _prepare_filters(call: Call, filters: Value) -> np.ndarray:
    """Return filters (height, width, in, out), or of a transpose (.., out, in), dilated."""
    if not is_constant(filters):
        raise UnsupportedError(
            "has filters that follow from z; export it with plain convolutions, a StyleGAN2 with "
            "fused_modconv=False"
        )
    w = filters.transpose(2, 3, 1, 0)
    down, across = call.get("dilations", [1, 1])
    # TensorFlow differentiates dilated convolutions only on GPUs
    spread = np.zeros([(w.shape[0] - 1) * down + 1, (w.shape[1] - 1) * across + 1, *w.shape[2:]])
    spread[::down, ::across] = w
    return spread.astype(np.float32)


def _convolve_groups(
    x: tf.Tensor,
    filters: np.ndarray,
    groups: int,
    convolve: Callable[[tf.Tensor, np.ndarray], tf.Tensor],
) -> tf.Tensor:
    if groups == 1:
        return convolve(x, filters)
    pairs = zip(tf.split(x, groups, 3), np.split(filters, groups, 3), strict=True)
    return tf.concat([convolve(*pair) for pair in pairs], 3)


def _add_bias(y: tf.Tensor, bias: Value) -> tf.Tensor:
    return y if bias is None else tf.nn.bias_add(y, make_tensor(bias))


def convolve(call: Call, x: Value, filters: Value, bias: Value = None) -> tf.Tensor:
    """Conv."""
    window = _read_window(call, x, get_shape(filters)[2:])
    w, groups = _prepare_filters(call, filters), call.get("group", 1)
    x, strides = make_tensor(x), window.strides
    if groups > 1 and groups == x.shape[3] and strides[0] == strides[1]:
        x = tf.pad(x, [(0, 0), *window.pads, (0, 0)])
        w = w.reshape([*w.shape[:2], groups, -1])
        y = tf.nn.depthwise_conv2d(x, to_tensor(w), [1, *strides, 1], "VALID")
        return _add_bias(y, bias)
    same = _pad_equally(call._replace(attributes={}), x.shape[1:3], strides, window.span)
    padding: Any = "SAME" if window.pads == same else [(0, 0), *window.pads, (0, 0)]
    y = _convolve_groups(x, w, groups, lambda a, v: tf.nn.conv2d(a, to_tensor(v), strides, padding))
    return _add_bias(y, bias)


def convolve_transposed(call: Call, x: Value, filters: Value, bias: Value = None) -> tf.Tensor:
    """ConvTranspose."""
    strides, pads, span = _read_window(call, x, get_shape(filters)[2:])
    w, groups, out = _prepare_filters(call, filters), call.get("group", 1), filters.shape[1]
    extra = call.get("output_padding", [0, 0])
    x = make_tensor(x)
    full = [(i - 1) * s + k for i, s, k in zip(x.shape[1:3], strides, span, strict=True)]
    if call.get("output_shape", None):
        wanted = call.get("output_shape", [])[-2:]
        totals = [f + e - side for f, e, side in zip(full, extra, wanted, strict=True)]
        pads = _halve(totals, call.get("auto_pad", "") == "SAME_UPPER")
    sides = [f + e - sum(p) for f, e, p in zip(full, extra, pads, strict=True)]
    rows = call.to_size(get_shape(x)[:1])
    same = [((k - s) // 2, k - s - (k - s) // 2) for k, s in zip(span, strides, strict=True)]

    def convolve(a: tf.Tensor, v: np.ndarray) -> tf.Tensor:
        if list(x.shape[1:3]) == [1, 1] and not any(extra):  # every pixel is a sum of channels
            (top, _), (left, _) = pads
            v = v[top : top + sides[0], left : left + sides[1]].transpose(3, 0, 1, 2)
            y = tf.reshape(a, [-1, a.shape[3]]) @ make_tensor(v.reshape([len(v), -1]))
            return tf.reshape(y, [-1, *sides, out])
        padding: Any = [(0, 0), *pads, (0, 0)]
        if pads == same and not any(extra):
            padding = "SAME"
        size = [*rows, *sides, out]
        return tf.nn.conv2d_transpose(a, to_tensor(v), size, strides, padding)

    return _add_bias(_convolve_groups(x, w, groups, convolve), bias)


def pool(call: Call, x: Value) -> tf.Tensor:
    """AveragePool and MaxPool."""
    kernel = call.get("kernel_shape", [])
    window = _read_window(call, x, kernel)
    is_mean, is_padded = call.kind == "AveragePool", bool(np.any(window.pads))
    if call.outputs > 1 or window.span != kernel or call.get("ceil_mode", 0):
        raise UnsupportedError("returns places of maxima, is dilated or rounds up; export it plain")
    if is_mean and is_padded and not call.get("count_include_pad", 0):
        raise UnsupportedError("is a mean without its padding; export it with count_include_pad=1")
    lowest = 0.0 if is_mean else float(np.finfo(np.float32).min)
    x = make_tensor(x)
    if is_padded:
        x = tf.pad(x, [(0, 0), *window.pads, (0, 0)], constant_values=lowest)
    function = tf.nn.avg_pool2d if is_mean else tf.nn.max_pool2d
    return function(x, kernel, window.strides, "VALID")


def normalize_batch(call: Call, x: Value, *parameters: Value) -> tf.Tensor:
    """BatchNormalization: x * scale + shift per channel, in the form that `find_norms` detects."""
    if call.get("training_mode", 0) or call.outputs > 1:
        raise UnsupportedError(
            "is a batch norm that trains; export the generator for inference (model.eval())"
        )
    gamma, beta, mean, variance = map(make_tensor, parameters)
    scale = gamma * tf.math.rsqrt(variance + call.get("epsilon", 1e-5))
    scale, shift = (_along_channels(x, each) for each in (scale, beta - mean * scale))
    return make_tensor(x) * scale + shift


def _along_channels(x: Value, values: Value) -> tf.Tensor:
    """Return one value per channel in a shape that broadcasts."""
    rank = len(x.shape)
    return tf.reshape(values, [-1] if rank == 4 else [-1] + [1] * (rank - 2))


def normalize_instance(call: Call, x: Value, gamma: Value, beta: Value) -> tf.Tensor:
    """InstanceNormalization."""
    y = make_tensor(x)
    axes = [move_axis(y, axis) for axis in range(2, len(y.shape))]
    centred = y - tf.reduce_mean(y, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axes, keepdims=True)
    y = centred * tf.math.rsqrt(variance + call.get("epsilon", 1e-5))
    return y * _along_channels(y, gamma) + _along_channels(y, beta)


def mix_depth(call: Call, x: Value) -> tf.Tensor:
    """DepthToSpace and SpaceToDepth."""
    size, y = call.get("blocksize", 0), make_tensor(x)
    if call.kind == "SpaceToDepth":
        return tf.nn.space_to_depth(y, size)
    if call.get("mode", "DCR") == "CRD":  # channels of a block are neighbours, unlike TensorFlow's
        channels = int(y.shape[3])
        order = np.arange(channels).reshape(channels // size**2, size**2).T.ravel()
        y = tf.gather(y, order, axis=3)
    return tf.nn.depth_to_space(y, size)


def pad(call: Call, x: Value, pads: Value, value: Value = None, axes: Value = None) -> tf.Tensor:
    """Pad, with constants or by reflection or repetition; negative padding crops."""
    y, flat = make_tensor(x), read_integers(pads)
    chosen = read_integers(axes, range(len(y.shape)))
    sides = np.zeros((len(y.shape), 2), int)
    for n, axis in enumerate(chosen):
        sides[move_axis(y, axis)] = flat[n], flat[n + len(chosen)]
    cuts, sides = np.minimum(sides, 0), np.maximum(sides, 0)
    if cuts.any():
        y = y[tuple(slice(-before, after or None) for before, after in cuts)]
    match call.get("mode", "constant"):
        case "constant":
            filled = 0 if value is None else read_constant(value).ravel()[0]
            return tf.pad(y, sides, constant_values=tf.cast(filled, y.dtype))
        case "reflect":
            return tf.pad(y, sides, "REFLECT")
        case "edge":
            for axis in np.flatnonzero(sides.any(1)).tolist():
                size, (before, after) = y.shape[axis], sides[axis]
                choice = np.arange(-before, size + after).clip(0, size - 1)
                y = tf.gather(y, choice, axis=axis)
            return y
        case other:
            raise UnsupportedError(f"pads by {other[:60]!r}; export it with constant or reflect")
