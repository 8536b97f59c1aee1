"""Named weights whose shapes are known before any of them is read."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.interface import UnreadableError

# dtype name -> NumPy code; bfloat16 is the upper half of a float32
FLOAT_DTYPES = {"float16": "f2", "bfloat16": "u2", "float32": "f4", "float64": "f8"}


class Weight(NamedTuple):
    """A tensor in a file."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]  # of that shape, float32; raises UnreadableError
    program_name: str = ""  # in the program that wrote it, if that is another


Weights = Mapping[str, Weight]  # by name, in the order of the file


def decode_floats(data: bytes, dtype: str, byte_order: str = "<") -> np.ndarray:
    """Return bytes of a dtype of FLOAT_DTYPES as float32; `byte_order` is < or >, as in NumPy."""
    array = np.frombuffer(data, byte_order + FLOAT_DTYPES[dtype])
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):  # too large values become infinite, and are refused later
        return array.astype(np.float32)


def check_floats(name: str, dtype: str, stored_in: str = "file") -> None:
    """Raise UnreadableError if `dtype` is not in FLOAT_DTYPES."""
    if dtype not in FLOAT_DTYPES:
        raise UnreadableError(
            f"{name} holds {dtype}, but floats were expected ({', '.join(FLOAT_DTYPES)}); "
            f"use a {stored_in} that was not quantised"
        )
