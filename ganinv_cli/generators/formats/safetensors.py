"""Generators in safetensors files: a header in JSON that describes tensors, then their bytes."""

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ganinv_cli.generators.formats.interface import UnfinishedGenerator
from ganinv_cli.generators.formats.weights import state_dict
from ganinv_cli.generators.formats.weights.weight import Weight, check_floats, decode_floats
from ganinv_cli.settings.conventions import Conventions

DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator in a file."""
    options = state_dict.ReadOptions(conventions, ordered=False)  # tensors are sorted by name
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        weights = {
            name: _make_weight(file, name, entry, 8 + length)
            for name, entry in header.items()
            if name != "__metadata__"
        }
        return state_dict.find_generator({"": weights}, str(path), "safetensors", options)


def _make_weight(file: BinaryIO, name: str, entry: Any, data_start: int) -> Weight:
    dtype, shape = DTYPES.get(entry["dtype"], entry["dtype"]), tuple(entry["shape"])
    begin, end = entry["data_offsets"]

    def read() -> np.ndarray:
        check_floats(name, dtype)
        file.seek(data_start + begin)
        return decode_floats(file.read(end - begin), dtype).reshape(shape)

    return Weight(shape, read)
