"""The values of an ONNX graph: NumPy arrays if they are constant, else tensors of a batch.

Arrays have ONNX's order of axes. Tensors of rank 4 have their channels last, the fast order in
TensorFlow; all others have ONNX's order. While a graph is read, its batch has BATCH rows, so that a
size of n times BATCH stands for n times any number of rows.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.formats.interface import UnreadableError

Value = Any  # np.ndarray, tf.Tensor, or None if an input is left out
BATCH = 1_000_003  # a prime beyond the sizes of pictures

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


class UnsupportedError(UnreadableError):
    """Raised if an operation is refused; the message continues after the operation's name."""


class Call(NamedTuple):
    """An operation with its settings."""

    kind: str
    attributes: Mapping[str, Any]
    outputs: int  # how many
    own_rows: int  # rows of a batch in the numbers of the file; BATCH: any
    rows: tf.Tensor | None  # rows of a batch; None: BATCH

    def get(self, name: str, default: Any) -> Any:
        """Return a setting."""
        return self.attributes.get(name, default)

    def to_size(self, shape: Sequence[int]) -> list[Any]:
        """Return a shape for TensorFlow, with the number of rows as a tensor."""
        return [
            int(size) if self.rows is None or not is_free(size) else self.rows * (size // BATCH)
            for size in shape
        ]

    def reshape(self, x: Value, shape: Sequence[int]) -> tf.Tensor:
        """Return a value in ONNX's order in another shape."""
        sizes, free = self.to_size(shape), [n for n, size in enumerate(shape) if is_free(size)]
        if len(free) == 1:
            sizes[free[0]] = -1
        return tf.reshape(x, sizes)


def is_free(size: int) -> bool:
    """Return whether a size stands for the rows of a batch."""
    return size != 0 and size % BATCH == 0


def is_constant(x: Value) -> bool:
    """Return whether a value is known; an input that is left out is."""
    return x is None or isinstance(x, np.ndarray | np.generic)


def read_constant(x: Value) -> np.ndarray:
    """Return a setting. Raises UnsupportedError if it is not constant."""
    if not is_constant(x):
        raise UnsupportedError("has a setting that depends on the latent vector; export it without")
    return np.asarray(x)


def read_integers(x: Value, default: Sequence[int] = ()) -> list[int]:
    """Return a setting that is a list of integers."""
    return list(default) if x is None else [int(each) for each in read_constant(x).ravel()]


def get_shape(x: Value) -> tuple[int, ...]:
    """Return the shape in ONNX's order. Raises ValueError if a size is unknown."""
    if is_constant(x):
        return np.shape(x)
    shape = tuple(x.shape.as_list())
    if None in shape:
        raise ValueError(f"{x.shape} has unknown sizes; export the generator with fixed sizes")
    return tuple(shape[axis] for axis in TO_FIRST) if len(shape) == 4 else shape


def to_first(x: Value) -> Value:
    """Return a value in ONNX's order of axes."""
    return x if is_constant(x) or len(x.shape) != 4 else transpose(x, TO_FIRST)


def to_last(x: Value) -> Value:
    """Return a value in ONNX's order as it is kept: of rank 4 with its channels last."""
    return x if x is None or len(x.shape) != 4 else transpose(x, TO_LAST)


def transpose(x: Value, order: Sequence[int]) -> Value:
    """Return a value of rank 4 with its axes in an order, by at most one transposition."""
    if is_constant(x):
        return x.transpose(order)
    if not hasattr(x, "numpy") and x.op.type == "Transpose":
        before = tf.get_static_value(x.op.inputs[1])
        if before is not None and [before[axis] for axis in order] == [0, 1, 2, 3]:
            return x.op.inputs[0]
    return x if list(order) == [0, 1, 2, 3] else tf.transpose(x, order)


def move_axis(x: Value, axis: int) -> int:
    """Return the position in a tensor of an axis in ONNX's order."""
    axis %= max(1, len(x.shape))
    return TO_FIRST[axis] if len(x.shape) == 4 else axis


def make_tensor(x: Value) -> tf.Tensor:
    """Return a value as a tensor as it is kept."""
    return to_tensor(np.ascontiguousarray(to_last(np.asarray(x)))) if is_constant(x) else x


def to_tensor(x: Value) -> tf.Tensor:
    """Return a value as a tensor in its own order of axes; all graphs share a constant."""
    if not is_constant(x):
        return x
    with tf.init_scope():
        return tf.constant(x)


def in_first_order(function: Callable[..., Value]) -> Callable[..., Value]:
    """Return an operation from a function of the call and of values in ONNX's order."""
    return lambda call, *inputs: to_last(function(call, *map(to_first, inputs)))


def elementwise(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Return an operation from a function of the call and of tensors that broadcast."""

    def apply(call: Call, *inputs: Value) -> tf.Tensor:
        if any(map(_counts_rows, inputs)) and not all(map(is_constant, inputs)):
            raise UnsupportedError("computes with the number of pictures; export it for inference")
        rank = max(len(get_shape(x)) for x in inputs)

        def align(x: Value) -> Value:
            shape = get_shape(x)
            if rank != 4:
                return to_first(x)
            if not shape or (len(shape) == 4 and not is_constant(x)):
                return x
            wide = (*[1] * (4 - len(shape)), *shape)
            return to_last(np.reshape(x, wide) if is_constant(x) else call.reshape(x, wide))

        return function(call, *map(align, inputs))

    return apply


def _counts_rows(x: Value) -> bool:
    if not is_constant(x) or x.size > 8 or x.dtype == bool:
        return False
    return bool(np.any((x != 0) & (x % BATCH == 0)))


def prod(sizes: Sequence[int]) -> int:
    """Return the product of sizes as an integer of Python, which does not overflow."""
    return math.prod(map(int, sizes))
