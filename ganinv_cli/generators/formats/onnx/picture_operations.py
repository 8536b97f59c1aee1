"""ONNX's operations on pictures: convolutions, pooling, norms, padding and resizing."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from onnx import helper
from onnx.reference import ReferenceEvaluator

from ganinv_cli.generators.formats.onnx.values import (
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
MAX_SIDE = 1 << 13  # of a picture that is resized
Pads = list[tuple[int, int]]  # of two sides


def _read_filters(call: Call, filters: Value) -> np.ndarray:
    """Return filters (height, width, in, out), or of a transpose (.., out, in), dilated."""
    if not is_constant(filters):
        raise UnsupportedError(
            "has filters that follow from z; export it with plain convolutions, a StyleGAN2 with "
            "fused_modconv=False"
        )
    if filters.ndim != 4:
        raise UnsupportedError("is not on pictures of two sides; export such a generator")
    w, dilations = filters.transpose(2, 3, 1, 0), _read_steps(call, "dilations")
    span = [(k - 1) * d + 1 for k, d in zip(w.shape[:2], dilations, strict=True)]
    if max(*span, *call.get("strides", [1]), *call.get("pads", [0])) > MAX_SPAN:
        raise UnsupportedError(f"spans over {MAX_SPAN:,} pixels; is it a generator?")
    if call.get("group", 1) > max(filters.shape):
        raise UnsupportedError(f"has {call.get('group', 1):,} groups of fewer channels")
    # TensorFlow differentiates dilated convolutions only on GPUs
    spread = np.zeros([*span, *w.shape[2:]], np.float32)
    spread[:: dilations[0], :: dilations[1]] = w
    return spread


def _read_steps(call: Call, name: str) -> list[int]:
    """Return strides or dilations; below 1 TensorFlow would end the process."""
    steps: list[int] = call.get(name, [1, 1])
    if min(steps) < 1:
        raise UnsupportedError(f"has {name} below 1; the file is damaged, copy it again")
    return steps


def _read_pads(call: Call) -> Pads:
    flat = call.get("pads", [0] * 4)
    return list(zip(flat[:2], flat[2:], strict=True))


def _halve(totals: Sequence[int], more_at_end: bool = True) -> Pads:
    pairs = [(total // 2, total - total // 2) for total in totals]
    return pairs if more_at_end else [(after, before) for before, after in pairs]


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
    w, x, strides = _read_filters(call, filters), make_tensor(x), _read_steps(call, "strides")
    auto, groups, pads = call.get("auto_pad", "NOTSET"), call.get("group", 1), _read_pads(call)
    sizes = zip(x.shape[1:3], strides, w.shape[:2], strict=True)
    totals = [max((-(-i // s) - 1) * s + k - i, 0) for i, s, k in sizes]
    if auto.startswith("SAME"):
        pads = _halve(totals, auto == "SAME_UPPER")
    if groups > 1 and groups == x.shape[3] and strides[0] == strides[1]:
        x = tf.pad(x, [(0, 0), *pads, (0, 0)])
        w = w.reshape([*w.shape[:2], groups, -1])
        y = tf.nn.depthwise_conv2d(x, to_tensor(w), [1, *strides, 1], "VALID")
        return _add_bias(y, bias)
    padding: Any = "SAME" if pads == _halve(totals) else [(0, 0), *pads, (0, 0)]
    y = _convolve_groups(x, w, groups, lambda a, v: tf.nn.conv2d(a, to_tensor(v), strides, padding))
    return _add_bias(y, bias)


def convolve_transposed(call: Call, x: Value, filters: Value, bias: Value = None) -> tf.Tensor:
    """ConvTranspose."""
    w, x, strides = _read_filters(call, filters), make_tensor(x), _read_steps(call, "strides")
    auto, extra, out = call.get("auto_pad", ""), call.get("output_padding", [0, 0]), w.shape[2]
    full = [(i - 1) * s + k for i, s, k in zip(x.shape[1:3], strides, w.shape[:2], strict=True)]
    same = [k - s for k, s in zip(w.shape[:2], strides, strict=True)]
    pads = _halve(same, auto == "SAME_UPPER") if auto.startswith("SAME") else _read_pads(call)
    if call.get("output_shape", None):
        wanted = call.get("output_shape", [])[-2:]
        totals = [f + e - side for f, e, side in zip(full, extra, wanted, strict=True)]
        pads = _halve(totals, auto == "SAME_UPPER")
    sides = [f + e - sum(p) for f, e, p in zip(full, extra, pads, strict=True)]
    padding: Any = [(0, 0), *pads, (0, 0)]
    if pads == _halve(same) and not any(extra):
        padding = "SAME"
    size = [*call.to_size(get_shape(x)[:1]), *sides, out]

    def convolve(a: tf.Tensor, v: np.ndarray) -> tf.Tensor:
        if list(x.shape[1:3]) == [1, 1] and not any(extra):  # every pixel is a sum of channels
            (top, _), (left, _) = pads
            v = v[top : top + sides[0], left : left + sides[1]].transpose(3, 0, 1, 2)
            y = tf.reshape(a, [-1, a.shape[3]]) @ make_tensor(v.reshape([len(v), -1]))
            return tf.reshape(y, [-1, *sides, out])
        return tf.nn.conv2d_transpose(a, to_tensor(v), size, strides, padding)

    return _add_bias(_convolve_groups(x, w, call.get("group", 1), convolve), bias)


def pool(call: Call, x: Value) -> tf.Tensor:
    """AveragePool and MaxPool, of whole windows."""
    kernel, strides = call.get("kernel_shape", []), _read_steps(call, "strides")
    other = [call.get("ceil_mode", 0), *call.get("pads", []), max(call.get("dilations", [1])) > 1]
    other.append(call.get("auto_pad", "").startswith("SAME"))
    if any(other) or call.outputs > 1 or len(kernel) != 2:
        raise UnsupportedError("has padding, is dilated or rounds up; export it without")
    function = tf.nn.avg_pool2d if call.kind == "AveragePool" else tf.nn.max_pool2d
    return function(make_tensor(x), kernel, strides, "VALID")


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


def normalize_instance(call: Call, x: Value, gamma: Value, beta: Value) -> tf.Tensor:
    """InstanceNormalization."""
    y = make_tensor(x)
    axes = [move_axis(y, axis) for axis in range(2, len(y.shape))]
    centred = y - tf.reduce_mean(y, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axes, keepdims=True)
    y = centred * tf.math.rsqrt(variance + call.get("epsilon", 1e-5))
    return y * _along_channels(y, gamma) + _along_channels(y, beta)


def _along_channels(x: Value, values: Value) -> tf.Tensor:
    """Return one value per channel in a shape that broadcasts."""
    rank = len(x.shape)
    return tf.reshape(values, [-1] if rank == 4 else [-1] + [1] * (rank - 2))


def widen(call: Call, x: Value) -> tf.Tensor:
    """DepthToSpace."""
    size, y = call.get("blocksize", 0), make_tensor(x)
    if call.get("mode", "DCR") == "CRD":  # channels of a block are neighbours, unlike TensorFlow's
        channels = int(y.shape[3])
        order = np.arange(channels).reshape(channels // size**2, size**2).T.ravel()
        y = tf.gather(y, order, axis=3)
    return tf.nn.depth_to_space(y, size)


def pad(call: Call, x: Value, pads: Value, value: Value = None, axes: Value = None) -> tf.Tensor:
    """Pad, with constants or by reflection or repetition; negative padding crops."""
    y, mode = make_tensor(x), call.get("mode", "constant")
    chosen = [move_axis(y, axis) for axis in read_integers(axes, range(len(y.shape)))]
    sides = np.zeros((len(y.shape), 2), int)
    sides[chosen] = np.reshape(read_integers(pads), [2, -1]).T
    if np.abs(sides).max() > MAX_SPAN:
        raise UnsupportedError(f"pads more than {MAX_SPAN:,} pixels; is it a generator?")
    cuts, sides = np.minimum(sides, 0), np.maximum(sides, 0)
    if cuts.any():
        y = y[tuple(slice(-before, after or None) for before, after in cuts)]
    if mode == "edge":
        for axis in np.flatnonzero(sides.any(1)).tolist():
            size, (before, after) = y.shape[axis], sides[axis]
            y = tf.gather(y, np.arange(-before, size + after).clip(0, size - 1), axis=axis)
        return y
    filled = 0 if value is None else read_constant(value).ravel()[0]
    return tf.pad(y, sides, mode, tf.cast(filled, y.dtype))


def resize(call: Call, x: Value, _: Value = None, scales: Value = None, sizes: Value = None) -> Any:
    """Resize the two sides of pictures: by a choice of pixels, or a matrix for each side."""
    y, shape = make_tensor(x), get_shape(x)
    axes = [axis % len(shape) for axis in call.get("axes", range(len(shape)))]
    is_sized = sizes is not None and sizes.size > 0
    given = (sizes if is_sized else read_constant(scales)).tolist()
    factors = {
        axis: n / shape[axis] if is_sized else n for axis, n in zip(axes, given, strict=True)
    }
    changed = [axis for axis in axes if axis and factors[axis] != 1]
    if not changed:
        return y
    if len(shape) != 4 or min(changed) < 2 or call.get("keep_aspect_ratio_policy", "s")[0] != "s":
        raise UnsupportedError("is not of the two sides of pictures; export such a generator")
    if not all(1 <= factors[n] * shape[n] <= MAX_SIDE for n in changed):  # nor NaN
        raise UnsupportedError(f"has sides below 1 or above {MAX_SIDE:,}; is it a generator?")
    matrices = {n: _make_matrix(call, shape[n], factors[n], is_sized) for n in changed}
    if call.get("mode", "nearest") != "nearest":
        for axis, matrix in matrices.items():
            equation = "abcd,bz->azcd" if axis == 2 else "abcd,cz->abzd"
            y = tf.einsum(equation, y, matrix.astype(np.float32))
        return y
    choices = {axis: matrix.argmax(0) for axis, matrix in matrices.items()}
    usual = {n: np.arange(len(each)) * shape[n] // len(each) for n, each in choices.items()}
    if all(np.array_equal(each, usual[n]) for n, each in choices.items()):
        sides = [len(choices.get(n, range(shape[n]))) for n in (2, 3)]
        return tf.raw_ops.ResizeNearestNeighbor(images=y, size=sides)
    for axis, choice in choices.items():
        y = tf.gather(y, choice, axis=axis - 1)
    return y


def _make_matrix(call: Call, old: int, factor: float, is_sized: bool) -> np.ndarray:
    """Return the matrix (old, new) that resizes one axis, which is ONNX's own resize of 1."""
    settings = {name: value for name, value in call.attributes.items() if name != "axes"}
    names = ["x", "", "", "size"] if is_sized else ["x", "", "scale"]
    node = helper.make_node("Resize", names, ["y"], **settings)
    wanted: dict[str, np.ndarray] = {"scale": np.array([1, factor], np.float32)}
    if is_sized:
        wanted = {"size": np.array([old, round(old * factor)])}
    (matrix,) = ReferenceEvaluator(node).run(None, {"x": np.eye(old), **wanted})
    return np.asarray(matrix)
