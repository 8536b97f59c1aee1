"""Generators in safetensors files: a header in JSON that describes tensors, then their bytes."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ganinv_cli.formats.detect import FileFacts, Format
from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.formats.reading import damaged_error, open_file
from ganinv_cli.formats.weights import state_dict
from ganinv_cli.formats.weights.weight import Weight, check_floats, decode_floats
from ganinv_cli.settings.conventions import Conventions

MAX_HEADER = 1 << 24  # bytes; about 100 per tensor
MAX_AXES = 16

DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_ITEM_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator in a file. Raises UnreadableError."""
    options = state_dict.ReadOptions(conventions, ordered=False)  # tensors are sorted by name
    with open_file(path) as file:
        return state_dict.find_generator(
            {"": _read_header(file)}, str(path), "safetensors", options
        )


def _read_header(file: BinaryIO) -> dict[str, Weight]:
    file_size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if file_size < 8 or not 2 <= length <= min(MAX_HEADER, file_size - 8):
        raise UnreadableError(
            f"is no safetensors file: found {file_size:,} bytes, and a header of "
            f"{length:,}; copy it again from its source"
        )
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise UnreadableError("has a header that is no JSON; copy it again from its source")
    data_start = 8 + length
    return {
        name: _make_weight(file, name, entry, data_start, file_size)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _make_weight(file: BinaryIO, name: str, entry: Any, data_start: int, file_size: int) -> Weight:
    try:
        dtype, shape, (begin, end) = (
            str(entry["dtype"]),
            tuple(entry["shape"]),
            entry["data_offsets"],
        )
    except (TypeError, KeyError, ValueError):
        raise _damaged_error(name) from None
    if not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in (*shape, begin, end)):
        raise _damaged_error(name)
    if len(shape) > MAX_AXES or not begin <= end <= file_size - data_start:
        raise _damaged_error(name)
    return Weight(
        shape,
        _make_reader(
            file, name, DTYPES.get(dtype, dtype), shape, (data_start + begin, end - begin)
        ),
    )


def _make_reader(
    file: BinaryIO, name: str, dtype: str, shape: tuple[int, ...], byte_range: tuple[int, int]
) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        check_floats(name, dtype)
        start, length = byte_range
        if length != math.prod(shape) * _ITEM_SIZES[dtype]:
            raise _damaged_error(name)
        file.seek(start)
        data = file.read(length)
        if len(data) != length:
            raise _damaged_error(name)
        return decode_floats(data, dtype).reshape(shape)

    return read


def _damaged_error(name: str) -> UnreadableError:
    problem = "is described as no tensor is, or lies beyond the end of the file"
    return damaged_error(f"{name:.80} {problem}")


def _recognises(facts: FileFacts) -> bool:
    header_length = int.from_bytes(facts.first_bytes[:8], "little")
    return facts.first_bytes[8:9] == b"{" and header_length <= facts.size


FORMAT = Format("safetensors", read, _recognises, needs_tensorflow=True)
