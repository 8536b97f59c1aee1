"""The call of an ONNX operation, and the axis order of pictures."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from ganinv_cli.formats.interface import UnreadableError

BATCH = 1_000_003  # stands for any number of rows; a prime beyond the sizes of pictures
MAX_SIZE = 1 << 14  # of a window or a side

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


class UnsupportedError(UnreadableError):
    """Raised if an operation is refused; the message continues after the operation's name."""


class Picture(NamedTuple):
    """A tensor of rank 4 with its channels last, the fast axis order in TensorFlow."""

    tensor: tf.Tensor

    @property
    def shape(self) -> tf.TensorShape:
        """The shape in ONNX's order."""
        return tf.TensorShape([self.tensor.shape[axis] for axis in _TO_FIRST])


class Call(NamedTuple):
    """An operation with its settings and the shapes of its inputs.

    A size of n times BATCH stands for n times the rows of a batch.
    """

    kind: str
    attributes: Mapping[str, Any]
    opset: int
    shapes: tuple[tuple[int, ...], ...]  # of the inputs; (): left out
    outputs: int  # how many
    batch: int  # rows of a batch in `shapes`; BATCH: any number
    own_batch: int  # rows of a batch in the numbers of the graph
    rows: tf.Tensor | None = None  # of a batch, if any number is possible

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first input."""
        return self.shapes[0]

    def get(self, name: str, default: Any) -> Any:
        """Return a setting."""
        return self.attributes.get(name, default)

    def read(self, inputs: Sequence[Any], place: int, name: str, default: Any = None) -> Any:
        """Return a constant as an array: an input, or in older files a setting."""
        if len(inputs) > place and inputs[place] is not None:
            return read_constant(inputs[place])
        return np.array(self.attributes[name]) if name in self.attributes else default

    def to_size(self, shape: Sequence[int]) -> list[Any]:
        """Return a shape for TensorFlow, with the number of rows as a tensor."""
        return [
            (self.rows if size == BATCH else self.rows * (size // BATCH))
            if self.rows is not None and is_free(size)
            else int(size)
            for size in shape
        ]

    def reshape(self, x: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
        """Return a tensor, not a picture, in another shape."""
        sizes = self.to_size(shape)
        free = [n for n, size in enumerate(shape) if is_free(size)]
        if self.rows is not None and len(free) == 1:
            sizes[free[0]] = -1
        return fold(lambda y: tf.reshape(y, sizes), x)


def is_free(size: int) -> bool:
    """Return whether a size stands for the rows of a batch."""
    return size != 0 and size % BATCH == 0


def is_known(x: Any) -> bool:
    """Return whether a value is a constant."""
    return isinstance(x, ops.EagerTensor)


def read_constant(x: Any) -> np.ndarray:
    """Return a value as an array. Raises UnsupportedError if it is not constant."""
    if not is_known(x):
        raise UnsupportedError("has a setting that depends on the latent vector; export it without")
    return x.numpy()  # type: ignore[no-any-return]


def fold(function: Callable[..., tf.Tensor], *tensors: Any) -> Any:
    """Call a function, once for all graphs if its inputs are constants."""
    if all(map(is_known, tensors)):
        with tf.init_scope():
            return function(*tensors)
    return function(*tensors)


def to_first(x: Any) -> Any:
    """Return a value in ONNX's order of axes."""
    return tf.transpose(x.tensor, _TO_FIRST) if isinstance(x, Picture) else x


def to_last(x: Any) -> Any:
    """Return a value of rank 4 with its channels last."""
    return x.tensor if isinstance(x, Picture) else fold(lambda y: tf.transpose(y, _TO_LAST), x)


def move_axis(x: Any, axis: int) -> int:
    """Return the position in the value's tensor of an axis in ONNX's order."""
    return _TO_FIRST[axis] if isinstance(x, Picture) else axis % max(1, len(x.shape))


def keep_order(x: Any, tensor: tf.Tensor) -> Any:
    """Return a tensor as a Picture if it was computed from a Picture."""
    return Picture(tensor) if isinstance(x, Picture) else tensor


def get_tensor(x: Any) -> tf.Tensor:
    """Return the tensor of a value, in its own axis order."""
    return x.tensor if isinstance(x, Picture) else x


def apply_elementwise(function: Callable[..., tf.Tensor]) -> Callable[..., Any]:
    """Return an operation that applies a function to the call and to tensors that broadcast."""

    def apply(call: Call, *inputs: Any) -> Any:
        if not all(map(is_known, inputs)):
            for each in filter(is_known, inputs):
                if each.shape.num_elements() <= 8 and np.any(_is_batch_size(each.numpy())):
                    raise UnsupportedError(
                        "computes with the number of pictures; export it for inference"
                    )
        ranks = [len(shape) for shape in call.shapes]
        if not any(isinstance(x, Picture) for x in inputs) or max(ranks) > 4:
            return function(call, *map(to_first, inputs))

        def align(x: Any, shape: tuple[int, ...]) -> Any:
            if isinstance(x, Picture) or not shape:
                return get_tensor(x)
            return to_last(call.reshape(x, (*[1] * (4 - len(shape)), *shape)))

        return Picture(function(call, *map(align, inputs, call.shapes)))

    return apply


def _is_batch_size(values: np.ndarray) -> Any:
    return (values != 0) & (values % BATCH == 0) if values.dtype != bool else False


def check_sizes(*sizes: int) -> None:
    """Check the numbers of a window or a picture. Raises UnsupportedError."""
    if any(abs(size) > MAX_SIZE for size in sizes):
        raise UnsupportedError(
            f"has sizes of more than {MAX_SIZE:,}; is it a generator of pictures?"
        )


def prod(sizes: Sequence[int]) -> int:
    """Return the product of sizes as an integer of Python, which does not overflow."""
    return math.prod(map(int, sizes))
