"""ONNX's operations on pictures: convolutions, pooling, norms and padding."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.onnx.calls import (
    Call,
    Picture,
    UnsupportedError,
    check_sizes,
    fold,
    get_tensor,
    keep_order,
    move_axis,
    prod,
    to_first,
    to_last,
)


class _Window(NamedTuple):
    """Settings of a sliding window, for each of two sides."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    pads: list[tuple[int, int]]

    @property
    def span(self) -> list[int]:
        """Pixels from the first to the last of a window."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]


def _read_window(call: Call, kernel: Sequence[int], transposed: bool = False) -> _Window:
    """Return the window; a picture of one side counts as one of height 1."""
    count = len(kernel)
    strides = call.get("strides", [1] * count)
    dilations = call.get("dilations", [1] * count)
    flat = call.get("pads", [0] * 2 * count)
    check_sizes(*kernel, *strides, *dilations, *flat)
    if count not in (1, 2) or len(call.shape) != count + 2 or len(flat) != 2 * count:
        raise UnsupportedError("is not on pictures of two sides; export such a generator")
    pads = list(zip(flat[:count], flat[count:], strict=True))
    window = _Window(list(kernel), strides, dilations, pads)
    auto = call.get("auto_pad", "NOTSET")
    wanted = call.get("output_shape", None) if transposed else None
    if auto.startswith("SAME") or wanted:
        sizes = zip(call.shape[2:], strides, window.span, strict=True)
        if transposed:
            extra = call.get("output_padding", [0] * count)
            goals = (
                wanted[-count:]
                if wanted
                else [i * s for i, s in zip(call.shape[2:], strides, strict=True)]
            )
            totals = [
                (i - 1) * s + e + k - goal
                for (i, s, k), e, goal in zip(sizes, extra, goals, strict=True)
            ]
        else:
            totals = [max((-(-i // s) - 1) * s + k - i, 0) for i, s, k in sizes]
        halves = [(t // 2, t - t // 2) for t in totals]
        is_upper = auto == "SAME_UPPER"
        window = window._replace(pads=halves if is_upper else [(b, a) for a, b in halves])
    elif auto == "VALID":
        window = window._replace(pads=[(0, 0)] * count)
    if count == 1:
        window = _Window([1, *kernel], [1, *strides], [1, *dilations], [(0, 0), *window.pads])
    return window


def _to_two_sides(x: Any) -> Any:
    """Return x (batch, channels, length) as pictures of height 1; pictures are unchanged."""
    if len(x.shape) == 4:
        return to_last(x)
    return fold(lambda y: tf.expand_dims(tf.transpose(y, (0, 2, 1)), 1), x)


def _from_two_sides(call: Call, x: tf.Tensor) -> Any:
    if len(call.shape) == 4:
        return Picture(x)
    return tf.transpose(tf.squeeze(x, 1), (0, 2, 1))


def _prepare_filters(window: _Window, filters: Any) -> Any:
    """Return filters as (height, width, in, out), or transposed ones (.., out, in), dilated."""
    span = window.span

    def prepare(w: tf.Tensor) -> tf.Tensor:
        w = tf.transpose(tf.expand_dims(w, 2) if len(w.shape) == 3 else w, (2, 3, 1, 0))
        for axis, d in enumerate(window.dilations):
            if d > 1:  # TensorFlow differentiates dilated convolutions only on GPUs
                spread = np.eye(span[axis], dtype=np.float32)[::d]
                w = tf.einsum("kt,khio->thio" if axis == 0 else "kt,hkio->htio", spread, w)
        return w

    check_sizes(*span)
    return fold(prepare, filters)


def _convolve_groups(x: Any, filters: Any, groups: int, axis: int, convolve: Any) -> Any:
    """Return the convolutions of each group of channels; `axis` of the filters has the groups."""
    if groups == 1:
        return convolve(x, filters)
    parts = fold(lambda w: tf.stack(tf.split(w, groups, axis)), filters)
    pairs = zip(tf.split(x, groups, 3), tf.unstack(parts, groups), strict=True)
    return tf.concat([convolve(*pair) for pair in pairs], 3)


def convolve(call: Call, x: Any, filters: Any, bias: Any = None) -> Any:
    """Conv."""
    shape = call.shapes[1]
    window, groups = _read_window(call, shape[2:]), call.get("group", 1)
    filters = _prepare_filters(window, filters)
    x, strides = _to_two_sides(x), window.strides
    if groups > 1 and groups == call.shape[1] and strides[0] == strides[1]:
        size = [*window.span, groups, shape[0] // groups]
        filters = fold(lambda w: tf.reshape(w, size), filters)
        x = tf.pad(x, [(0, 0), *window.pads, (0, 0)])
        y = tf.nn.depthwise_conv2d(x, filters, [1, *strides, 1], "VALID")
    else:
        padding = _choose_padding(window, x)
        y = _convolve_groups(
            x, filters, groups, 3, lambda a, w: tf.nn.conv2d(a, w, strides, padding)
        )
    return _from_two_sides(call, y if bias is None else tf.nn.bias_add(y, bias))


def _choose_padding(window: _Window, x: tf.Tensor) -> Any:
    """Return TensorFlow's padding of a convolution."""
    if not np.any(window.pads):
        return "VALID"
    sizes = zip(x.shape[1:3], window.strides, window.span, strict=True)
    totals = [max((-(-i // s) - 1) * s + k - i, 0) for i, s, k in sizes]
    if window.pads == [(t // 2, t - t // 2) for t in totals]:
        return "SAME"
    return [(0, 0), *window.pads, (0, 0)]


def convolve_transposed(call: Call, x: Any, filters: Any, bias: Any = None) -> Any:
    """ConvTranspose."""
    shape = call.shapes[1]
    window, groups = _read_window(call, shape[2:], True), call.get("group", 1)
    extra = [0, 0, *call.get("output_padding", [0])][-2:]
    filters = _prepare_filters(window, filters)
    x, strides, span, pads = _to_two_sides(x), window.strides, window.span, window.pads
    sides = [
        (i - 1) * s + k + e - sum(p)
        for i, s, k, e, p in zip(x.shape[1:3], strides, span, extra, pads, strict=True)
    ]
    check_sizes(*sides)
    if min(sides) < 1 or min(map(min, pads)) < 0:
        raise UnsupportedError("has paddings that do not fit its input; the file is damaged")
    out = shape[1]
    rows = call.to_size(call.shape[:1])[0]

    def convolve(a: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        if list(x.shape[1:3]) == [1, 1] and not any(extra):  # every pixel is a sum of channels
            (top, bottom), (left, right) = pads

            def flatten(v: tf.Tensor) -> tf.Tensor:
                v = v[top : span[0] - bottom, left : span[1] - right]
                return tf.reshape(tf.transpose(v, (3, 0, 1, 2)), [-1, prod(sides) * out])

            y = tf.reshape(a, [-1, a.shape[3]]) @ fold(flatten, w)
            return tf.reshape(y, [-1, *sides, out])
        if all(p < k for pair, k in zip(pads, span, strict=True) for p in pair):
            padding: Any = [(0, 0), *pads, (0, 0)]
            size = [rows, *sides, out]
            same = [(k - s) // 2 for k, s in zip(span, strides, strict=True)]
            if not any(extra) and pads == [
                (p, k - s - p) for p, k, s in zip(same, span, strides, strict=True)
            ]:
                padding = "SAME"
            return tf.nn.conv2d_transpose(a, w, size, strides, padding)
        full = [side + sum(p) for side, p in zip(sides, pads, strict=True)]
        y = tf.nn.conv2d_transpose(a, w, [rows, *full, out], strides, "VALID")
        (top, _), (left, _) = pads
        return y[:, top : top + sides[0], left : left + sides[1]]

    y = _convolve_groups(x, filters, groups, 3, convolve)
    return _from_two_sides(call, y if bias is None else tf.nn.bias_add(y, bias))


def pool(call: Call, x: Any) -> Any:
    """AveragePool and MaxPool."""
    window = _read_window(call, call.get("kernel_shape", []))
    if call.outputs > 1 or max(window.dilations) > 1:
        raise UnsupportedError("returns places of maxima, or is dilated, which is not supported")
    x, ends = _to_two_sides(x), list(window.pads)
    if call.get("ceil_mode", 0):
        for axis, (size, s, k) in enumerate(
            zip(x.shape[1:3], window.strides, window.span, strict=True)
        ):
            before, after = window.pads[axis]
            steps = -(-(size + before + after - k) // s)
            if steps * s >= size + before:  # no window begins in the padding
                steps -= 1
            ends[axis] = (before, max(after, steps * s + k - size - before))
    padded = [(0, 0), *ends, (0, 0)]
    strides, kernel = window.strides, window.kernel
    if call.kind == "MaxPool":
        lowest = float(np.finfo(np.float32).min)
        y = tf.nn.max_pool2d(tf.pad(x, padded, constant_values=lowest), kernel, strides, "VALID")
        return _from_two_sides(call, y)
    y = tf.nn.avg_pool2d(tf.pad(x, padded), kernel, strides, "VALID")
    if np.any(ends):
        counted = window.pads if call.get("count_include_pad", 0) else [(0, 0), (0, 0)]
        inner = [size + sum(p) for size, p in zip(x.shape[1:3], counted, strict=True)]
        around = [(e[0] - c[0], e[1] - c[1]) for e, c in zip(ends, counted, strict=True)]
        with tf.init_scope():
            ones = tf.pad(tf.ones([1, *inner, 1]), [(0, 0), *around, (0, 0)])
            share = 1 / tf.nn.avg_pool2d(ones, kernel, strides, "VALID")
        y *= share
    return _from_two_sides(call, y)


def normalize_batch(call: Call, x: Any, *parameters: Any) -> Any:
    """BatchNormalization: x * scale + shift per channel, in the form that `find_norms` detects."""
    if call.get("training_mode", 0) or call.outputs > 1:
        raise UnsupportedError(
            "is a batch norm that trains; export the generator for inference (model.eval())"
        )
    gamma, beta, mean, variance = parameters
    epsilon = call.get("epsilon", 1e-5)
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    shape = [-1] if isinstance(x, Picture) else [-1] + [1] * (len(call.shape) - 2)
    scale, shift = (tf.reshape(each, shape) for each in (scale, beta - mean * scale))
    return keep_order(x, get_tensor(x) * scale + shift)


def normalize_groups(call: Call, x: Any, gamma: Any, beta: Any) -> Any:
    """InstanceNormalization, and GroupNormalization over groups of channels."""
    channels = call.shape[1]
    x = Picture(to_last(x)) if len(call.shape) == 4 else x
    groups = call.get("num_groups", 1) if call.kind == "GroupNormalization" else channels
    parts = get_tensor(x)
    ndim = len(call.shape)
    if groups < channels:
        split = [groups, channels // groups]
        sides = list(call.shape[2:])
        shape = [*sides, *split] if isinstance(x, Picture) else [*split, *sides]
        parts = call.reshape(parts, [call.shape[0], *shape])
        axes = [1, 2, 4] if isinstance(x, Picture) else list(range(2, ndim + 1))
    else:
        axes = [1, 2] if isinstance(x, Picture) else list(range(2, ndim))
    parts = _standardize(parts, axes, call.get("epsilon", 1e-5))
    if groups < channels:
        order = [*call.shape[2:], channels] if isinstance(x, Picture) else call.shape[1:]
        parts = call.reshape(parts, [call.shape[0], *order])
    repeats = channels // prod(call.shapes[1])  # one pair per group before version 21
    shape = [-1] if isinstance(x, Picture) else [-1] + [1] * (ndim - 2)
    gamma, beta = (
        fold(lambda v: tf.reshape(tf.repeat(v, repeats) if repeats > 1 else v, shape), each)
        for each in (gamma, beta)
    )
    return keep_order(x, parts * gamma + beta)


def normalize_layer(call: Call, x: Any, gamma: Any, beta: Any = None) -> Any:
    """LayerNormalization over the last axes."""
    first = call.get("axis", -1) % len(call.shape)
    y = _standardize(to_first(x), range(first, len(call.shape)), call.get("epsilon", 1e-5)) * gamma
    return y if beta is None else y + beta


def _standardize(x: tf.Tensor, axes: Sequence[int], epsilon: float) -> tf.Tensor:
    centred = x - tf.reduce_mean(x, list(axes), keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), list(axes), keepdims=True)
    return centred * tf.math.rsqrt(variance + epsilon)


def mix_depth(call: Call, x: Any) -> Any:
    """DepthToSpace and SpaceToDepth."""
    size, y = call.get("blocksize", 0), to_last(x)
    check_sizes(size)
    if call.kind == "SpaceToDepth":
        return Picture(tf.nn.space_to_depth(y, size))
    if call.get("mode", "DCR") == "CRD":
        _, channels, height, width = call.shape
        split = [call.shape[0], height, width, channels // size**2, size, size]
        y = tf.transpose(call.reshape(y, split), (0, 1, 4, 2, 5, 3))
        return Picture(
            call.reshape(y, [call.shape[0], height * size, width * size, channels // size**2])
        )
    return Picture(tf.nn.depth_to_space(y, size))


def pad(call: Call, x: Any, *inputs: Any) -> Any:
    """Pad, with constants or by reflection or repetition; negative padding crops."""
    flat = [int(n) for n in call.read(inputs, 0, "pads")]
    value = float(call.read(inputs, 1, "value", np.zeros(())).ravel()[0])
    axes = call.read(inputs, 2, "axes", np.arange(len(call.shape)))
    check_sizes(*flat)
    pads = np.zeros((len(call.shape), 2), int)
    for n, axis in enumerate(axes):
        pads[move_axis(x, int(axis))] = flat[n], flat[n + len(axes)]
    y, cuts = get_tensor(x), np.minimum(pads, 0)
    if cuts.any():
        y = y[tuple(slice(-a, b or None) for a, b in cuts)]
    pads = np.maximum(pads, 0)
    match call.get("mode", "constant"):
        case "constant":
            y = tf.pad(y, pads, constant_values=tf.cast(value, y.dtype))
        case "reflect":
            y = tf.pad(y, pads, "REFLECT")
        case "edge":
            for axis, (before, after) in enumerate(pads):
                if before or after:
                    size = y.shape[axis]
                    choice = np.arange(-before, size + after).clip(0, size - 1)
                    y = tf.gather(y, choice, axis=axis)
        case other:
            raise UnsupportedError(f"pads by {other[:60]!r}; export it with constant or reflect")
    return keep_order(x, y)
