"""Arrays in an .npz file that can be read only with its key.

Nothing is ever unpickled. A file is read only if its size agrees with its header.
"""

import io
import math
import stat
import tokenize
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

DAMAGED = (
    *(ValueError, KeyError, EOFError, RuntimeError, SyntaxError, tokenize.TokenError),
    *(zipfile.BadZipFile, NotImplementedError),
)
_DTYPE_KINDS = "biufU"  # numbers and text


def encode_arrays(arrays: Mapping[str, np.ndarray], key: str) -> bytes:
    """Return an .npz file, uncompressed, whose comment is its key."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = key.encode()
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), (1, 0), False)
    return file.getvalue()


def read_arrays(path: Path, key: str, max_bytes: int) -> dict[str, np.ndarray]:
    """Return the arrays of a file of at most `max_bytes` that `encode_arrays` made with a key.

    Raises OSError, or one of DAMAGED.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
        raise ValueError("not a file of arrays")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
        size = sum(member.file_size for member in members)
        if archive.comment != key.encode() or not stored or size > status.st_size:
            raise ValueError("not a file of this key")
        return {
            member.filename.removesuffix(".npy"): _decode_array(archive.read(member))
            for member in members
        }


def _decode_array(content: bytes) -> np.ndarray:
    """Return the array of an .npy file. Raises ValueError if its header and its size disagree."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("another version")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in _DTYPE_KINDS or math.prod(shape) * dtype.itemsize != (
        len(content) - file.tell()
    ):
        raise ValueError("another type or size")
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
