"""Files as safetensors writes them, without its package."""

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

KINDS = {
    np.dtype(np.float16): "F16",
    np.dtype(ml_dtypes.bfloat16): "BF16",
    np.dtype(np.float32): "F32",
    np.dtype(np.float64): "F64",
    np.dtype(np.int64): "I64",
    np.dtype(np.int8): "I8",
}


def write_safetensors(path: Path, state: dict[str, np.ndarray], **changed: Any) -> Path:
    """As safetensors' save_file: sorted by name, header padded to 8 bytes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name in sorted(state, key=lambda each: (-state[each].itemsize, each)):
        array = state[name]
        place = [len(data), len(data) + array.nbytes]
        header[name] = {
            "dtype": KINDS[array.dtype],
            "shape": list(array.shape),
            "data_offsets": place,
        }
        data += array.tobytes()
    for name, entry in changed.items():
        header[name] = entry
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path
