"""Generators in safetensors files: a header in JSON that describes tensors, then their bytes."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ganinv_cli.formats.reading import Conventions, Found, UnreadableError
from ganinv_cli.formats.weights import state_dict
from ganinv_cli.formats.weights.weight import Weight, check_floats, decoded

MOST_HEADER = 1 << 26  # bytes; some 100 a tensor
MOST_AXES = 16

KINDS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_WIDTHS = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


def read(path: Path, conventions: Conventions) -> Found:
    """The one generator in a file. Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            reading = state_dict.Reading(conventions, ordered=False)  # they are sorted by name
            return state_dict.found({"": _weights(file)}, str(path), "safetensors", reading)
    except OSError as error:
        raise UnreadableError(
            f"it cannot be read ({error.strerror or error}); check it and its permissions"
        ) from None


def _weights(file: BinaryIO) -> dict[str, Weight]:
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(MOST_HEADER, size - 8):
        raise UnreadableError(
            f"is no safetensors file: found {size:,} bytes of which the header takes {length:,}; "
            "copy it again from its source"
        )
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise UnreadableError("has a header that is no JSON; copy it again from its source")
    start = 8 + length
    return {
        name: _weight(file, name, entry, start, size)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _weight(file: BinaryIO, name: str, entry: Any, start: int, size: int) -> Weight:
    try:
        kind, shape, (begin, end) = (
            str(entry["dtype"]),
            tuple(entry["shape"]),
            entry["data_offsets"],
        )
    except (TypeError, KeyError, ValueError):
        raise _damaged(name) from None
    if not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in (*shape, begin, end)):
        raise _damaged(name)
    if len(shape) > MOST_AXES or not begin <= end <= size - start:
        raise _damaged(name)
    return Weight(
        shape, _reader(file, name, KINDS.get(kind, kind), shape, (start + begin, end - begin))
    )


def _reader(
    file: BinaryIO, name: str, kind: str, shape: tuple[int, ...], place: tuple[int, int]
) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        check_floats(name, kind)
        start, length = place
        if length != math.prod(shape) * _WIDTHS[kind]:
            raise _damaged(name)
        file.seek(start)
        data = file.read(length)
        if len(data) != length:
            raise _damaged(name)
        return decoded(data, kind).reshape(shape)

    return read


def _damaged(name: str) -> UnreadableError:
    return UnreadableError(
        f"{name:.80} is described as no tensor is, or lies beyond the end of the file; "
        "copy it again from its source"
    )
