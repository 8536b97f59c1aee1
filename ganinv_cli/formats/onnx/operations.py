"""ONNX's operations as TensorFlow functions: one table, from name to function.

A function takes the call and its inputs (None: left out), in ONNX's order of axes or as Pictures,
and returns one output or a list.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.onnx import pictures
from ganinv_cli.formats.onnx.calls import (
    Call,
    Picture,
    UnsupportedError,
    apply_elementwise,
    get_tensor,
    is_free,
    is_known,
    keep_order,
    move_axis,
    prod,
    read_constant,
    to_first,
    to_last,
)
from ganinv_cli.formats.onnx.reading import KINDS
from ganinv_cli.formats.onnx.resizing import resize

Operation = Callable[..., Any]


def _elu(call: Call, x: tf.Tensor, alpha: float = 1.0, scale: float = 1.0) -> tf.Tensor:
    """Elu, Selu and Celu: x above 0, scale * alpha * (exp(x / inner) - 1) below."""
    alpha, scale = call.get("alpha", alpha), call.get("gamma", scale)
    if call.kind == "Celu":
        return alpha * tf.nn.elu(x / alpha)
    y = tf.nn.elu(x)
    y = y if alpha == 1 else tf.where(x < 0, alpha * y, y)
    return y if scale == 1 else scale * y


def _clip(call: Call, x: tf.Tensor, *bounds: Any) -> tf.Tensor:
    for place, name, choose in ((0, "min", tf.maximum), (1, "max", tf.minimum)):
        bound = call.read(bounds, place, name)
        x = x if bound is None else choose(x, tf.cast(bound, x.dtype))
    return x


def _power(call: Call, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    if is_known(y) and y.shape.num_elements() == 1 and y.numpy().ravel()[0] == 2:
        return tf.square(x)
    return tf.pow(x, tf.cast(y, x.dtype))


def _divide(call: Call, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.truncatediv(x, y) if x.dtype.is_integer else x / y


def _hard_sigmoid(x: tf.Tensor, alpha: float, beta: float) -> tf.Tensor:
    return tf.clip_by_value(x * alpha + beta, 0.0, 1.0)


def _cast(call: Call, x: tf.Tensor) -> tf.Tensor:
    kind = call.get("to", 0)
    if kind not in KINDS:
        raise UnsupportedError("makes values that are not numbers of 8 to 64 bits")
    return tf.cast(x, KINDS[kind])


def _drop(call: Call, x: Any, *inputs: Any) -> Any:
    if call.outputs > 1 or (len(inputs) > 1 and call.read(inputs, 1, "") not in (None, False)):
        raise UnsupportedError("drops values at random; export the generator for inference")
    return x


def _multiply(call: Call, a: Any, b: Any) -> Any:
    a, b = to_first(a), to_first(b)
    left, right = (len(shape) == 1 for shape in call.shapes)
    product = tf.matmul(a[None] if left else a, b[:, None] if right else b)
    axes = [axis for axis, alone in ((-2, left), (-1, right)) if alone]
    return tf.squeeze(product, axes) if axes else product


def _multiply_add(call: Call, a: Any, b: Any, c: Any = None) -> tf.Tensor:
    """Gemm."""
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    turned = bool(call.get("transA", 0)), bool(call.get("transB", 0))
    y = tf.matmul(to_first(a), to_first(b), *turned)
    y = y if alpha == 1 else alpha * y
    return y if c is None else y + (to_first(c) if beta == 1 else beta * to_first(c))


def _softmax(call: Call, x: Any) -> Any:
    function = tf.nn.softmax if call.kind == "Softmax" else tf.nn.log_softmax
    rank = len(call.shape)
    axis = call.get("axis", -1 if call.opset >= 13 else 1) % max(rank, 1)
    if call.opset >= 13:
        return keep_order(x, function(get_tensor(x), move_axis(x, axis)))
    shape = call.shape  # older: over all axes from this one
    flat = call.reshape(to_first(x), [prod(shape[:axis]), prod(shape[axis:])])
    return call.reshape(function(flat), shape)


def _reduce(function: Operation) -> Operation:
    def reduce(call: Call, x: Any, *inputs: Any) -> Any:
        rank, kept = len(call.shape), bool(call.get("keepdims", 1))
        given = call.read(inputs, 0, "axes")
        if given is None or not len(given):
            if call.get("noop_with_empty_axes", 0):
                return x
            given = range(rank)
        axes = sorted(int(axis) % rank for axis in given)
        if not kept and axes != [2, 3]:
            x = to_first(x)
        y = function(get_tensor(x), [move_axis(x, axis) for axis in axes], keepdims=kept)
        return keep_order(x, y) if kept else y

    return reduce


def _norm_2(x: tf.Tensor, axes: list[int], keepdims: bool) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(x), axes, keepdims))


def _pool_all(function: Operation) -> Operation:
    return lambda call, x: _reduce(function)(
        call._replace(attributes={"axes": list(range(2, len(call.shape)))}), x
    )


def _concatenate(call: Call, *inputs: Any) -> Any:
    axis = call.get("axis", 0)
    if any(isinstance(x, Picture) for x in inputs):
        return Picture(tf.concat([to_last(x) for x in inputs], move_axis(Picture(inputs), axis)))
    return tf.concat(inputs, axis)


def _split_axis(call: Call, x: Any, *inputs: Any) -> list[Any]:
    axis = call.get("axis", 0)
    size = call.shape[axis]
    each = -(-size // call.outputs)
    equal = [each] * (call.outputs - 1) + [size - each * (call.outputs - 1)]
    sizes = [int(n) for n in call.read(inputs, 0, "split", equal)]
    return [keep_order(x, y) for y in tf.split(get_tensor(x), sizes, move_axis(x, axis))]


def _slice(call: Call, x: Any, *inputs: Any) -> Any:
    starts, ends = call.read(inputs, 0, "starts"), call.read(inputs, 1, "ends")
    axes = call.read(inputs, 2, "axes", np.arange(len(starts)))
    steps = call.read(inputs, 3, "steps", np.ones(len(starts), int))
    cut = [slice(None)] * len(call.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = call.shape[axis]
        first, last, by = slice(int(start), int(end), int(step)).indices(size)
        if (first, last, by) == (0, size, 1):
            continue
        if is_free(size):
            raise UnsupportedError("takes some pictures of the batch; export it for inference")
        cut[move_axis(x, axis)] = slice(first, None if last < 0 else last, by)
    return keep_order(x, get_tensor(x)[tuple(cut)])


def _reshape(call: Call, x: Any, *inputs: Any) -> Any:
    """Reshape; a graph for a fixed number of rows may also be run with others."""
    wanted = [int(n) for n in call.read(inputs, 0, "shape")]
    is_batch = prod(call.shape) % call.batch == 0
    own = [
        n * call.own_batch // call.batch if n % call.batch == 0 and call.batch > 1 else n
        for n in call.shape
    ]
    if not call.get("allowzero", 0):
        wanted = [own[n] if size == 0 else size for n, size in enumerate(wanted)]
    if -1 in wanted:
        rest = -prod(wanted)
        wanted[wanted.index(-1)] = prod(own) // rest
    if is_batch and call.own_batch != call.batch and prod(wanted) != prod(call.shape):
        wanted[0] = wanted[0] * call.batch // call.own_batch
    if prod(wanted) != prod(call.shape):
        raise ValueError(f"{list(call.shape)} cannot become {wanted}")
    return call.reshape(to_first(x), wanted)


def _flatten(call: Call, x: Any) -> Any:
    axis = call.get("axis", 1)
    axis += len(call.shape) if axis < 0 else 0
    return call.reshape(to_first(x), [prod(call.shape[:axis]), prod(call.shape[axis:])])


def _squeeze(call: Call, x: Any, *inputs: Any) -> Any:
    rank = len(call.shape)
    ones = [axis for axis, size in enumerate(call.shape) if size == 1]
    axes = {int(axis) % rank for axis in call.read(inputs, 0, "axes", ones)}
    if any(call.shape[axis] != 1 for axis in axes):
        raise ValueError(f"{list(call.shape)} cannot lose the axes {sorted(axes)}")
    shape = [size for axis, size in enumerate(call.shape) if axis not in axes]
    return call.reshape(to_first(x), shape)


def _unsqueeze(call: Call, x: Any, *inputs: Any) -> Any:
    axes = call.read(inputs, 0, "axes")
    rank = len(call.shape) + len(axes)
    ones, sizes = {int(axis) % rank for axis in axes}, iter(call.shape)
    return call.reshape(to_first(x), [1 if n in ones else next(sizes) for n in range(rank)])


def _transpose(call: Call, x: Any) -> Any:
    order = call.get("perm", list(range(len(call.shape)))[::-1])
    if not isinstance(x, Picture) and tuple(order) == (0, 3, 1, 2) and not is_known(x):
        return Picture(x)
    places = [move_axis(x, axis) for axis in order]
    y = get_tensor(x)
    return y if places == list(range(len(places))) else tf.transpose(y, places)


def _gather(call: Call, x: Any, indices: Any) -> Any:
    axis = call.get("axis", 0) % len(call.shape)
    x, size = to_first(x), call.shape[axis]
    if is_known(indices):
        numbers = indices.numpy()
        if numbers.size and not (-size <= numbers.min() and numbers.max() < size):
            raise ValueError(f"an index is beyond {size}")
        if numbers.ndim == 0:
            return x[(*[slice(None)] * axis, int(numbers) % size)]
        indices = numbers % size
    return tf.gather(x, to_first(indices), axis=axis)


def _expand(call: Call, x: Any, shape: Any) -> Any:
    sizes = [int(n) for n in read_constant(shape)]
    rank = max(len(sizes), len(call.shape))
    old, new = ([1] * (rank - len(s)) + list(s) for s in (call.shape, sizes))
    wanted = [b if a == 1 else a for a, b in zip(old, new, strict=True)]
    if any(b not in (1, w) and w % max(1, call.batch) for b, w in zip(new, wanted, strict=True)):
        raise ValueError(f"{call.shape} cannot be expanded to {sizes}")
    return x if wanted == list(call.shape) else tf.broadcast_to(to_first(x), call.to_size(wanted))


def _tile(call: Call, x: Any, repeats: Any) -> Any:
    return tf.tile(to_first(x), call.to_size([int(n) for n in read_constant(repeats)]))


def _fill(call: Call, shape: Any) -> tf.Tensor:
    sizes = call.to_size([int(n) for n in read_constant(shape)])
    value = call.get("value", np.zeros(1, np.float32))
    return tf.fill(tf.cast(sizes, tf.int64) if sizes else [], tf.constant(value.ravel()[0]))


def _count(call: Call, start: Any, end: Any, step: Any) -> tf.Tensor:
    first, last, by = (read_constant(each).ravel()[0] for each in (start, end, step))
    return tf.range(first, tf.cast(call.to_size([last])[0], last.dtype), by)


def _one_hot(call: Call, indices: Any, depth: Any, values: Any) -> tf.Tensor:
    size = int(read_constant(depth).ravel()[0])
    numbers = tf.cast(to_first(indices), tf.int64)
    off, on = tf.unstack(values, 2)
    numbers = tf.where(numbers < 0, numbers + size, numbers)
    return tf.one_hot(numbers, size, on, off, axis=call.get("axis", -1), dtype=values.dtype)


def _constant(call: Call) -> tf.Tensor:
    ((name, value),) = call.attributes.items()
    if name not in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        raise UnsupportedError("is a constant whose values are not numbers")
    kind = {"value_f": np.float32, "value_i": np.int64}.get(name[:7])
    return tf.constant(value, kind)


def _measure(call: Call, x: Any) -> tf.Tensor:
    first, last = call.get("start", 0), call.get("end", len(call.shape))
    with tf.init_scope():
        return tf.constant(call.shape[first:last], tf.int64)


def _drop_call(function: Operation) -> Operation:
    return apply_elementwise(lambda call, *tensors: function(*tensors))


def _chain(function: Operation) -> Operation:
    return _drop_call(lambda *tensors: functools.reduce(function, tensors))


_PLAIN: dict[str, Operation] = {
    **{"Relu": tf.nn.relu, "Tanh": tf.tanh, "Sigmoid": tf.sigmoid, "Softplus": tf.nn.softplus},
    **{"Softsign": tf.nn.softsign, "Erf": tf.math.erf, "Exp": tf.exp, "Log": tf.math.log},
    **{"Neg": tf.negative, "Abs": tf.abs, "Sin": tf.sin, "Cos": tf.cos, "Tan": tf.tan},
    **{"Sqrt": tf.sqrt, "Reciprocal": tf.math.reciprocal, "Floor": tf.floor},
    **{"Ceil": tf.math.ceil, "Round": tf.round, "Sign": tf.sign, "Not": tf.logical_not},
    "Identity": lambda x: x,
    **{"HardSwish": lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5), "Sub": tf.subtract},
    **{"Mish": lambda x: x * tf.tanh(tf.nn.softplus(x)), "Equal": tf.equal, "Where": tf.where},
    **{"Less": tf.less, "LessOrEqual": tf.less_equal, "Greater": tf.greater},
    **{"GreaterOrEqual": tf.greater_equal, "And": tf.logical_and, "Or": tf.logical_or},
    "PRelu": lambda x, slope: tf.nn.relu(x) - slope * tf.nn.relu(-x),
    "Mean": lambda *tensors: functools.reduce(tf.add, tensors) / len(tensors),
}
_WITH_SETTINGS: dict[str, Operation] = {
    "LeakyRelu": lambda call, x: tf.nn.leaky_relu(x, call.get("alpha", 0.01)),
    "Gelu": lambda call, x: tf.nn.gelu(x, call.get("approximate", "none") == "tanh"),
    "HardSigmoid": lambda call, x: _hard_sigmoid(x, call.get("alpha", 0.2), call.get("beta", 0.5)),
    "Selu": functools.partial(_elu, alpha=1.6732632423543772, scale=1.0507009873554805),
    **{"Elu": _elu, "Celu": _elu, "Pow": _power, "Div": _divide, "Cast": _cast},
}
OPERATIONS: dict[str, Operation] = {
    **{name: _drop_call(function) for name, function in _PLAIN.items()},
    **{name: apply_elementwise(function) for name, function in _WITH_SETTINGS.items()},
    **{"Add": _chain(tf.add), "Sum": _chain(tf.add), "Mul": _chain(tf.multiply)},
    **{"Min": _chain(tf.minimum), "Max": _chain(tf.maximum)},
    "Clip": lambda call, x, *bounds: keep_order(x, _clip(call, get_tensor(x), *bounds)),
    "CastLike": lambda call, x, y: keep_order(x, tf.cast(get_tensor(x), get_tensor(y).dtype)),
    **{"Dropout": _drop, "MatMul": _multiply, "Gemm": _multiply_add},
    **{"Softmax": _softmax, "LogSoftmax": _softmax, "Concat": _concatenate, "Split": _split_axis},
    **{"ReduceMean": _reduce(tf.reduce_mean), "ReduceSum": _reduce(tf.reduce_sum)},
    **{"ReduceMax": _reduce(tf.reduce_max), "ReduceMin": _reduce(tf.reduce_min)},
    **{"ReduceProd": _reduce(tf.reduce_prod), "ReduceL2": _reduce(_norm_2)},
    "ReduceL1": _reduce(lambda x, axes, keepdims: tf.reduce_sum(tf.abs(x), axes, keepdims)),
    "ReduceSumSquare": _reduce(
        lambda x, axes, keepdims: tf.reduce_sum(tf.square(x), axes, keepdims)
    ),
    "GlobalAveragePool": _pool_all(tf.reduce_mean),
    "GlobalMaxPool": _pool_all(tf.reduce_max),
    **{"AveragePool": pictures.pool, "MaxPool": pictures.pool, "Conv": pictures.convolve},
    **{"ConvTranspose": pictures.convolve_transposed, "Pad": pictures.pad},
    "BatchNormalization": pictures.normalize_batch,
    "InstanceNormalization": pictures.normalize_groups,
    "GroupNormalization": pictures.normalize_groups,
    "LayerNormalization": pictures.normalize_layer,
    **{"Resize": resize, "Upsample": resize},
    **{"DepthToSpace": pictures.mix_depth, "SpaceToDepth": pictures.mix_depth},
    **{"Slice": _slice, "Reshape": _reshape, "Flatten": _flatten, "Squeeze": _squeeze},
    **{"Unsqueeze": _unsqueeze, "Transpose": _transpose, "Gather": _gather},
    **{"Expand": _expand, "Tile": _tile},
    **{"ConstantOfShape": _fill, "Range": _count, "OneHot": _one_hot, "Constant": _constant},
    **{"Shape": _measure, "Size": lambda call, x: tf.constant(prod(call.shape), tf.int64)},
    "Einsum": lambda call, *tensors: tf.einsum(call.get("equation", ""), *map(to_first, tensors)),
}
