"""ONNX's operations as TensorFlow functions: one table, from name to function.

A function takes the call and its inputs (None: left out), and returns one output or a list. An
operation that is not here is replaced by ONNX's own function of others, if there is one.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from onnx import TensorProto

from ganinv_cli.generators.formats.onnx import picture_operations as pictures
from ganinv_cli.generators.formats.onnx.values import (
    BATCH,
    TO_LAST,
    Call,
    UnsupportedError,
    Value,
    elementwise,
    get_shape,
    in_first_order,
    is_constant,
    is_free,
    make_tensor,
    move_axis,
    prod,
    read_constant,
    read_integers,
    to_first,
    to_last,
    to_tensor,
    transpose,
)

FLOATS = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
INTEGERS = ("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
KINDS = {
    getattr(TensorProto, name): np.dtype(np.float32 if name in FLOATS else name.lower())
    for name in (*FLOATS, *INTEGERS)
}  # all floating point numbers are computed in float32

Operation = Callable[..., Any]


def _read(call: Call) -> np.ndarray:
    """Constant."""
    ((name, value),) = call.attributes.items()
    return np.asarray(value, {"value_f": np.float32, "value_i": np.int64}.get(name[:7]))


def _clip(call: Call, x: Value, low: Value = None, high: Value = None) -> tf.Tensor:
    y = make_tensor(x)
    y = y if low is None else tf.maximum(y, read_constant(low).item())
    return y if high is None else tf.minimum(y, read_constant(high).item())


def _divide(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    x = tf.convert_to_tensor(x)
    return tf.truncatediv(x, y) if x.dtype.is_integer else x / y


def _raise(x: tf.Tensor, y: Value) -> tf.Tensor:
    is_square = is_constant(y) and bool(np.all(y == 2))
    return tf.square(x) if is_square else tf.pow(x, tf.cast(y, x.dtype))


def _cast(call: Call, x: Value) -> tf.Tensor:
    kind = call.get("to", 0)
    if kind not in KINDS:
        raise UnsupportedError("makes values that are not numbers of 8 to 64 bits")
    return tf.cast(make_tensor(x), KINDS[kind])


def _drop(call: Call, x: Value, _: Value = None, training: Value = None) -> tf.Tensor:
    if training is not None and read_constant(training).any():
        raise UnsupportedError("drops values at random; export the generator for inference")
    return make_tensor(x)


def _multiply(call: Call, a: Value, b: Value) -> tf.Tensor:
    left, right = (len(x.shape) == 1 for x in (a, b))
    a, b = (a[None] if left else a), (b[:, None] if right else b)
    product = tf.matmul(to_tensor(a), to_tensor(b))
    axes = [axis for axis, alone in ((-2, left), (-1, right)) if alone]
    return tf.squeeze(product, axes) if axes else product


def _multiply_add(call: Call, a: Value, b: Value, c: Value = None) -> tf.Tensor:
    """Gemm."""
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    turned = bool(call.get("transA", 0)), bool(call.get("transB", 0))
    y = tf.matmul(to_tensor(a), to_tensor(b), *turned)
    y = y if alpha == 1 else alpha * y
    return y if c is None else y + (c if beta == 1 else beta * c)


def _softmax(call: Call, x: Value) -> tf.Tensor:
    y = make_tensor(x)
    return tf.nn.softmax(y, move_axis(y, call.get("axis", -1)))


def _reduce(function: Operation) -> Operation:
    def reduce(call: Call, x: Value, given: Value = None) -> tf.Tensor:
        y, kept = make_tensor(x), bool(call.get("keepdims", 1))
        axes = read_integers(given)
        if not axes and call.get("noop_with_empty_axes", 0):
            return y
        rank = len(y.shape)
        axes = sorted(axis % rank for axis in axes or range(rank))
        if not kept and axes != [2, 3]:
            return to_last(function(to_first(y), axes))
        return function(y, [move_axis(y, axis) for axis in axes], keepdims=kept)

    return reduce


def _pool_all(function: Operation) -> Operation:
    def pool(call: Call, x: Value) -> tf.Tensor:
        y = make_tensor(x)
        return function(y, [move_axis(y, n) for n in range(2, len(y.shape))], keepdims=True)

    return pool


def _concatenate(call: Call, *inputs: Value) -> tf.Tensor:
    tensors = list(map(make_tensor, inputs))
    return tf.concat(tensors, move_axis(tensors[0], call.get("axis", 0)))


def _separate(call: Call, x: Value, split: Value = None) -> list[tf.Tensor]:
    y, axis = make_tensor(x), call.get("axis", 0)
    size = get_shape(x)[axis]
    each = -(-size // call.outputs)
    equal = [each] * (call.outputs - 1) + [size - each * (call.outputs - 1)]
    return list(tf.split(y, read_integers(split, equal), move_axis(y, axis)))


def _slice(call: Call, x: Value, *inputs: Value) -> tf.Tensor:
    y, shape = make_tensor(x), get_shape(x)
    starts, ends, axes, steps = map(read_integers, (*inputs, *[None] * (4 - len(inputs))))
    cut = [slice(None)] * len(shape)
    for n, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis, step = axes[n] if axes else n, steps[n] if steps else 1
        first, last, by = slice(start, end, step).indices(shape[axis])
        if (first, last, by) == (0, shape[axis], 1):
            continue
        if is_free(shape[axis]):
            raise UnsupportedError("takes some pictures of the batch; export it for inference")
        cut[move_axis(y, axis)] = slice(first, None if last < 0 else last, by)
    return y[tuple(cut)]


def _reshape(call: Call, x: Value, shape: Value) -> tf.Tensor:
    """Reshape; a graph for a fixed number of rows is read as one for any number."""
    wanted, given = read_integers(shape), [int(size) for size in x.shape]
    own = [n // BATCH * call.own_rows if is_free(n) else n for n in given]
    if not call.get("allowzero", 0):
        wanted = [own[n] if size == 0 else size for n, size in enumerate(wanted)]
    if -1 in wanted:
        wanted[wanted.index(-1)] = prod(own) // -prod(wanted)
    if prod(wanted) != prod(given):
        wanted[0] = wanted[0] * BATCH // call.own_rows
    if prod(wanted) != prod(given):
        raise ValueError(f"{list(given)} cannot become {wanted}")
    return call.reshape(x, wanted)


def _flatten(call: Call, x: Value) -> tf.Tensor:
    axis = call.get("axis", 1)
    return call.reshape(x, [prod(x.shape[:axis]), prod(x.shape[axis:])])


def _squeeze(call: Call, x: Value, axes: Value = None) -> tf.Tensor:
    shape = x.shape
    ones = read_integers(axes, [axis for axis, size in enumerate(shape) if size == 1])
    gone = {axis % len(shape) for axis in ones}
    return call.reshape(x, [size for axis, size in enumerate(shape) if axis not in gone])


def _unsqueeze(call: Call, x: Value, axes: Value) -> tf.Tensor:
    shape, added = list(x.shape), read_integers(axes)
    for axis in sorted(axis % (len(x.shape) + len(added)) for axis in added):
        shape.insert(axis, 1)
    return call.reshape(x, shape)


def _transpose(call: Call, x: Value) -> tf.Tensor:
    rank = len(get_shape(x))
    order = call.get("perm", list(range(rank))[::-1])
    if rank != 4 or is_constant(x):
        return to_last(tf.transpose(to_first(x), order))
    return transpose(x, [move_axis(x, order[axis]) for axis in TO_LAST])  # as it is kept


def _gather(call: Call, x: Value, indices: Value) -> tf.Tensor:
    axis = call.get("axis", 0) % len(x.shape)
    if is_constant(indices):
        indices = np.where(indices < 0, indices + int(x.shape[axis]), indices)
        if indices.ndim == 0:
            return x[(*[slice(None)] * axis, int(indices))]
    return tf.gather(to_tensor(x), indices, axis=axis)


def _expand(call: Call, x: Value, shape: Value) -> tf.Tensor:
    sizes = np.broadcast_shapes(tuple(x.shape), tuple(read_integers(shape)))
    return tf.broadcast_to(to_tensor(x), call.to_size(sizes))


def _fill(call: Call, shape: Value) -> tf.Tensor:
    sizes = call.to_size(read_integers(shape))
    value = call.get("value", np.zeros(1, np.float32))
    return tf.fill(tf.cast(sizes, tf.int64) if sizes else [], tf.constant(value.ravel()[0]))


def _count(call: Call, start: Value, end: Value, step: Value) -> tf.Tensor:
    """Range."""
    first, last, by = (read_constant(each).ravel()[0] for each in (start, end, step))
    return tf.range(first, tf.cast(call.to_size([last])[0], last.dtype), by)


def _one_hot(call: Call, indices: Value, depth: Value, values: Value) -> tf.Tensor:
    size, numbers = read_constant(depth).item(), tf.cast(indices, tf.int64)
    off, on = read_constant(values)
    numbers = tf.where(numbers < 0, numbers + size, numbers)
    return tf.one_hot(numbers, size, on, off, axis=call.get("axis", -1), dtype=values.dtype)


def _measure(call: Call, x: Value) -> np.ndarray:
    """Shape."""
    shape = get_shape(x)
    return np.array(shape[call.get("start", 0) : call.get("end", len(shape))], np.int64)


def _plain(function: Operation) -> Operation:
    return elementwise(lambda call, *tensors: function(*tensors))


def _accumulate(function: Operation) -> Operation:
    return _plain(lambda *tensors: functools.reduce(function, tensors))


_SAME_NAMES = (  # as in tf.math
    "Abs Ceil Cos Equal Erf Exp Floor Greater Less Log Reciprocal Round Sigmoid Sign Sin Softplus "
    "Softsign Sqrt Tanh"
)
_PLAIN: dict[str, Operation] = {
    **{name: getattr(tf.math, name.lower()) for name in _SAME_NAMES.split()},
    "And": tf.logical_and,
    "Div": _divide,
    "Identity": tf.identity,
    "Mean": lambda *tensors: functools.reduce(tf.add, tensors) / len(tensors),
    "Neg": tf.negative,
    "Not": tf.logical_not,
    "Or": tf.logical_or,
    "Pow": _raise,
    "Relu": tf.nn.relu,
    "Sub": tf.subtract,
    "Where": tf.where,
}
_IN_FIRST_ORDER: dict[str, Operation] = {
    "ConstantOfShape": _fill,
    "Einsum": lambda call, *tensors: tf.einsum(call.get("equation", ""), *tensors),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _multiply_add,
    "MatMul": _multiply,
    "OneHot": _one_hot,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Tile": lambda call, x, n: tf.tile(x, call.to_size(read_integers(n))),
    "Unsqueeze": _unsqueeze,
}
OPERATIONS: dict[str, Operation] = {
    **{name: _plain(function) for name, function in _PLAIN.items()},
    **{name: in_first_order(function) for name, function in _IN_FIRST_ORDER.items()},
    "Add": _accumulate(tf.add),
    "AveragePool": pictures.pool,
    "BatchNormalization": pictures.normalize_batch,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concatenate,
    "Constant": _read,
    "Conv": pictures.convolve,
    "ConvTranspose": pictures.convolve_transposed,
    "DepthToSpace": pictures.widen,
    "Dropout": _drop,
    "GlobalAveragePool": _pool_all(tf.reduce_mean),
    "GlobalMaxPool": _pool_all(tf.reduce_max),
    "InstanceNormalization": pictures.normalize_instance,
    "LeakyRelu": lambda call, x: tf.nn.leaky_relu(make_tensor(x), call.get("alpha", 0.01)),
    "Max": _accumulate(tf.maximum),
    "MaxPool": pictures.pool,
    "Min": _accumulate(tf.minimum),
    "Mul": _accumulate(tf.multiply),
    "Pad": pictures.pad,
    "Range": _count,
    "ReduceMax": _reduce(tf.reduce_max),
    "ReduceMean": _reduce(tf.reduce_mean),
    "ReduceMin": _reduce(tf.reduce_min),
    "ReduceSum": _reduce(tf.reduce_sum),
    "Resize": pictures.resize,
    "Shape": _measure,
    "Size": lambda call, x: np.array(prod(get_shape(x)), np.int64),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _separate,
    "Sum": _accumulate(tf.add),
    "Transpose": _transpose,
}
