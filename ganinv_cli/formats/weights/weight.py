"""Named weights of which the shapes are known before any of them is read."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ganinv_cli.formats.interface import UnreadableError

# names of what holds floats, and how NumPy reads it; bfloat16 is the upper half of a float32
FLOAT_DTYPES = {"float16": "f2", "bfloat16": "u2", "float32": "f4", "float64": "f8"}


class Weight(NamedTuple):
    """A tensor in a file."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]  # of that shape, float32; raises UnreadableError


Weights = Mapping[str, Weight]  # by name, in the order of the file


def decode_floats(data: bytes, dtype: str, byte_order: str = "<") -> np.ndarray:
    """The floats of one of FLOATS in some bytes, as float32; `order` is < or >, as in NumPy."""
    array = np.frombuffer(data, byte_order + FLOAT_DTYPES[dtype])
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused later
        return array.astype(np.float32)


def check_floats(name: str, dtype: str) -> None:
    """Raises UnreadableError where `kind` is none of FLOATS."""
    if dtype not in FLOAT_DTYPES:
        raise UnreadableError(
            f"{name} holds {dtype} where floats were expected ({', '.join(FLOAT_DTYPES)}); "
            "use a file that was not quantised"
        )
