"""Constants of a TensorFlow graph as arrays, with bounds: a few bytes can declare any size."""

import math
from typing import Any

import numpy as np

from ganinv_cli.formats.interface import UnreadableError

MAX_VALUES = 400_000_000  # in all constants and what is computed of them

Shape = tuple[int, ...]

TEXT = 7
_BFLOAT16 = 14
# by the numbers that TensorFlow gives its types; those of references are 100 more
_DTYPES: dict[int, type[Any]] = {
    1: np.float32,
    2: np.float64,
    3: np.int32,
    4: np.uint8,
    5: np.int16,
    6: np.int8,
    9: np.int64,
    10: np.bool_,
    _BFLOAT16: np.float32,  # as the wider type of the same range
    17: np.uint16,
    19: np.float16,
    22: np.uint32,
    23: np.uint64,
}
# which field holds the values one by one
_FIELDS = {
    **{2: "double_val", 9: "int64_val", 10: "bool_val", 22: "uint32_val", 23: "uint64_val"},
    **{1: "float_val", 19: "half_val", _BFLOAT16: "half_val"},
}
INTEGERS = (3, 4, 5, 6, 9, 17, 22, 23)
FLOATS = (1, 2, 19, _BFLOAT16)


class Budget:
    """How many values may still be made: a graph that asks for more is refused before."""

    def __init__(self, values: int = MAX_VALUES) -> None:
        self._values = values

    def spend(self, shape: Shape) -> None:
        """Raises UnreadableError."""
        self._values -= math.prod(shape)
        if self._values < 0 or min(shape, default=0) < 0:
            raise UnreadableError(
                f"asks for constants of more than {MAX_VALUES:,} values, such as "
                f"{list(shape)}; is it a generator of pictures?"
            )


def dtype(number: int) -> type[Any]:
    """What TensorFlow's type is in NumPy. Raises UnreadableError."""
    found = _DTYPES.get(number % 100)
    if found is None:
        raise UnreadableError(
            f"computes with type {number} of TensorFlow, where numbers were expected"
        )
    return found


def array(tensor: Any, budget: Budget) -> np.ndarray:
    """The values of a TensorProto; few values fill the rest with the last one.

    Raises UnreadableError.
    """
    kind = tensor.dtype % 100
    shape = tuple(axis.size for axis in tensor.tensor_shape.dim)
    if len(shape) > 8 or tensor.tensor_shape.unknown_rank:
        raise UnreadableError(f"has a constant of shape {list(shape)[:9]}")
    found = dtype(kind)
    budget.spend(shape)
    if tensor.tensor_content:
        stored = np.uint16 if kind == _BFLOAT16 else found
        if len(tensor.tensor_content) != math.prod(shape) * np.dtype(stored).itemsize:
            raise _unfit(shape, f"{len(tensor.tensor_content):,} bytes")
        values = np.frombuffer(tensor.tensor_content, stored)
    else:
        values = _one_by_one(tensor, kind)
    if kind == _BFLOAT16:  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    if values.size == math.prod(shape):
        return values.reshape(shape)
    if values.size > math.prod(shape):
        raise _unfit(shape, f"{values.size:,} values")
    if values.size == 1:
        return np.broadcast_to(values.reshape(()), shape)
    if values.size == 0:
        return np.zeros(shape, found)
    return np.pad(values, (0, math.prod(shape) - values.size), mode="edge").reshape(shape)


def _one_by_one(tensor: Any, kind: int) -> np.ndarray:
    values = getattr(tensor, _FIELDS.get(kind, "int_val"))
    if kind == _BFLOAT16:
        return np.array(values, np.int64).astype(np.uint16)
    if kind == 19:
        return np.array(values, np.int64).astype(np.uint16).view(np.float16)
    return np.array(values, np.int64 if kind in (3, 4, 5, 6, 17) else None).astype(_DTYPES[kind])


def _unfit(shape: Shape, found: str) -> UnreadableError:
    return UnreadableError(
        f"has a constant of shape {list(shape)} with {found}; the file is damaged"
    )
